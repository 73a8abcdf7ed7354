"""Queries: each asks one service."""

from typing import Annotated

import strawberry

from resolvers.context import Info
from resolvers.inputs import (
    CompareArgument,
    RangeArgument,
    TimeZoneArgument,
    WeekStartArgument,
    WhereArgument,
    question,
)
from services import trends
from services.access import Right
from services.analytics import AggregatedAnalytics
from services.answers import TimeZone
from services.catalogue import MetricName
from services.community import CommunityMetrics
from services.distribution import BadgeDistribution
from services.issuance import IssuanceMetrics
from services.limits import Limits
from services.live import AnalyticsUpdate
from services.status import ServiceStatus
from services.trends import MetricDefinition, Trend
from services.users import UserMetrics
from services.window import Granularity, Weekday

UTC = TimeZone("UTC")


async def aggregated(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> AggregatedAnalytics | None:
    """Everything in one answer, all of it at one position."""
    info.context.require(Right.READ)
    asked = question(range, where, timezone, week_start, compare_to)
    return AggregatedAnalytics(view=await info.context.analytics.view(asked))


async def issuance(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> IssuanceMetrics | None:
    """How many badges were issued, revoked and are held, when, and of what kind."""
    info.context.require(Right.READ)
    asked = question(range, where, timezone, week_start, compare_to)
    return IssuanceMetrics(view=await info.context.analytics.view(asked))


async def community(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> CommunityMetrics | None:
    """How many communities and members there are, how active they are, and how they grow."""
    info.context.require(Right.READ)
    asked = question(range, where, timezone, week_start, compare_to)
    return CommunityMetrics(view=await info.context.analytics.view(asked))


async def users(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> UserMetrics | None:
    """Who joins, who is active, who comes back, and how many badges each holds."""
    info.context.require(Right.READ)
    asked = question(range, where, timezone, week_start, compare_to)
    return UserMetrics(view=await info.context.analytics.view(asked))


async def distribution(
    info: Info,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> BadgeDistribution | None:
    """What kinds of badges were issued in the range, and how they share the whole."""
    info.context.require(Right.READ)
    asked = question(range, where, timezone, week_start, compare_to)
    return BadgeDistribution(view=await info.context.analytics.view(asked))


async def trend(
    info: Info,
    metric: Annotated[MetricName, strawberry.argument(description="The metric asked for.")],
    granularity: Annotated[
        Granularity, strawberry.argument(description="The length of a bucket.")
    ] = Granularity.DAY,
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> Trend | None:
    """Any metric of the catalogue as a series, over any range and granularity."""
    info.context.require(Right.READ)
    asked = question(range, where, timezone, week_start, compare_to)
    return await info.context.analytics.trend(asked, metric.value, granularity)


async def status(info: Info) -> ServiceStatus:
    """Where the service is, what waits, and what is known to be missing."""
    info.context.require(Right.READ)
    return await info.context.analytics.status()


def limits(info: Info) -> Limits:
    """What this server allows."""
    info.context.require(Right.READ)
    return info.context.limits


def metric_definitions(info: Info) -> list[MetricDefinition]:
    """The catalogue of metrics: what each means and how it is computed."""
    info.context.require(Right.READ)
    return trends.definitions()


async def _issuance_of_update(
    info: Info,
    root: strawberry.Parent[AnalyticsUpdate],
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> IssuanceMetrics | None:
    """The family `issuance`, at the update's position."""
    asked = question(range, where, timezone, week_start, compare_to)
    return IssuanceMetrics(view=await info.context.analytics.view(asked, root.reading))


async def _community_of_update(
    info: Info,
    root: strawberry.Parent[AnalyticsUpdate],
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> CommunityMetrics | None:
    """The family `community`, at the update's position."""
    asked = question(range, where, timezone, week_start, compare_to)
    return CommunityMetrics(view=await info.context.analytics.view(asked, root.reading))


async def _users_of_update(
    info: Info,
    root: strawberry.Parent[AnalyticsUpdate],
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> UserMetrics | None:
    """The family `users`, at the update's position."""
    asked = question(range, where, timezone, week_start, compare_to)
    return UserMetrics(view=await info.context.analytics.view(asked, root.reading))


async def _distribution_of_update(
    info: Info,
    root: strawberry.Parent[AnalyticsUpdate],
    range: RangeArgument = None,
    where: WhereArgument = None,
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
    compare_to: CompareArgument = None,
) -> BadgeDistribution | None:
    """The family `distribution`, at the update's position."""
    asked = question(range, where, timezone, week_start, compare_to)
    return BadgeDistribution(view=await info.context.analytics.view(asked, root.reading))


OF_UPDATE = {
    "issuance": _issuance_of_update,
    "community": _community_of_update,
    "users": _users_of_update,
    "distribution": _distribution_of_update,
}
"""The families as fields of an update, all read at its position."""
