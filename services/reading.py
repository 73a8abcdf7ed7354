"""Reading: everything that one answer needs, as it was at one position."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import PyMongoError
from pyroaring import BitMap

from documents.log import Head
from documents.projection import Collection, Database, Projection
from services.cells import cell_id, rank
from services.window import (
    DAY_MS,
    Cover,
    Window,
    cover,
    day_index,
    month_index,
    month_start,
)

logger = logging.getLogger(__name__)

TIME_LIMIT_MS = 10_000
"""How long the database may work on one query."""
SNAPSHOT_SECONDS = 60.0
"""How long a snapshot is used; the server keeps snapshots for 300 s."""
LINGER_SECONDS = 30.0
"""How long a snapshot that has been replaced stays open for those who still use it."""

NO_KEY = "-"
"""The key of a series that has no keys, and of what the events do not say."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked of the counters: a key of a series over the half-open range of instants."""

    series: str
    key: str
    start: int
    end: int


class Reading:
    """The stored figures at one position. All its queries see the same snapshot."""

    def __init__(
        self, head: Head, projection: Projection, session: AsyncIOMotorClientSession
    ) -> None:
        self.head = head
        self.projection = projection
        self.session = session
        self._turn = asyncio.Lock()

    async def totals(self, *wanted: tuple[str, str]) -> list[int]:
        """Return the counts since ever of (series, key) pairs."""
        names = [cell_id(series, key, None) for series, key in wanted]
        rows = await self.find(self.projection.totals, {"_id": {"$in": names}}, {"n": 1})
        found = {row["_id"]: row["n"] for row in rows}
        return [found.get(name, 0) for name in names]

    async def counts(self, spans: Sequence[Span]) -> list[int]:
        """Return the count of each span."""
        covers = [self._cover(span.start, span.end) for span in spans]
        months, days = await self._cells(
            zip(spans, covers, strict=True), {"n": 1, "parts": 1}, whole_days=False
        )
        return [_sum(months, days, span, parts) for span, parts in zip(spans, covers, strict=True)]

    async def users(self, span: Span) -> BitMap:
        """Return the ordinals of the distinct users of a span."""
        return (await self.users_of([span]))[0]

    async def users_of(self, spans: Sequence[Span]) -> list[BitMap]:
        """Return the ordinals of the distinct users of each span."""
        covers = [self._cover(span.start, span.end) for span in spans]
        months, days = await self._cells(
            zip(spans, covers, strict=True), {"users": 1, "slots": 1}, whole_days=True
        )
        return [
            _union(months, days, span, parts) for span, parts in zip(spans, covers, strict=True)
        ]

    async def users_ever(self, series: str, keys: Sequence[str]) -> list[BitMap]:
        """Return the ordinals of the distinct users of each key of a series since ever."""
        names = [cell_id(series, key, None) for key in keys]
        query = {"_id": {"$in": names}}
        rows = await self.find(self.projection.totals, query, {"users": 1})
        found = {row["_id"]: row["users"] for row in rows if row.get("users")}
        return [BitMap.deserialize(found[name]) if name in found else BitMap() for name in names]

    async def breakdown(self, series: str, window: Window) -> dict[str, int]:
        """Return the count of every key of a series over a window; keys without one are absent.

        The cost grows with the keys and the months of the window, not with the events.
        """
        if self.has_all(window):
            rows = await self.find(self.projection.totals, {"series": series}, {"key": 1, "n": 1})
            return {row["key"]: row["n"] for row in rows if row["n"]}
        parts = self._cover(window.start, window.end)
        by_month: defaultdict[int, list[int]] = defaultdict(list)
        for day in parts.days:
            by_month[month_index(day * DAY_MS)].append(day)
        counted: defaultdict[str, int] = defaultdict(int)
        periods = [*parts.months, *by_month]
        query = {"series": series, "period": {"$in": periods}}
        fields = {"key": 1, "period": 1, "n": 1, "parts": 1}
        for row in await self.find(self.projection.months, query, fields) if periods else []:
            if row["period"] in parts.months:
                counted[row["key"]] += row["n"]
            else:
                first = day_index(month_start(row["period"]))
                days = by_month[row["period"]]
                counted[row["key"]] += sum(row["parts"].get(str(day - first), 0) for day in days)
        query = {"series": series, "period": {"$in": [day for day, _, _ in parts.atoms]}}
        for row in await self.find(self.projection.days, query, fields) if parts.atoms else []:
            for day, low, high in parts.atoms:
                if day == row["period"]:
                    counted[row["key"]] += _slots(row, low, high)
        return {key: n for key, n in counted.items() if n}

    async def top(self, series: str, window: Window, first: int) -> list[tuple[str, int]]:
        """Return the keys with the highest counts, ties by key; the unknown key has no place."""
        if self.has_all(window):
            query = {"series": series, "key": {"$ne": NO_KEY}, "n": {"$gt": 0}}
            rows = await self.find(
                self.projection.totals,
                query,
                {"key": 1, "n": 1},
                sort=(("n", -1), ("rank", 1)),
                limit=first,
            )
            return [(row["key"], row["n"]) for row in rows]
        counted = await self.breakdown(series, window)
        counted.pop(NO_KEY, None)
        ordered = sorted(counted.items(), key=lambda item: (-item[1], rank(item[0])))
        return ordered[:first]

    def has_all(self, window: Window) -> bool:
        """Return whether nothing that is counted lies outside the window."""
        earliest, latest = self.head.earliest, self.head.latest
        if earliest is None or latest is None or window.is_all_time:
            return True
        return window.start <= earliest and latest < window.end

    async def find(
        self,
        collection: Collection,
        query: dict[str, Any],
        fields: dict[str, int] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 0,
    ) -> list[dict[str, Any]]:
        """Return the documents that a query finds in a projected collection."""
        # A session serves one query at a time.
        async with self._turn:
            cursor = collection.find(
                query,
                fields,
                session=self.session,
                max_time_ms=TIME_LIMIT_MS,
                batch_size=10_000,
                sort=list(sort) or None,
                limit=limit,
            )
            return await cursor.to_list(None)

    def _cover(self, start: int, end: int) -> Cover:
        """Cover a range as far as there are events at all."""
        earliest, latest = self.head.earliest, self.head.latest
        if earliest is None or latest is None:
            return Cover(range(0), (), ())
        start = max(start, day_index(earliest) * DAY_MS)
        end = min(end, (day_index(latest) + 1) * DAY_MS)
        return cover(start, end) if start < end else Cover(range(0), (), ())

    async def _cells(
        self, wanted: Iterable[tuple[Span, Cover]], fields: dict[str, int], *, whole_days: bool
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Return the month and day documents that hold the parts of spans, by their `_id`."""
        months: set[str] = set()
        days: set[str] = set()
        for span, parts in wanted:
            months.update(cell_id(span.series, span.key, month) for month in parts.months)
            days.update(cell_id(span.series, span.key, day) for day, _, _ in parts.atoms)
            if whole_days:
                days.update(cell_id(span.series, span.key, day) for day in parts.days)
            else:
                named = {month_index(day * DAY_MS) for day in parts.days}
                months.update(cell_id(span.series, span.key, month) for month in named)
        stored = self.projection
        by_month = await self.find(stored.months, {"_id": {"$in": list(months)}}, fields)
        by_day = await self.find(stored.days, {"_id": {"$in": list(days)}}, fields) if days else []
        return {row["_id"]: row for row in by_month}, {row["_id"]: row for row in by_day}


class Reader:
    """Opens readings of a database: one a position, shared by all who ask at it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heads = database[Head.Settings.name]
        self._reading: Reading | None = None
        self._opened = 0.0
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def position(self) -> int:
        """Return the position of the last commit."""
        row = await self._heads.find_one({"_id": "head"}, {"position": 1})
        return int(row["position"]) if row else 0

    async def reading(self, position: int) -> Reading:
        """Return a reading at the given position or a later one."""
        async with self._opening:
            now = asyncio.get_running_loop().time()
            kept = self._reading
            fresh = now - self._opened < SNAPSHOT_SECONDS
            if kept is None or kept.head.position < position or not fresh:
                self._reading = kept = await self._open()
                self._opened = now
            return kept

    async def _open(self) -> Reading:
        if self._reading is not None:
            closing = asyncio.create_task(self._close(self._reading))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        session = await self._database.client.start_session(snapshot=True)
        row = await self._heads.find_one({"_id": "head"}, session=session)
        head = Head.model_validate(row)
        return Reading(head, Projection(self._database, head.generation), session)

    async def _close(self, reading: Reading) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        try:
            await reading.session.end_session()
        except PyMongoError as error:
            logger.warning("A snapshot could not be closed: %s", error)

    async def close(self) -> None:
        """Let go of every snapshot."""
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)


