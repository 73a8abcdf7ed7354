"""Subscriptions: each asks one service."""

from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from resolvers.context import Info
from services import live
from services.access import Right
from services.answers import Position
from services.families import MetricFamily
from services.live import AnalyticsUpdate


async def analytics_updated(
    info: Info,
    after: Annotated[
        Position | None,
        strawberry.argument(
            description="The position of the last update that was seen, to resume from it."
        ),
    ] = None,
    families: Annotated[
        list[MetricFamily] | None,
        strawberry.argument(description="Only updates that move these families; by default any."),
    ] = None,
    min_interval_ms: Annotated[
        int,
        strawberry.argument(
            description="The least time between updates, in milliseconds; what comes in between "
            "is merged."
        ),
    ] = 0,
) -> AsyncIterator[AnalyticsUpdate]:
    """The current state at once, then an update a commit at most."""
    info.context.require(Right.READ)
    async for update in live.updates(
        info.context.analytics,
        after=after,
        families=families or [],
        min_interval_ms=min_interval_ms,
    ):
        yield update
