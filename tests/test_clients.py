"""Clients that others wrote, against the running service: gql for Python, graphql-ws for Node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest
from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from documents.connection import Database
from tests.node import needs_node, node
from tests.running import PATIENCE, TOKEN, Running, running

SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
STORY = sorted(SYNTHETIC.glob("v2-raw-*.json"))
SETUP, MINTS, REORG, FAILED, REVOCATION, ROLLBACK = (
    orjson.loads(each.read_bytes()) for each in STORY
)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
UPDATES = """
    subscription Updates($after: Position) {
      analyticsUpdated(after: $after) {
        position reason families missed undone events { type count }
        metrics { totalBadgesIssued totalUsers totalCommunities }
        issuance { position totalBadgesIssued totalBadgesRevoked }
      }
    }
"""
Frame = dict[str, Any]


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    """A service of its own for the test."""
    async with running(database) as started:
        yield started


def by(transport: str, service: Running) -> Client:
    """Return a gql client that has the schema from the service and checks against it."""
    url = f"{service.base}/graphql"
    chosen = {
        "httpx": HTTPXAsyncTransport(url, headers=HEADERS, trust_env=False),
        "aiohttp": AIOHTTPTransport(url, headers=HEADERS),
        "websockets": WebsocketsTransport(service.websocket, init_payload=HEADERS),
    }[transport]
    return Client(transport=chosen, fetch_schema_from_transport=True)


@pytest.mark.parametrize("transport", ["httpx", "aiohttp", "websockets"])
async def test_gql_introspects_asks_and_ingests(service: Running, transport: str) -> None:
    await service.deliver(SETUP)
    await service.deliver(MINTS)
    await service.settled()
    async with by(transport, service) as session:
        data = await session.execute(
            GraphQLRequest(
                "query($metric: MetricName!){aggregated{issuance{totalBadgesIssued"
                " topBadges{badge{name} issued}} metrics{totalUsers}}"
                " trends(metric: $metric){points{value}}}",
                variable_values={"metric": "BADGES_ISSUED"},
            )
        )
        assert data["aggregated"]["issuance"] == {
            "totalBadgesIssued": 2,
            "topBadges": [{"badge": {"name": "Code Contributor"}, "issued": 2}],
        }
        assert data["aggregated"]["metrics"] == {"totalUsers": 3}
        assert sum(point["value"] for point in data["trends"]["points"]) == 2
        data = await session.execute(
            GraphQLRequest(
                "mutation($e:[EventInput!]!){ingestEvents(input:{events:$e}){accepted}}",
                variable_values={"e": [{"userJoined": {"user": "guest"}}]},
            )
        )
        assert data == {"ingestEvents": {"accepted": 1}}
        with pytest.raises(TransportQueryError) as failure:
            await session.execute(gql("{activity(first: 1000){totalCount}}"))
        assert failure.value.errors
        assert failure.value.errors[0]["extensions"]["code"] == "BAD_PAGE"


def checked(frame: Frame) -> Frame:
    """Return the update of a frame, all of which is of one position."""
    update: Frame = frame["analyticsUpdated"]
    assert update["issuance"]["position"] == update["position"]
    assert update["issuance"]["totalBadgesIssued"] == update["metrics"]["totalBadgesIssued"]
    return update


def events(update: Frame) -> dict[str, int]:
    """Return the counts of an update by type."""
    return {each["type"]: each["count"] for each in update["events"]}


async def test_gql_is_pushed_the_state_then_each_commit_and_resumes(service: Running) -> None:
    async with asyncio.timeout(PATIENCE), by("websockets", service) as session:
        async with aclosing(session.subscribe(gql(UPDATES))) as frames:
            current = checked(await anext(frames))
            assert (current["position"], current["reason"]) == (0, "CURRENT")
            assert current["families"] == ["ISSUANCE", "COMMUNITY", "USERS", "DISTRIBUTION"]
            assert current["metrics"]["totalBadgesIssued"] == 0
            await service.deliver(SETUP)
            batch = checked(await anext(frames))
            assert (batch["reason"], batch["missed"], batch["undone"]) == ("BATCH", 0, 0)
            assert events(batch) == {
                "COMMUNITY_CREATED": 1,
                "MEMBER_ADDED": 1,
                "TEMPLATE_REGISTERED": 1,
            }
            assert batch["metrics"] == {
                "totalBadgesIssued": 0,
                "totalUsers": 2,
                "totalCommunities": 1,
            }
            await service.deliver(MINTS)
            batch = checked(await anext(frames))
            assert (batch["reason"], events(batch)) == ("BATCH", {"BADGE_ISSUED": 2})
            await service.deliver(REORG)
            reorg = checked(await anext(frames))
            assert (reorg["reason"], reorg["undone"]) == ("REORG", 2)
            assert (events(reorg), reorg["metrics"]) == ({"BADGE_ISSUED": 2}, batch["metrics"])
            await service.deliver(FAILED)
            await service.deliver(REVOCATION)
            revoked = checked(await anext(frames))
            while not revoked["issuance"]["totalBadgesRevoked"]:
                revoked = checked(await anext(frames))
            assert events(revoked) == {"BADGE_REVOKED": 1}
        left = revoked["position"]
        await service.deliver(ROLLBACK)
        await service.settled()
        await service.deliver(REVOCATION)
        now = await service.settled()
        resumed = session.subscribe(GraphQLRequest(UPDATES, variable_values={"after": left}))
        async with aclosing(resumed) as frames:
            caught_up = checked(await anext(frames))
    assert (caught_up["reason"], caught_up["position"]) == ("CURRENT", now)
    assert caught_up["missed"] == now - left == 2
    assert events(caught_up) == {"BADGE_REVOKED": 1}
    assert caught_up["undone"] == 1


async def test_gql_is_told_that_a_position_was_never_reached(service: Running) -> None:
    async with asyncio.timeout(PATIENCE), by("websockets", service) as session:
        request = GraphQLRequest(UPDATES, variable_values={"after": 1000})
        with pytest.raises(TransportQueryError, match="position that was reached"):
            await anext(session.subscribe(request))


@needs_node
async def test_graphql_ws_is_pushed_the_state_then_each_commit_and_resumes(
    service: Running,
) -> None:
    """The reference client, in Node; its script posts a delivery after each frame."""
    files = [str(STORY[step]) for step in (0, 1, 2)]
    heard: Any = await node("updates.mjs", service.base, TOKEN, *files)
    frames = [checked(frame["data"]) for frame in heard["frames"]]
    assert [frame["reason"] for frame in frames] == ["CURRENT", "BATCH", "BATCH", "REORG"]
    assert [frame["position"] for frame in frames] == [0, 1, 2, 3]
    assert [frame["missed"] for frame in frames] == [0, 0, 0, 0]
    assert [frame["undone"] for frame in frames] == [0, 0, 0, 2]
    assert [frame["metrics"]["totalBadgesIssued"] for frame in frames] == [0, 0, 2, 2]
    [resumed] = [checked(frame["data"]) for frame in heard["resumed"]]
    assert resumed["reason"] == "CURRENT"
    assert resumed["missed"] == resumed["position"] - 3 > 0
