"""Mutations: each asks one service."""

from typing import Annotated

import strawberry

from resolvers.context import Info
from resolvers.inputs import IngestEventsInput, RecordSnapshotInput, event, milliseconds
from services.access import Right
from services.answers import Position
from services.intake import IngestEventsPayload
from services.snapshots import RecordSnapshotPayload


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


async def record_snapshot(
    info: Info,
    input: Annotated[RecordSnapshotInput, strawberry.argument(description="Which snapshot.")],
) -> RecordSnapshotPayload:
    """Record the snapshot of a closed bucket, again if it is there: its revision rises.

    Needs a token with the right to ingest.
    """
    info.context.require(Right.INGEST)
    at = None if input.at is None else milliseconds(input.at)
    return await info.context.snapshots.record(input.period, at)