def _slots(row: dict[str, Any], low: int, high: int) -> int:
    return sum(n for slot, n in row["parts"].items() if low <= int(slot) < high)


def _sum(
    months: dict[str, dict[str, Any]], days: dict[str, dict[str, Any]], span: Span, parts: Cover
) -> int:
    counted = 0
    for month in parts.months:
        row = months.get(cell_id(span.series, span.key, month))
        counted += row["n"] if row else 0
    for day in parts.days:
        month = month_index(day * DAY_MS)
        row = months.get(cell_id(span.series, span.key, month))
        if row:
            counted += row["parts"].get(str(day - day_index(month_start(month))), 0)
    for day, low, high in parts.atoms:
        row = days.get(cell_id(span.series, span.key, day))
        counted += _slots(row, low, high) if row else 0
    return counted


def _union(
    months: dict[str, dict[str, Any]], days: dict[str, dict[str, Any]], span: Span, parts: Cover
) -> BitMap:
    found = [months.get(cell_id(span.series, span.key, month)) for month in parts.months]
    found += [days.get(cell_id(span.series, span.key, day)) for day in parts.days]
    stored = [row["users"] for row in found if row and row.get("users")]
    for day, low, high in parts.atoms:
        row = days.get(cell_id(span.series, span.key, day))
        slots = (row or {}).get("slots") or {}
        stored += [users for slot, users in slots.items() if low <= int(slot) < high]
    return BitMap().union(*(BitMap.deserialize(users) for users in stored))
