"""Snapshots: the metrics of closed buckets, recorded when they end and revised when they change.

They are told of like commits: recording moves the position, so that subscribers learn of it and
two processes cannot both record the same.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import PyMongoError

from documents.log import Commit
from documents.projection import Collection, Database
from documents.snapshots import SnapshotCursor, SnapshotRecord
from services.analytics import Analytics, Question
from services.answers import Position, instant
from services.catalogue import METRICS
from services.cells import Operation
from services.errors import AnalyticsError
from services.ledger import Ledger
from services.paging import Page, PageInfo, bad_page, found
from services.reading import Reading
from services.trends import MetricDefinition, define
from services.updates import Updates
from services.window import LIMITS, Bucket, Calendar, Granularity

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
"""How long after a commit the snapshots are looked at, so that a backlog is done with first."""
RETRY_SECONDS = 5.0
BACKLOG = 500
"""So many waiting events are a backlog."""


class SnapshotPeriod(StrEnum):
    """How long a snapshot's bucket is; all in UTC, weeks from Monday."""

    HOURLY = "HOURLY"
    """An hour."""
    DAILY = "DAILY"
    """A day."""
    WEEKLY = "WEEKLY"
    """A week."""
    MONTHLY = "MONTHLY"
    """A month."""


GRANULARITIES = {
    SnapshotPeriod.HOURLY: Granularity.HOUR,
    SnapshotPeriod.DAILY: Granularity.DAY,
    SnapshotPeriod.WEEKLY: Granularity.WEEK,
    SnapshotPeriod.MONTHLY: Granularity.MONTH,
}
REACH = {
    SnapshotPeriod.HOURLY: 7 * 24,
    SnapshotPeriod.DAILY: 366,
    SnapshotPeriod.WEEKLY: 260,
    SnapshotPeriod.MONTHLY: 120,
}
"""How many buckets back the scheduler catches up what it missed."""


@dataclass(frozen=True, kw_only=True)
class SnapshotValue:
    """A metric in a snapshot."""

    metric: MetricDefinition
    """What the value means."""
    value: float | None
    """What was measured in the bucket or at its end; null is undefined."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The metrics of one closed bucket, and the totals at its end."""

    id: str
    """The period and the start of the bucket."""
    period: SnapshotPeriod
    """How long the bucket is."""
    start: datetime
    """The first instant of the bucket."""
    end: datetime
    """The first instant after the bucket."""
    revision: int
    """1 at first, and one more each time that it was recorded again."""
    recorded_at: datetime
    """When it was recorded last."""
    position: Position
    """The position at which its values were true."""
    figures: list[SnapshotValue]
    """Every metric of the catalogue."""


@dataclass(frozen=True, kw_only=True)
class SnapshotEdge:
    """A snapshot and its place."""

    cursor: str
    """Pass it as `after` or `before` to go on from here."""
    node: Snapshot
    """The snapshot."""


@dataclass(frozen=True, kw_only=True)
class SnapshotConnection:
    """A page of snapshots."""

    position: Position
    """The position at which all of this was true."""
    edges: list[SnapshotEdge]
    """The snapshots of this page, the newest first."""
    page_info: PageInfo
    """Where this page lies."""
    total_count: int
    """How many snapshots there are in all."""


class SnapshotProblem(StrEnum):
    """Why no snapshot was recorded."""

    BUCKET_NOT_ENDED = "BUCKET_NOT_ENDED"
    """The bucket has not ended; a snapshot is of a closed one."""
    BEFORE_THE_FIRST_EVENT = "BEFORE_THE_FIRST_EVENT"
    """The bucket ended before anything was counted."""


@dataclass(frozen=True, kw_only=True)
class RecordSnapshotPayload:
    """What became of the wish to record a snapshot."""

    snapshot: Snapshot | None
    """The snapshot; null if there was a problem."""
    problem: SnapshotProblem | None
    """Why none was recorded; null if one was."""
    position: Position
    """The position when the call was answered."""


async def page_of(
    reading: Reading, database: Database, period: SnapshotPeriod, bounds: Bucket | None, page: Page
) -> SnapshotConnection:
    """Return a page of snapshots whose buckets begin within the bounds. Raises BAD_PAGE."""
    collection = database[SnapshotRecord.Settings.name]
    query: dict[str, Any] = {"period": period.value}
    if bounds is not None:
        query["start"] = {"$gte": bounds.start, "$lt": bounds.end}
    total = await reading.count(collection, query)
    if page.cursor is not None:
        told = re.fullmatch(rf"{period.value}\|([0-9]{{1,15}})", page.cursor)
        if told is None:
            raise bad_page("This is no cursor of this connection.")
        side = "$gt" if page.backward else "$lt"
        query = {"$and": [query, {"start": {side: int(told[1])}}]}
    direction = 1 if page.backward else -1
    rows = await reading.find(collection, query, sort=(("start", direction),), limit=page.size + 1)
    edges, info = found(page, rows, lambda row: str(row["_id"]))
    return SnapshotConnection(
        position=Position(reading.head.position),
        edges=[SnapshotEdge(cursor=cursor, node=_told(row)) for cursor, row in edges],
        page_info=info,
        total_count=total,
    )


