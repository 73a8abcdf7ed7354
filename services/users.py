"""Users: who joins, who is active, who comes back, and how many badges each holds."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pyroaring import BitMap

from services import retention
from services.answers import SeriesPoint, Slice, slices
from services.columns import within
from services.facts import UserFacts
from services.families import (
    Family,
    Metric,
    MetricFamily,
    Point,
    Values,
    flow,
    ratio,
    stock,
    uniques,
)
from services.figures import HELD_BINS, Figures, held_bin
from services.reading import Range
from services.retention import LifecyclePoint, RetentionCohorts, RetentionMode
from services.tables import NEVER
from services.view import Answer, figure
from services.window import (
    HOURS_A_WEEK,
    Bucket,
    Granularity,
    Weekday,
    WindowError,
    hours_of_the_week,
)

DEFAULT_COHORTS = {Granularity.MONTH: 12, Granularity.WEEK: 12, Granularity.DAY: 14}
MAX_COHORTS = 100


def _project(user: UserFacts) -> Iterator[Point]:
    yield Point("users", None, user.joined, "user")
    yield Point("users.held", held_bin(user.held), None)
    yield from (Point("engaged", None, at) for at in user.turns.engaged)
    yield from (Point("disengaged", None, at) for at in user.turns.disengaged)


async def _retention(figures: Figures, ranges: Sequence[Range]) -> list[float | None]:
    """Return the share of the users active before each range who are active in it."""
    active = await figures.distinct("issued", ranges)
    before, now = active[: len(ranges) // 2], active[len(ranges) // 2 :]
    return [_retained(then, users) for then, users in zip(before, now, strict=True)]


def _retained(then: BitMap, now: BitMap) -> float | None:
    return then.intersection_cardinality(now) / len(then) if then else None


NEW = Metric(
    name="NEW_USERS",
    title="New users",
    unit="users",
    formula="users by the time of their first standing appearance or registration",
    values=flow("users"),
)
ACTIVE = Metric(
    name="ACTIVE_USERS",
    title="Active users",
    unit="users",
    formula="distinct users who received at least one badge whose issue stands",
    caveats="Distinct in each bucket: buckets must not be added up.",
    values=uniques("issued"),
)
_USERS: Values = stock("users")

FAMILY = Family(
    name=MetricFamily.USERS,
    projections={UserFacts: _project},
    reads=frozenset({"users", "issued", "revoked", "engaged", "disengaged"}),
    metrics=(
        NEW,
        ACTIVE,
        Metric(
            name="TOTAL_USERS",
            title="Total users",
            unit="users",
            formula="users who joined up to the end of the bucket",
            values=_USERS,
        ),
        Metric(
            name="AVERAGE_BADGES_PER_USER",
            title="Average badges per user",
            unit="badges per user",
            formula="badges held divided by total users, at the end of the bucket",
            caveats="Null before the first user.",
            values=ratio(stock("issued", less="revoked"), _USERS),
        ),
        Metric(
            name="ENGAGEMENT_RATE",
            title="Engagement rate",
            unit="share",
            formula="users who hold at least one badge divided by total users, at the bucket's end",
            caveats="Null before the first user.",
            values=ratio(stock("engaged", less="disengaged"), _USERS),
            is_rate=True,
        ),
        Metric(
            name="RETENTION_RATE",
            title="Retention rate",
            unit="share",
            formula="of the users active in the bucket before, the share active in this one",
            caveats="Null if nobody was active then. Before a range of n calendar units are the n "
            "units before, before any other range is one of its length.",
            values=_retention,
            looks_back=True,
            is_rate=True,
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class UserEngagement:
    """How many users hold how many badges, now."""

    users_with_badges: int
    """Users who hold at least one badge."""
    users_with_multiple_badges: int
    """Users who hold two or more."""
    users_with_no_badges: int
    """Users who hold none."""
    histogram: list[Slice]
    """Users by the badges they hold: 0, 1, 2, 3-5, 6-10, 11+."""


@dataclass(frozen=True, kw_only=True)
class TimeToFirstBadge:
    """How long users waited from joining to their first badge that stands.

    A percentile between two users is interpolated linearly.
    """

    median: float | None
    """Half of those who have one waited no longer: the median in seconds; null if nobody has."""
    p90: float | None
    """Nine in ten of those who have one waited no longer, in seconds; null if nobody has."""
    still_waiting: float | None
    """The share of users who have none, 0 to 1; null if there is no user."""


@dataclass(frozen=True, kw_only=True)
class PeakActivityCell:
    """One hour of the week."""

    weekday: Weekday
    """The day of the week in the time zone."""
    hour: int
    """The hour of the day in the time zone, 0 to 23."""
    count: int
    """Badges issued in this hour of the week, over the range."""
    value: float | None
    """Badges issued each time this hour occurred in the range; null if it did not."""


class UserMetrics(Answer):
    """Who joins, who is active, who comes back, and how many badges each holds."""

    @figure
    async def total_users(self) -> int:
        """Principals with a standing appearance or a registration; filtered, with such a badge."""
        return await self.view.figures.total("users")

    @figure
    async def new_users_today(self) -> int:
        """Users who joined since the day began in the time zone."""
        return (await self.view.to_date("users"))[0]

    @figure
    async def new_users_this_week(self) -> int:
        """Users who joined since the week began in the time zone."""
        return (await self.view.to_date("users"))[1]

    @figure
    async def new_users_this_month(self) -> int:
        """Users who joined since the month began in the time zone."""
        return (await self.view.to_date("users"))[2]

    @figure
    async def active_users_today(self) -> int:
        """Distinct users who received a badge since the day began in the time zone."""
        return await self._active(0)

    @figure
    async def active_users_this_week(self) -> int:
        """Distinct users who received a badge since the week began in the time zone."""
        return await self._active(1)

    @figure
    async def active_users_this_month(self) -> int:
        """Distinct users who received a badge since the month began in the time zone."""
        return await self._active(2)

    async def _active(self, unit: int) -> int:
        return len((await self.view.figures.distinct("issued", [self.view.open()[unit]]))[0])

    @figure
    async def daily_new_users(self) -> list[SeriesPoint]:
        """Users who joined by day: over the range, or the last 30 days of all time."""
        return await self.view.series(NEW, Granularity.DAY, 30)

    @figure
    async def weekly_new_users(self) -> list[SeriesPoint]:
        """Users who joined by week: over the range, or the last 12 weeks of all time."""
        return await self.view.series(NEW, Granularity.WEEK, 12)

    @figure
    async def monthly_new_users(self) -> list[SeriesPoint]:
        """Users who joined by month: over the range, or the last 12 months of all time."""
        return await self.view.series(NEW, Granularity.MONTH, 12)

    @figure
    async def daily_active_users(self) -> list[SeriesPoint]:
        """Distinct active users by day: over the range, or the last 30 days of all time."""
        return await self.view.series(ACTIVE, Granularity.DAY, 30)

    @figure
    async def weekly_active_users(self) -> list[SeriesPoint]:
        """Distinct active users by week: over the range, or the last 12 weeks of all time."""
        return await self.view.series(ACTIVE, Granularity.WEEK, 12)

    @figure
    async def monthly_active_users(self) -> list[SeriesPoint]:
        """Distinct active users by month: over the range, or the last 12 months of all time."""
        return await self.view.series(ACTIVE, Granularity.MONTH, 12)

    @figure
    async def retention_rate(
        self,
        by: Annotated[Granularity, "The calendar bucket that is meant."] = Granularity.MONTH,
    ) -> float | None:
        """Of the users active in the bucket before the last complete one, the share active in it.

        Null if nobody was active then.
        """
        before, last, _ = self.view.last(3, by)
        then, now = await self.view.figures.distinct(
            "issued", [(before.start, before.end), (last.start, last.end)]
        )
        return _retained(then, now)

    @figure
    async def retention_cohorts(
        self,
        by: Annotated[Granularity, "The bucket in which a cohort joins."] = Granularity.MONTH,
        mode: Annotated[RetentionMode, "When a user counts as retained."] = RetentionMode.BOUNDED,
    ) -> RetentionCohorts:
        """Users who joined in the range by bucket, and how many of them came back in it.

        The buckets are whole, also where they reach beyond the range. Without a range they are the
        last 12 months, 12 weeks or 14 days.
        """
        buckets = self._begun(by)
        ranges = [(bucket.start, bucket.end) for bucket in buckets]
        figures = self.view.figures
        joined, active = await asyncio.gather(
            figures.distinct("users", ranges), figures.distinct("issued", ranges)
        )
        return retention.cohorts(buckets, joined, active, mode)

    @figure
    async def lifecycle(
        self,
        by: Annotated[Granularity, "The length of a bucket."] = Granularity.MONTH,
    ) -> list[LifecyclePoint]:
        """Active users by bucket and by what they did before; whole buckets of the range.

        Without a range, the last 12 months, 12 weeks or 14 days.
        """
        buckets = self._begun(by)
        if not buckets:
            return []
        start = buckets[0].start
        before = self.view.window.calendar.back(start, 1, by)
        ranges = [(before, start), *((bucket.start, bucket.end) for bucket in buckets)]
        *active, earlier = await self.view.figures.distinct("issued", [*ranges, (0, start)])
        return retention.lifecycle(buckets, active, earlier)

    def _begun(self, by: Granularity) -> list[Bucket]:
        """Return the whole buckets of the range that have begun."""
        buckets = self.view.whole(by, DEFAULT_COHORTS.get(by, 12))
        if len(buckets) > MAX_COHORTS:
            raise WindowError(
                "TOO_MANY_BUCKETS",
                f"there are at most {MAX_COHORTS} cohorts, not {len(buckets)}; ask for a coarser "
                "bucket, or for a shorter range",
                maxBuckets=MAX_COHORTS,
            )
        return [bucket for bucket in buckets if bucket.start <= self.view.window.now]

    @figure
    async def user_engagement(self) -> UserEngagement:
        """How many users hold how many badges, now."""
        counted = await self.view.figures.held()
        without, single, *_ = counted.values()
        users = sum(counted.values())
        return UserEngagement(
            users_with_badges=users - without,
            users_with_multiple_badges=users - without - single,
            users_with_no_badges=without,
            histogram=slices([(name, name, counted[name]) for name in HELD_BINS]),
        )

    @figure
    async def average_badges_per_user(self) -> float:
        """Badges held divided by users; 0 if there is no user."""
        figures = self.view.figures
        users = await figures.total("users")
        held = await figures.total("issued") - await figures.total("revoked")
        return held / users if users else 0.0

    @figure
    async def engagement_rate(self) -> float | None:
        """The share of users who hold at least one badge, 0 to 1; null if there is no user."""
        counted = await self.view.figures.held()
        users = sum(counted.values())
        return (users - counted["0"]) / users if users else None

    @figure
    async def time_to_first_badge(self) -> TimeToFirstBadge:
        """How long users who joined in the range waited for their first badge.

        A filter narrows the users, not the badges that count as first.
        """
        rows = await self.view.reading.columns.users()
        if self.view.figures.is_filtered:
            rows = rows.take((await self.view.figures.everyone()).to_array())
        joined, first, meant = rows["joined"], rows["first"], rows["appearances"] > 0
        if self.view.range is not None:
            meant &= within(joined, *self.view.range)
        there = meant & (first != NEVER)
        # Sorted whole numbers are twice as quick to take percentiles of as what numpy would sort.
        waits = np.sort((first - joined)[there])
        seconds = np.percentile(waits, [50, 90]) / 1000 if len(waits) else None
        median, p90 = (None, None) if seconds is None else seconds.tolist()
        users = np.count_nonzero(meant)
        waiting = 1 - len(waits) / users if users else None
        return TimeToFirstBadge(median=median, p90=p90, still_waiting=waiting)

    @figure
    async def peak_activity(self) -> list[PeakActivityCell]:
        """Badges issued by hour of the week, the first day of the week first."""
        window = self.view.window
        atoms, issued = await self.view.figures.quarter_hours((window.start, window.end))
        counts, occurred = hours_of_the_week(window, atoms, issued)
        cells = []
        for place in range(HOURS_A_WEEK):
            day, hour = divmod(place, 24)
            weekday = Weekday((day + window.week_start) % 7)
            n, often = int(counts[24 * weekday + hour]), float(occurred[24 * weekday + hour])
            value = n / often if often else None
            cells.append(PeakActivityCell(weekday=weekday, hour=hour, count=n, value=value))
        return cells
