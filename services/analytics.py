"""The questions that can be asked, each answered from the cache or at the latest position."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import time
from typing import Any, TypeVar

from pymongo.errors import ExecutionTimeout, PyMongoError

from documents.log import Commit
from documents.projection import Database
from services import activity, badges, directory, people, status, trends
from services.answers import Names, instant
from services.cache import AnswerCache
from services.catalogue import METRICS
from services.community import CommunityMetrics
from services.distribution import BadgeDistribution
from services.errors import AnalyticsError
from services.events import EventType
from services.figures import Where, check
from services.issuance import IssuanceMetrics
from services.overview import Overview
from services.paging import Page
from services.reading import Reader, Reading
from services.updates import Updates
from services.users import UserMetrics
from services.view import Answer, View
from services.waits import Waits
from services.window import (
    ATOM_MS,
    Comparison,
    Granularity,
    RangeSpec,
    Weekday,
    resolve,
)

T = TypeVar("T")
MAX_COMMITS = 1000
"""How many commits an update tells of; a subscriber that was away for longer asks again."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which window is asked about, which badges, and what it is compared with."""

    range: RangeSpec | None = None
    zone: str = "UTC"
    week_start: Weekday = Weekday.MONDAY
    where: Where = field(default_factory=Where)
    compared: Comparison | RangeSpec | None = None


class AggregatedAnalytics(Answer):
    """Everything in one answer, all of it at one position."""

    def timestamp(self) -> datetime:
        """When it was computed."""
        return instant(self.view.window.now)

    def issuance(self) -> IssuanceMetrics:
        """How many badges were issued, revoked and are held, when, and of what kind."""
        return IssuanceMetrics(view=self.view)

    def community(self) -> CommunityMetrics:
        """How many communities and members there are, how active they are, and how they grow."""
        return CommunityMetrics(view=self.view)

    def users(self) -> UserMetrics:
        """Who joins, who is active, who comes back, and how many badges each holds."""
        return UserMetrics(view=self.view)

    def distribution(self) -> BadgeDistribution:
        """What kinds of badges were issued in the range, and how they share the whole."""
        return BadgeDistribution(view=self.view)

    async def figures(self) -> list[trends.MetricValue]:
        """Every metric of the catalogue over the range, compared if a comparison is asked for."""
        return await asyncio.gather(*(trends.value(self.view, name) for name in METRICS))

    def metrics(self) -> Overview:
        """The few figures that stand above everything else."""
        return Overview(view=self.view)


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
        self._waits = Waits()
        self.updates = updates

    async def reading(self) -> Reading:
        """Return a reading at the latest position. Raises `AnalyticsError` UNAVAILABLE."""
        return await _available(self._reader.reading(self.updates.position))

    async def look(self) -> None:
        """Learn the latest position from the database. Raises `AnalyticsError` UNAVAILABLE."""
        await _available(self.updates.look())

    async def view(self, question: Question, reading: Reading | None = None) -> View:
        """Return what the families answer of a question.

        Raises `WindowError`, or `AnalyticsError` for a filter as `check` does.
        """
        at = reading or await self.reading()
        categories = tuple(map(self._names.category_key, question.where.categories))
        levels = tuple(map(self._names.level_key, question.where.levels))
        where = replace(question.where, categories=categories, levels=levels)
        check(at, where, self._names.configured())
        now = self._clock()
        window = resolve(
            question.range,
            zone=question.zone,
            week_start=question.week_start,
            now=now,
            earliest=at.head.earliest,
            latest=at.head.latest,
        )
        # Every bucket begins at a whole quarter hour, so nothing can roll over in between.
        place, prefix = _place(at), f"{question}{now // ATOM_MS}"

        def keep(name: str, compute: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
            return self._cache.get(place, f"{prefix}{name}", lambda: _available(compute()))

        return View(
            at,
            window,
            names=self._names,
            where=where,
            compared=question.compared,
            keep=keep,
        )

    async def trend(
        self, question: Question, metric: str, granularity: Granularity
    ) -> trends.Trend:
        """Answer one metric as a series."""
        view = await self.view(question)
        found: trends.Trend = await view.keep(
            f"trend {metric} {granularity}", lambda: trends.trend(view, metric, granularity)
        )
        return found

    async def activity(
        self, page: Page, types: Sequence[EventType], told: activity.Told
    ) -> activity.ActivityConnection:
        """Return a page of what happened."""
        types = sorted(set(types))
        key = ("activity", page, tuple(types), told)
        return await self.kept(key, lambda at: activity.answer(at, page, types, told))

    async def badges(
        self, question: Question, asked: badges.BadgesAsked, page: Page
    ) -> badges.IssuedBadgeConnection:
        """Return a page of issued badges."""
        view = await self.view(question)
        return await _listed(view, f"{asked}{page}", lambda: badges.badges(view, asked, page))

    async def people(
        self, question: Question, group: people.Group | None, order: people.PersonOrder, page: Page
    ) -> people.PersonConnection:
        """Return a page of users."""
        view = await self.view(question)
        key = f"people{group}{order}{page}"
        return await _listed(view, key, lambda: people.people(view, group, order, page))

    async def communities(
        self,
        question: Question,
        is_deactivated: bool | None,  # an argument of the API
        order: directory.CommunityOrder,
        page: Page,
    ) -> directory.CommunityConnection:
        """Return a page of communities."""
        view = await self.view(question)
        return await _listed(
            view,
            f"communities{is_deactivated}{order}{page}",
            lambda: directory.community_list(view, is_deactivated, order, page),
        )

    async def templates(
        self, question: Question, order: directory.TemplateOrder, page: Page
    ) -> directory.TemplateConnection:
        """Return a page of kinds of badges."""
        view = await self.view(question)
        key = f"templates{order}{page}"
        return await _listed(view, key, lambda: directory.template_list(view, order, page))

    async def status(self) -> status.ServiceStatus:
        """Return where the service is, as of now."""
        reading = await self.reading()
        answer = status.answer(reading, self._database, self._cache.hit_rate, self._waits)
        return await _available(answer)

    async def commits(self, since: int, position: int) -> list[Commit]:
        """Return the commits after one position up to another, the last thousand at most."""

        async def read(_: Reading) -> list[Commit]:
            first = max(since, position - MAX_COMMITS)
            return await Commit.find({"_id": {"$gt": first, "$lte": position}}).to_list()

        return await self.kept(("commits", since, position), read)

    async def kept(
        self,
        key: Hashable,
        compute: Callable[[Reading], Awaitable[T]],
        reading: Reading | None = None,
    ) -> T:
        """Return what is kept under a key and the position, or compute it there."""
        at = reading or await self.reading()
        return await self._cache.get(_place(at), repr(key), lambda: _available(compute(at)))


async def _listed(view: View, name: str, compute: Callable[[], Awaitable[T]]) -> T:
    found: T = await view.keep(name, compute)
    return found


def _place(at: Reading) -> str:
    return f"{at.head.generation}.{at.head.position}"


async def _available(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except ExecutionTimeout as error:
        message = "This takes too long to find; ask for a shorter range or a narrower filter."
        raise AnalyticsError("TIME_LIMIT_EXCEEDED", message) from error
    except PyMongoError as error:
        raise AnalyticsError("UNAVAILABLE", "The database is away; ask again later.") from error