def _told(row: dict[str, Any]) -> Snapshot:
    return Snapshot(
        id=row["_id"],
        period=SnapshotPeriod(row["period"]),
        start=instant(row["start"]),
        end=instant(row["end"]),
        revision=row["revision"],
        recorded_at=instant(row["recorded"]),
        position=Position(row["position"]),
        figures=[
            SnapshotValue(metric=define(name), value=row["values"].get(name)) for name in METRICS
        ],
    )


@dataclass
class _Due:
    """The buckets of one period that are to be recorded, or looked at again."""

    period: SnapshotPeriod
    buckets: list[Bucket] = field(default_factory=list)


class Snapshots:
    """Records snapshots; any number of processes may do so on one database."""

    def __init__(
        self,
        database: Database,
        analytics: Analytics,
        ledger: Ledger,
        updates: Updates,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._records: Collection = database[SnapshotRecord.Settings.name]
        self._cursor: Collection = database[SnapshotCursor.Settings.name]
        self._analytics = analytics
        self._ledger = ledger
        self._updates = updates
        self._clock = clock
        self._calendar = Calendar()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to record what has ended, and what was missed."""
        self._task = asyncio.create_task(self._run(), name="snapshots")

    async def stop(self) -> None:
        """Stop recording; what is missed is caught up at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def page(
        self, period: SnapshotPeriod, question: Question, page: Page
    ) -> SnapshotConnection:
        """Return a page of snapshots, the newest first."""
        view = await self._analytics.view(question)
        # Not `view.range`: snapshots go on after the last event.
        window = view.window
        bounds = None if window.is_all_time else Bucket(window.start, window.end)
        return await page_of(view.reading, self._database, period, bounds, page)

    async def record(self, period: SnapshotPeriod, at: int | None) -> RecordSnapshotPayload:
        """Record the snapshot of the bucket that holds an instant; of the last one without it."""
        granularity = GRANULARITIES[period]
        now = self._clock()
        if at is None:
            start = self._calendar.back(now, 1, granularity)
        else:
            # The calendar reaches no further: nothing counts before that, nothing has ended after.
            within_reach = min(max(at, LIMITS.earliest), LIMITS.latest)
            start = self._calendar.floor(within_reach, granularity)
        bucket = Bucket(start, self._calendar.next(start, granularity))
        reading = await self._analytics.reading()
        problem = None
        if bucket.end > now:
            problem = SnapshotProblem.BUCKET_NOT_ENDED
        elif reading.head.earliest is None or bucket.end <= reading.head.earliest:
            problem = SnapshotProblem.BEFORE_THE_FIRST_EVENT
        if problem is not None:
            return RecordSnapshotPayload(
                snapshot=None, problem=problem, position=Position(self._updates.position)
            )
        await self._write(await self._measured(reading, _Due(period, [bucket])), renew=True)
        row = await self._records.find_one({"_id": _id(period, bucket)})
        assert row is not None  # noqa: S101  # just written; nothing deletes it
        return RecordSnapshotPayload(
            snapshot=_told(row), problem=None, position=Position(self._updates.position)
        )

    async def tick(self) -> None:
        """Record every closed bucket that is missing, and revise those whose figures changed."""
        reading = await self._analytics.reading()
        if reading.head.earliest is None:
            return
        since = await self._since(reading)
        for period in SnapshotPeriod:
            due = await self._due(period, reading, since)
            if due.buckets:
                await self._write(await self._measured(reading, due))
        await self._cursor.update_one(
            {"_id": "cursor"}, {"$max": {"position": reading.head.position}}, upsert=True
        )

    async def _run(self) -> None:
        while True:
            seen = self._updates.position
            try:
                if not await self._is_behind():
                    await self.tick()
            except (PyMongoError, AnalyticsError) as error:
                logger.warning("Snapshots were not recorded, trying again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:  # the scheduler must never end without a word
                logger.exception("Snapshots were not recorded, trying again")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            now = self._clock()
            until = self._calendar.next(now, Granularity.HOUR) - now
            try:
                async with asyncio.timeout(until / 1000):
                    await self._updates.beyond(seen)
                await asyncio.sleep(SETTLE_SECONDS)
            except TimeoutError:
                continue

    async def _is_behind(self) -> bool:
        """Return whether a backlog is being committed, which would make snapshots stale at once."""
        events, _ = await self._ledger.waiting()
        return events > BACKLOG

    async def _since(self, reading: Reading) -> int | None:
        """Return the earliest instant whose figures moved after what the scheduler has seen."""
        cursor = await self._cursor.find_one({"_id": "cursor"})
        seen = cursor["position"] if cursor else 0
        rows = self._database[Commit.Settings.name].aggregate(
            [
                {"$match": {"_id": {"$gt": seen, "$lte": reading.head.position}}},
                {"$group": {"_id": None, "since": {"$min": "$since"}}},
            ]
        )
        found = await rows.to_list(1)
        return found[0]["since"] if found else None

    async def _due(self, period: SnapshotPeriod, reading: Reading, since: int | None) -> _Due:
        """Return the closed buckets within reach that are missing, and all that are stale.

        Stale are those that end after `since`.
        """
        granularity, now = GRANULARITIES[period], self._clock()
        assert reading.head.earliest is not None  # noqa: S101  # the caller has looked
        end = self._calendar.floor(now, granularity)
        start = max(
            self._calendar.back(now, REACH[period], granularity),
            self._calendar.floor(reading.head.earliest, granularity),
        )
        reached = self._calendar.buckets(start, end, granularity) if start < end else []
        recent = await self._recorded(period, {"start": {"$gte": start}})
        missing = [bucket for bucket in reached if bucket not in recent]
        stale = set() if since is None else await self._recorded(period, {"end": {"$gt": since}})
        return _Due(period, sorted([*missing, *stale], key=lambda bucket: bucket.start))

    async def _recorded(self, period: SnapshotPeriod, query: dict[str, Any]) -> set[Bucket]:
        rows = self._records.find({"period": period.value, **query}, {"start": 1, "end": 1})
        return {Bucket(row["start"], row["end"]) async for row in rows}

    async def _measured(self, reading: Reading, due: _Due) -> list[dict[str, Any]]:
        """Return the snapshots of buckets as they are to be stored, but for the revision."""
        view = await self._analytics.view(Question(), reading)
        granularity = GRANULARITIES[due.period]
        values = {
            name: await view.values(metric, due.buckets, granularity)
            for name, (_, metric) in METRICS.items()
        }
        return [
            {
                "_id": _id(due.period, bucket),
                "period": due.period.value,
                "start": bucket.start,
                "end": bucket.end,
                "recorded": self._clock(),
                "position": reading.head.position,
                "values": {name: series[place] for name, series in values.items()},
            }
            for place, bucket in enumerate(due.buckets)
        ]

    async def _write(self, rows: Sequence[dict[str, Any]], *, renew: bool = False) -> None:
        """Store snapshots of which the values are new; with `renew` all of them.

        Of the others it is stored that they were still true at this position, or a slower process
        might yet store what it measured at one before.
        """
        names = [row["_id"] for row in rows]
        stored = {row["_id"]: row async for row in self._records.find({"_id": {"$in": names}})}
        writes: list[Operation] = []
        confirmed: list[Operation] = []
        for row in rows:
            known = stored.get(row["_id"])
            if renew or known is None or row["values"] != known["values"]:
                writes.append(UpdateOne({"_id": row["_id"]}, [_renewed(row)], upsert=True))
            else:
                same = {"_id": row["_id"], "revision": known["revision"]}
                confirmed.append(UpdateOne(same, {"$max": {"position": row["position"]}}))
        if confirmed:
            result = await self._records.bulk_write(confirmed, ordered=False)
            if result.matched_count < len(confirmed):
                # Another process has revised one of them in between.
                await self._write(rows, renew=renew)
                return
        if writes:
            committed = await self._ledger.record("SNAPSHOT", [(self._records, writes)])
            await self._updates.publish(committed.position)


def _renewed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the stage that makes a stored snapshot the new one, unless it is of a later position.

    Another process may have measured later and written earlier.
    """
    revision = {"$add": [{"$ifNull": ["$revision", 0]}, 1]}
    renewed = {"$mergeObjects": [{"$literal": row}, {"revision": revision}]}
    is_later = {"$gt": ["$position", row["position"]]}
    return {"$replaceWith": {"$cond": [is_later, "$$ROOT", renewed]}}


def _id(period: SnapshotPeriod, bucket: Bucket) -> str:
    return f"{period.value}|{bucket.start}"
