"""Reading: everything that one answer needs, as it was at one position."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from motor.motor_asyncio import AsyncIOMotorClientSession
from numpy.typing import NDArray
from pymongo.errors import PyMongoError
from pyroaring import BitMap

from documents.log import Head
from documents.projection import Collection, Database, Projection
from services.cells import NO_KEY, cell_id, part_counts
from services.columns import Chunks, Codes, Columns
from services.window import (
    ATOMS_A_DAY,
    DAY_MS,
    Cover,
    Window,
    cover,
    day_index,
    days_in_month_index,
    month_of_day,
)

logger = logging.getLogger(__name__)

TIME_LIMIT_MS = 10_000
"""How long the database may work on one query."""
SNAPSHOT_SECONDS = 60.0
"""How long a snapshot is used; the server keeps snapshots for 300 s."""
LINGER_SECONDS = 30.0
"""How long a snapshot that has been replaced stays open for those who still use it."""
FINISH_SECONDS = 0.25
"""How long one that has been replaced keeps what it has read, for those who are at work there."""
KEPT_READS = 100
"""How many larger reads a reading keeps."""
KEPT_CELLS = 20_000
"""How many cells of one kind a reading keeps."""

T = TypeVar("T")
Range = tuple[int, int]
"""A half-open range of instants, whole quarter hours."""
Cell = dict[str, Any]
_numbers = itertools.count()
_NOWHERE = Cover(range(0), (), ())


class _Cells:
    """The cells of one collection, as far as `fields` go; each is read once.

    What is asked for within one turn of the event loop is read by one query, so that parts of an
    answer which are worked out side by side cost one trip to the database.
    """

    def __init__(self, fetch: Callable[[list[str]], Any]) -> None:
        self._fetch = fetch
        self._known: dict[str, Cell | None] = {}
        self._wanted: dict[str, None] = {}
        self._reading: asyncio.Task[None] | None = None

    async def get(self, names: Iterable[str]) -> dict[str, Cell]:
        """Return the cells that exist, by their `_id`."""
        asked = list(names)
        while missing := [name for name in asked if name not in self._known]:
            self._wanted.update(dict.fromkeys(missing))
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
            await asyncio.shield(self._reading)
        return {name: cell for name in asked if (cell := self._known[name]) is not None}

    def forget(self) -> None:
        """Let go of what is known."""
        self._known.clear()

    async def _read(self) -> None:
        await asyncio.sleep(0)
        self._reading, wanted, self._wanted = None, self._wanted, {}
        if len(self._known) > KEPT_CELLS:
            self._known.clear()
        found = {cell["_id"]: cell for cell in await self._fetch(list(wanted))}
        self._known.update({name: found.get(name) for name in wanted})


class Reading:
    """The stored figures at one position. All its queries see the same snapshot."""

    def __init__(
        self,
        head: Head,
        projection: Projection,
        session: AsyncIOMotorClientSession,
        chunks: Chunks,
        codes: Codes,
    ) -> None:
        self.head = head
        self.number = next(_numbers)
        """Tells readings of one position apart."""
        self.projection = projection
        self.session = session
        self.codes = codes
        self.filtered: dict[Any, Any] = {}
        """The figures of the filters used last, which hold their facts; `View` keeps it."""
        self._whole_months: dict[tuple[str, int], list[Cell]] = {}
        self._once: dict[Hashable, asyncio.Task[Any]] = {}
        self._turn = asyncio.Lock()
        self._kept: list[_Cells] = []
        self._ever = self._cells(projection.totals, "n", "user_count")
        self._by_day = self._cells(projection.months, "parts")
        self._by_quarter_hour = self._cells(projection.quarter_hours, "parts")
        self._users_ever = self._cells(projection.totals, "users")
        self._users_by_month = self._cells(projection.months, "users")
        self._users_by_day = self._cells(projection.day_users, "users")
        self._users_by_quarter_hour = self._cells(projection.day_users, "slots")
        self.columns = Columns(
            self.find, chunks, projection.fact_chunks, projection.user_chunks, head
        )

    async def once(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what is read under a key, reading it for the first who asks; others wait."""
        task = self._once.get(key)
        if task is None or (task.done() and task.exception() is not None):
            if len(self._once) >= KEPT_READS:
                del self._once[next(iter(self._once))]
            task = self._once[key] = asyncio.create_task(read())
        found: T = await asyncio.shield(task)
        return found

    # Counters

    async def totals(self, series: str, keys: Sequence[str] = (NO_KEY,)) -> list[int]:
        """Return the counts of keys of a series since ever."""
        return await self._told_ever("n", series, keys)

    async def user_counts(self, series: str, keys: Sequence[str]) -> list[int]:
        """Return how many distinct users keys of a series have since ever."""
        return await self._told_ever("user_count", series, keys)

    async def _told_ever(self, field: str, series: str, keys: Sequence[str]) -> list[int]:
        names = [cell_id(series, key, None) for key in keys]
        found = await self._ever.get(names)
        return [found.get(name, {}).get(field, 0) for name in names]

    async def users_ever(self, series: str) -> BitMap:
        """Return the ordinals of the distinct users of a series without keys since ever."""
        name = cell_id(series, NO_KEY, None)
        return _users((await self._users_ever.get([name])).get(name))

    async def counts(self, series: str, ranges: Sequence[Range]) -> list[int]:
        """Return the count of a series without keys in each range."""
        covers = [self.cover(start, end) for start, end in ranges]
        days = [parts.days_by_month() for parts in covers]
        edges = {month for parts in covers for month in parts.months_of_atoms()}
        by_day = await self._by_period(self._by_day, series, set().union(*days))
        by_quarter_hour = await self._by_period(self._by_quarter_hour, series, edges)
        return [
            _of_days(by_day, whole) + _of_atoms(by_quarter_hour, parts)
            for whole, parts in zip(days, covers, strict=True)
        ]

    async def distinct(self, series: str, ranges: Sequence[Range]) -> list[BitMap]:
        """Return the ordinals of the distinct users of a series without keys in each range."""
        covers = [self.cover(start, end) for start, end in ranges]
        months = {month for parts in covers for month in parts.months}
        days = {day for parts in covers for day in parts.days}
        edges = {day for parts in covers for day, _, _ in parts.atoms}
        by_month = await self._by_period(self._users_by_month, series, months)
        by_day = await self._by_period(self._users_by_day, series, days)
        slots = await self._by_period(self._users_by_quarter_hour, series, edges)
        return [_union(by_month, by_day, slots, parts) for parts in covers]

    async def quarter_hours(
        self, series: str, months: Iterable[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the quarter hours since 1970 in UTC months, and what a series counts in each.

        The series is one without keys.
        """
        found = await self._by_period(self._by_quarter_hour, series, set(months))
        atoms, counted = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for month, cell in found.items():
            days = days_in_month_index(month)
            atoms.append(np.arange(days.start * ATOMS_A_DAY, days.stop * ATOMS_A_DAY))
            counts = np.frombuffer(part_counts(cell), np.int32)[: len(atoms[-1])]
            counted.append(counts.astype(np.int64))
        return np.concatenate(atoms), np.concatenate(counted)

    async def months(
        self, series: str, keys: Sequence[str], months: Iterable[int]
    ) -> list[dict[int, Cell]]:
        """Return, for each key of a series, the counts of each month that has any."""
        wanted = [{cell_id(series, key, month): month for month in months} for key in keys]
        found = await self._by_day.get(name for names in wanted for name in names)
        return [
            {month: found[name] for name, month in names.items() if name in found}
            for names in wanted
        ]

    async def whole_months(self, series: str, months: Iterable[int]) -> dict[int, list[Cell]]:
        """Return the counts of all keys of a series in each month."""
        known, months = self._whole_months, set(months)
        # What is known may be let go of while the rest is read.
        found = {month: known[series, month] for month in months if (series, month) in known}
        missing = sorted(months - found.keys())
        if missing:
            query = {"series": series, "period": {"$in": missing}}
            fields = {"key": 1, "period": 1, "parts": 1}
            found |= {month: [] for month in missing}
            for cell in await self.find(self.projection.months, query, fields):
                found[cell["period"]].append(cell)
            known.update({(series, month): found[month] for month in missing})
            if sum(map(len, known.values())) > KEPT_CELLS:
                known.clear()
        return found

    async def users_by_month(
        self, series: str, keys: Sequence[str], months: Iterable[int]
    ) -> list[list[BitMap]]:
        """Return, for each key of a series, the distinct users of each month that has any."""
        wanted = [[cell_id(series, key, month) for month in months] for key in keys]
        found = await self._users_by_month.get(name for names in wanted for name in names)
        return [[_users(found[name]) for name in names if name in found] for names in wanted]

    async def _by_period(self, cells: _Cells, series: str, periods: set[int]) -> dict[int, Cell]:
        names = {cell_id(series, NO_KEY, period): period for period in periods}
        found = await cells.get(names)
        return {names[name]: cell for name, cell in found.items()}

    def _cells(self, level: Collection, *fields: str) -> _Cells:
        projected = dict.fromkeys(fields, 1)
        cells = _Cells(lambda names: self.find(level, {"_id": {"$in": names}}, projected))
        self._kept.append(cells)
        return cells

    def retire(self) -> None:
        """Let go of what was read: who is still at work here reads it again."""
        self.filtered.clear()
        self._whole_months.clear()
        self._once.clear()
        for cells in self._kept:
            cells.forget()

    # What the figures are about

    def has_all(self, window: Window) -> bool:
        """Return whether nothing that is counted lies outside the window."""
        earliest, latest = self.head.earliest, self.head.latest
        if earliest is None or latest is None or window.is_all_time:
            return True
        return window.start <= earliest and latest < window.end

    def cover(self, start: int, end: int) -> Cover:
        """Cover a range as far as there are events at all."""
        earliest, latest = self.head.earliest, self.head.latest
        if earliest is None or latest is None:
            return _NOWHERE
        start = max(start, day_index(earliest) * DAY_MS)
        end = min(end, (day_index(latest) + 1) * DAY_MS)
        return cover(start, end) if start < end else _NOWHERE

    async def find(
        self,
        collection: Collection,
        query: dict[str, Any],
        fields: dict[str, int] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 0,
        hint: str | None = None,
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
                hint=hint,
            )
            return await cursor.to_list(None)

    async def count(self, collection: Collection, query: dict[str, Any]) -> int:
        """Return how many documents a query finds."""
        async with self._turn:
            found: int = await collection.count_documents(
                query, session=self.session, maxTimeMS=TIME_LIMIT_MS
            )
            return found


class Reader:
    """Opens readings of a database: one a position, shared by all who ask at it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heads = database[Head.Settings.name]
        self._chunks = Chunks()
        self._codes = Codes(0)
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
        projection = Projection(self._database, head.generation)
        if self._codes.generation != head.generation:
            self._codes = Codes(head.generation)
        reading = Reading(head, projection, session, self._chunks, self._codes)
        if len(self._codes) < head.codes:
            known = {"_id": {"$gt": len(self._codes)}}
            self._codes.learn(await reading.find(projection.codes, known, sort=[("_id", 1)]))
        return reading

    async def _close(self, reading: Reading) -> None:
        await asyncio.sleep(FINISH_SECONDS)
        reading.retire()
        await asyncio.sleep(LINGER_SECONDS - FINISH_SECONDS)
        try:
            await reading.session.end_session()
        except PyMongoError as error:
            logger.warning("A snapshot could not be closed: %s", error)

    async def close(self) -> None:
        """Let go of every snapshot."""
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)


def _users(cell: Cell | None) -> BitMap:
    stored = cell.get("users") if cell else None
    return BitMap.deserialize(stored) if stored else BitMap()


def _of_days(months: dict[int, Cell], days: dict[int, slice]) -> int:
    return sum(
        sum(part_counts(months[month])[places]) for month, places in days.items() if month in months
    )


def _of_atoms(months: dict[int, Cell], parts: Cover) -> int:
    counted = 0
    for day, low, high in parts.atoms:
        month, place = month_of_day(day)
        if month in months:
            first = place * ATOMS_A_DAY
            counted += sum(part_counts(months[month])[first + low : first + high])
    return counted


def _union(
    by_month: dict[int, Cell], by_day: dict[int, Cell], edges: dict[int, Cell], parts: Cover
) -> BitMap:
    found = [by_month.get(month) for month in parts.months]
    found += [by_day.get(day) for day in parts.days]
    stored = [cell["users"] for cell in found if cell and cell.get("users")]
    for day, low, high in parts.atoms:
        slots = edges[day].get("slots", {}) if day in edges else {}
        stored += [slots[str(slot)] for slot in range(low, high) if str(slot) in slots]
    return BitMap().union(*map(BitMap.deserialize, stored))
