"""Queries: each asks one service."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

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
from services.view import Answer
from services.window import Granularity, Weekday

UTC = TimeZone("UTC")
Resolver = Callable[..., Any]


def _root(answer: type[Answer]) -> Resolver:
    """Return the resolver of a query field that answers a question of a window."""

    async def resolve(
        info: Info,
        range: RangeArgument = None,
        where: WhereArgument = None,
        timezone: TimeZoneArgument = UTC,
        week_start: WeekStartArgument = Weekday.MONDAY,
        compare_to: CompareArgument = None,
    ) -> Answer | None:
        info.context.require(Right.READ)
        asked = question(range, where, timezone, week_start, compare_to)
        return answer(view=await info.context.analytics.view(asked))

    return _returning(resolve, answer, answer.__doc__)


def _of_update(answer: type[Answer]) -> Resolver:
    """Return the resolver of the same field of an update, read at its position."""

    async def resolve(
        info: Info,
        root: strawberry.Parent[AnalyticsUpdate],
        range: RangeArgument = None,
        where: WhereArgument = None,
        timezone: TimeZoneArgument = UTC,
        week_start: WeekStartArgument = Weekday.MONDAY,
        compare_to: CompareArgument = None,
    ) -> Answer | None:
        asked = question(range, where, timezone, week_start, compare_to)
        return answer(view=await info.context.analytics.view(asked, root.reading))

    return _returning(resolve, answer, f"{answer.__doc__} At the update's position.")


def _returning(resolve: Resolver, answer: type[Answer], description: str | None) -> Resolver:
    resolve.__annotations__["return"] = answer | None
    resolve.__doc__ = description
    return resolve


_FAMILIES: Mapping[str, type[Answer]] = {
    "issuance": IssuanceMetrics,
    "community": CommunityMetrics,
    "users": UserMetrics,
    "distribution": BadgeDistribution,
}
_ANSWERS: Mapping[str, type[Answer]] = {"aggregated": AggregatedAnalytics, **_FAMILIES}
OF_QUERY = {name: _root(answer) for name, answer in _ANSWERS.items()}
"""The families as fields of the query, and all of them in one."""
OF_UPDATE = {name: _of_update(answer) for name, answer in _FAMILIES.items()}
"""The families as fields of an update, all read at its position."""


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
