"""What a subscriber is told: something whenever something happened, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest

from documents.connection import Database
from services import live
from services.families import MetricFamily
from services.live import AnalyticsUpdate, UpdateReason
from tests.running import PATIENCE, Running, running

SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
SETUP, MINTS, REORG, FAILED, REVOCATION, ROLLBACK = (
    orjson.loads(path.read_bytes()) for path in sorted(SYNTHETIC.glob("v1-raw-*.json"))
)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


def updates(service: Running, *families: MetricFamily, after: int | None = None) -> "aclosing[Any]":
    """Subscribe."""
    return aclosing(
        live.updates(service.service.analytics, after=after, families=families, min_interval_ms=0)
    )


def counted(update: AnalyticsUpdate) -> dict[str, int]:
    """Return the counts of an update by type."""
    return {str(each.type): each.count for each in update.events}


async def test_a_reorganisation_is_told_and_a_commit_of_nothing_is_not(service: Running) -> None:
    """Though the two badges only stand in other blocks now; what was silent counts as missed."""
    for delivery in (SETUP, MINTS):
        await service.deliver(delivery)
        await service.settled()
    async with asyncio.timeout(PATIENCE), updates(service) as frames:
        before = await anext(frames)
        await service.deliver(REORG)
        update = await anext(frames)
        assert (update.reason, update.undone) == (UpdateReason.REORG, 2)
        assert counted(update) == {"badge_issued": 2}
        assert update.position == before.position + 1
        await service.deliver(FAILED)
        await service.settled()
        await service.deliver(REVOCATION)
        update = await anext(frames)
        assert (counted(update), update.missed) == ({"badge_revoked": 1}, 1)


async def test_what_was_passed_over_is_merged_into_the_next_update(service: Running) -> None:
    """Commits that move none of the families asked for are counted when one does."""
    async with asyncio.timeout(PATIENCE), updates(service, MetricFamily.ISSUANCE) as frames:
        assert (await anext(frames)).reason is UpdateReason.CURRENT
        coming = asyncio.ensure_future(anext(frames))
        for user in ("a", "b"):
            await service.ask(
                "mutation($user:String!){ingestEvents(input:{events:[{userJoined:{user:$user}}]})"
                "{accepted}}",
                user=user,
            )
            await service.settled()
        await service.deliver(MINTS)
        update = await coming
    assert counted(update) == {"badge_issued": 2, "user_joined": 2}
    assert update.missed == update.position - 1 == 2
