"""Mutations: each asks one service."""

from typing import Annotated

import strawberry

from resolvers.context import Info
from resolvers.inputs import IngestEventsInput, event
from services.access import Right
from services.answers import Position
from services.intake import IngestEventsPayload


async def ingest_events(
    info: Info,
    input: Annotated[  # the name that the API gives it
        IngestEventsInput, strawberry.argument(description="The events.")
    ],
) -> IngestEventsPayload:
    """Ingest events; needs a token with the right to ingest. What is accepted is durable."""
    info.context.require(Right.INGEST)
    events = [event(each) for each in input.events]
    return await info.context.intake.accept(
        events, Position(info.context.analytics.updates.position)
    )
