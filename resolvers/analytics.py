"""Queries: each asks one service."""

from typing import Annotated

import strawberry

from resolvers.context import Info
from resolvers.inputs import (
    RangeArgument,
    TimeZone,
    TimeZoneArgument,
    WeekStartArgument,
    question,
)
from services import trends
from services.access import Right
from services.activity import ActivityConnection, Page
from services.analytics import AggregatedAnalytics
from services.catalogue import MetricName
from services.events import EventType
from services.issuance import IssuanceMetrics
from services.live import AnalyticsUpdate
from services.status import ServiceStatus
from services.trends import MetricDefinition, Trend
from services.window import Granularity, Weekday

UTC = TimeZone("UTC")


async def aggregated(
    info: Info,
    range: RangeArgument = None,  # noqa: A002  # the name that the API gives it
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
) -> AggregatedAnalytics | None:
    """Everything in one answer, all of it at one position."""
    info.context.require(Right.READ)
    return await info.context.analytics.aggregated(question(range, timezone, week_start))


async def issuance(
    info: Info,
    range: RangeArgument = None,  # noqa: A002  # the name that the API gives it
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
) -> IssuanceMetrics | None:
    """How many badges were issued, revoked and are held, when, and of what kind."""
    info.context.require(Right.READ)
    return await info.context.analytics.issuance(question(range, timezone, week_start))


async def trend(
    info: Info,
    metric: Annotated[MetricName, strawberry.argument(description="The metric asked for.")],
    granularity: Annotated[
        Granularity, strawberry.argument(description="The length of a bucket.")
    ] = Granularity.DAY,
    range: RangeArgument = None,  # noqa: A002  # the name that the API gives it
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
) -> Trend | None:
    """Any metric of the catalogue as a series, over any range and granularity."""
    info.context.require(Right.READ)
    asked = question(range, timezone, week_start)
    return await info.context.analytics.trend(asked, metric.value, granularity)


async def activity(
    info: Info,
    first: Annotated[
        int | None, strawberry.argument(description="The first n entries, 1 to 100; by default 20.")
    ] = None,
    after: Annotated[
        str | None, strawberry.argument(description="Only what follows this cursor.")
    ] = None,
    last: Annotated[
        int | None, strawberry.argument(description="The last n entries, 1 to 100.")
    ] = None,
    before: Annotated[
        str | None, strawberry.argument(description="Only what precedes this cursor.")
    ] = None,
    types: Annotated[
        list[EventType] | None,
        strawberry.argument(description="Only events of these types; without it, of all."),
    ] = None,
) -> ActivityConnection | None:
    """What happened and stands, the newest first."""
    info.context.require(Right.READ)
    page = Page.of(first, after, last, before)
    return await info.context.analytics.activity(page, types or [])


async def status(info: Info) -> ServiceStatus:
    """Where the service is, what waits, and what is known to be missing."""
    info.context.require(Right.READ)
    return await info.context.analytics.status()


def metric_definitions(info: Info) -> list[MetricDefinition]:
    """The catalogue of metrics: what each means and how it is computed."""
    info.context.require(Right.READ)
    return trends.definitions()


async def issuance_of_update(
    info: Info,
    root: strawberry.Parent[AnalyticsUpdate],
    range: RangeArgument = None,  # noqa: A002  # the name that the API gives it
    timezone: TimeZoneArgument = UTC,
    week_start: WeekStartArgument = Weekday.MONDAY,
) -> IssuanceMetrics | None:
    """The family `issuance`, at the update's position."""
    asked = question(range, timezone, week_start)
    return await info.context.analytics.issuance(asked, root.reading)
