"""The questions that can be asked, each answered from the cache or at the latest position."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import TypeVar

from pymongo.errors import PyMongoError

from documents.log import Commit
from documents.projection import Database
from services import activity, issuance, overview, status, trends
from services.answers import Names
from services.cache import AnswerCache
from services.errors import AnalyticsError
from services.events import EventType
from services.issuance import IssuanceMetrics
from services.overview import Overview
from services.reading import Reader, Reading
from services.updates import Updates
from services.window import ATOM_MS, Granularity, RangeSpec, Weekday, Window, resolve

T = TypeVar("T")
MAX_COMMITS = 1000
"""How many commits an update tells of; a subscriber that was away for longer asks again."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which window is asked about."""

    range: RangeSpec | None = None
    zone: str = "UTC"
    week_start: Weekday = Weekday.MONDAY

    def window(self, reading: Reading, now: int) -> Window:
        """Return the window that is meant at the instant `now`. Raises `WindowError`."""
        return resolve(
            self.range,
            zone=self.zone,
            week_start=self.week_start,
            now=now,
            earliest=reading.head.earliest,
        )


@dataclass(frozen=True, kw_only=True)
class AggregatedAnalytics:
    """Everything in one answer, all of it at one position."""

    timestamp: datetime
    """When it was computed."""
    position: int
    """The position at which all of this was true."""
    issuance: IssuanceMetrics
    """How many badges were issued, revoked and are held, when, and of what kind."""
    metrics: Overview
    """The few figures that stand above everything else."""


def milliseconds() -> int:
    """Return the time, in milliseconds since 1970."""
    return int(time() * 1000)


class Analytics:
    """Answers questions. `clock` gives the time in milliseconds since 1970."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        updates: Updates,
        cache: AnswerCache,
        names: Names,
        clock: Callable[[], int] = milliseconds,
    ) -> None:
        self._database = database
        self._reader = reader
        self._cache = cache
        self._names = names
        self._clock = clock
        self.updates = updates

    async def reading(self) -> Reading:
        """Return a reading at the latest position. Raises `AnalyticsError` UNAVAILABLE."""
        try:
            return await self._reader.reading(self.updates.position)
        except PyMongoError as error:
            raise AnalyticsError("UNAVAILABLE", "The database is away; ask again later.") from error

    async def issuance(self, question: Question, reading: Reading | None = None) -> IssuanceMetrics:
        """Answer the family `issuance`."""
        return await self._windowed(
            "issuance",
            question,
            reading,
            lambda at, window: issuance.answer(at, window, self._names),
        )

    async def aggregated(
        self, question: Question, reading: Reading | None = None
    ) -> AggregatedAnalytics:
        """Answer everything at once."""
        at = reading or await self.reading()
        issued = await self.issuance(question, at)
        return AggregatedAnalytics(
            timestamp=issued.as_of,
            position=at.head.position,
            issuance=issued,
            metrics=await self.overview(at),
        )

    async def overview(self, reading: Reading | None = None) -> Overview:
        """Answer the overview."""
        return await self._kept(("overview",), reading, overview.answer)

    async def trend(
        self, question: Question, metric: str, granularity: Granularity
    ) -> trends.Trend:
        """Answer one metric as a series."""
        return await self._windowed(
            f"trend {metric} {granularity}",
            question,
            None,
            lambda at, window: trends.answer(at, window, metric, granularity),
        )

    async def activity(
        self, page: activity.Page, types: Sequence[EventType]
    ) -> activity.ActivityConnection:
        """Return a page of what happened."""
        key = ("activity", page, tuple(sorted(types)))
        return await self._kept(key, None, lambda at: activity.answer(at, page, types))

    async def status(self) -> status.ServiceStatus:
        """Return where the service is, as of now."""
        reading = await self.reading()
        try:
            return await status.answer(reading, self._database, self._cache.hit_rate)
        except PyMongoError as error:
            raise AnalyticsError("UNAVAILABLE", "The database is away; ask again later.") from error

    async def commits(self, since: int, position: int) -> list[Commit]:
        """Return the commits after one position up to another, the last thousand at most."""

        async def read(_: Reading) -> list[Commit]:
            first = max(since, position - MAX_COMMITS)
            return await Commit.find({"_id": {"$gt": first, "$lte": position}}).to_list()

        return await self._kept(("commits", since, position), None, read)

    async def _windowed(
        self,
        name: str,
        question: Question,
        reading: Reading | None,
        compute: Callable[[Reading, Window], Awaitable[T]],
    ) -> T:
        now = self._clock()
        # Every bucket begins at a whole quarter hour, so nothing can roll over in between.
        key = (name, question, now // ATOM_MS)

        async def answer(at: Reading) -> T:
            return await compute(at, question.window(at, now))

        return await self._kept(key, reading, answer)

    async def _kept(
        self, key: Hashable, reading: Reading | None, compute: Callable[[Reading], Awaitable[T]]
    ) -> T:
        at = reading or await self.reading()

        async def computed() -> T:
            try:
                return await compute(at)
            except PyMongoError as error:
                raise AnalyticsError(
                    "UNAVAILABLE", "The database is away; ask again later."
                ) from error

        return await self._cache.get((at.head.position, at.head.generation, key), computed)
