"""The REST surface of the original dashboard: its shapes, its parameters, the same figures."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from documents.connection import connect
from documents.embedded import EmbeddedMongo
from tests.running import Running, running

NOW = datetime.now(UTC)
EVENTS = [
    {"templateRegistered": {"template": "1", "name": "First", "category": 5, "level": 2}},
    {"communityCreated": {"community": "1", "owner": "owner", "name": "Stackers"}},
    {"memberAdded": {"community": "1", "member": "bob"}},
    *(
        {
            "badgeIssued": {
                "badge": str(number),
                "recipient": f"user-{number % 2}",
                "template": "1",
                "issuer": "issuer",
                "community": "1",
                "occurredAt": (NOW - timedelta(days=10 * number)).isoformat(),
            }
        }
        for number in range(4)
    ),
]
INGEST = "mutation($events: [EventInput!]!) {ingestEvents(input: {events: $events}) {accepted}}"


@pytest.fixture(scope="module")
async def service(mongo_url: str) -> AsyncIterator[Running]:
    """One service for all: they only read, but for the snapshot that one records."""
    database = await connect(mongo_url, f"test_{uuid4().hex}")
    async with running(database) as service:
        data = await service.ask(INGEST, events=EVENTS)
        assert data["ingestEvents"] == {"accepted": len(EVENTS)}
        await service.settled()
        yield service
    await database.client.drop_database(database.name)
    database.client.close()


async def get(service: Running, path: str, **parameters: str) -> Any:
    """Return the data of a path that succeeds."""
    answer = await service.client.get(f"/api/analytics/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return answer.json()["data"]


async def test_aggregated_has_the_names_and_the_shapes_of_the_original(service: Running) -> None:
    data = await get(service, "aggregated")
    assert data.keys() > {"timestamp", "issuance", "community", "users", "distribution", "metrics"}
    issuance = data["issuance"]
    assert issuance["totalBadgesIssued"] == 4
    assert issuance["byCategory"] == {"skill": 4}
    assert issuance["byLevel"] == {"2": 4}
    assert len(issuance["dailyIssuance"]) == 30
    assert issuance["dailyIssuance"][-1].keys() == {"date", "count"}
    assert sum(day["count"] for day in issuance["dailyIssuance"]) == 3
    assert data["metrics"] == {
        "totalBadgesIssued": 4,
        "totalUsers": 4,
        "totalCommunities": 1,
        "averageBadgesPerUser": 1.0,
        "engagementRate": 0.5,
    }


@pytest.mark.parametrize("family", ["issuance", "community", "users", "distribution"])
async def test_a_family_is_that_of_the_whole(service: Running, family: str) -> None:
    alone, whole = await get(service, family), (await get(service, "aggregated"))[family]
    assert alone == whole


async def test_the_figures_are_those_of_graphql(service: Running) -> None:
    query = "{users{totalUsers averageBadgesPerUser retentionRate} community{totalCommunities}}"
    data = await service.ask(query)
    for family, figures in data.items():
        told = await get(service, family)
        assert {name: told[name] for name in figures} == figures


@pytest.mark.parametrize(
    ("parameters", "issued"),
    [
        ({}, 4),
        ({"timeRange": "all"}, 4),
        ({"timeRange": "7d"}, 1),
        ({"timeRange": "15d"}, 2),
        ({"startDate": f"{NOW - timedelta(days=21):%Y-%m-%d}"}, 3),
        ({"endDate": f"{NOW - timedelta(days=20):%Y-%m-%d}"}, 2),
        ({"startDate": f"{NOW:%Y-%m-%d}", "endDate": f"{NOW:%Y-%m-%d}"}, 1),
        ({"endDate": f"{NOW - timedelta(days=15):%Y-%m-%dT%H:%M:%S}+00:00"}, 2),
    ],
)
async def test_a_range_is_honoured(
    service: Running, parameters: dict[str, str], issued: int
) -> None:
    data = await get(service, "issuance", **parameters)
    assert (data["badgesIssued"], data["totalBadgesIssued"]) == (issued, 4)
    assert data["byCategory"] == {"skill": issued}


async def test_a_breakdown_of_nothing_has_the_shape_of_one(service: Running) -> None:
    data = await get(service, "aggregated", endDate="1999-12-31")
    assert data["issuance"]["byCategory"] == {}
    assert data["distribution"]["byLevel"] == {}
    assert data["distribution"]["topBadges"] == []


@pytest.mark.parametrize("name", ["badges-issued", "badgesIssued", "BADGES_ISSUED"])
async def test_a_trend_is_asked_for_by_its_name_in_any_case(service: Running, name: str) -> None:
    points = await get(service, f"trends/{name}", timeRange="31d")
    assert len(points) == 31
    assert sum(point["count"] for point in points) == 4


async def test_a_snapshot_is_recorded_and_listed(service: Running) -> None:
    answer = await service.client.post("/api/analytics/snapshot", json={"period": "daily"})
    recorded = answer.json()["data"]
    assert recorded["period"] == "DAILY"
    assert recorded["metrics"]["totalBadgesIssued"] == 3
    assert [each["id"] for each in await get(service, "snapshots", limit="1")] == [recorded["id"]]


@pytest.mark.parametrize(
    ("path", "parameters", "code", "status"),
    [
        ("issuance", {"timeRange": "soon"}, "BAD_USER_INPUT", 400),
        ("issuance", {"timeRange": "7d", "startDate": "2026-01-01"}, "BAD_USER_INPUT", 400),
        ("issuance", {"startDate": "2026-13-01"}, "BAD_USER_INPUT", 400),
        ("issuance", {"endDate": "9999-12-31"}, "BAD_USER_INPUT", 400),
        ("issuance", {"endDate": "2400-01-01"}, "RANGE_OUT_OF_REACH", 400),
        ("users", {"startDate": "2026-02-01", "endDate": "2026-01-01"}, "RANGE_REVERSED", 400),
        ("users", {"timezone": "Mars/Olympus"}, "UNKNOWN_TIME_ZONE", 400),
        ("trends/nothing", {}, "NOT_FOUND", 404),
        ("nothing", {}, "NOT_FOUND", 404),
        ("trends/newUsers", {"granularity": "eon"}, "BAD_USER_INPUT", 400),
        ("snapshots", {"limit": "1000"}, "BAD_PAGE", 400),
        ("snapshots", {"limit": "9" * 5000}, "BAD_PAGE", 400),
        ("snapshots", {"limit": "²"}, "BAD_PAGE", 400),
        ("snapshots", {"period": "yearly"}, "BAD_USER_INPUT", 400),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_code(
    service: Running, path: str, parameters: dict[str, str], code: str, status: int
) -> None:
    answer = await service.client.get(f"/api/analytics/{path}", params=parameters)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["success"] is False


@pytest.mark.parametrize("body", [b"[", b"[]", b'{"period": "eon"}'])
async def test_a_body_that_makes_no_sense_is_refused(service: Running, body: bytes) -> None:
    answer = await service.client.post("/api/analytics/snapshot", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_USER_INPUT")


async def test_a_snapshot_needs_the_right_to_ingest(service: Running) -> None:
    nobody = {"authorization": ""}
    answer = await service.client.post("/api/analytics/snapshot", headers=nobody)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    wrong = {"authorization": "Bearer wrong"}
    answer = await service.client.get("/api/analytics/users", headers=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_database_that_is_away_is_no_success(tmp_path: Path) -> None:
    """Neither one that does not answer, which is asked for so long and no longer."""
    mongo = EmbeddedMongo(tmp_path)
    database = await connect(await mongo.start(), "away")
    try:
        async with running(database) as service:
            await service.ask(INGEST, events=EVENTS)
            await service.settled()
            os.kill(mongo.pid, signal.SIGSTOP)
            answers = [service.client.get(f"/api/analytics/{path}") for path in PATHS]
            for answer in await asyncio.gather(*answers):
                body = answer.json()
                assert (answer.status_code, body["success"]) == (503, False), answer.url
                assert body["error"]["code"] in {"UNAVAILABLE", "TIME_LIMIT_EXCEEDED"}
            os.kill(mongo.pid, signal.SIGCONT)
            for path in PATHS:
                assert (await service.client.get(f"/api/analytics/{path}")).status_code == 200
    finally:
        database.client.close()
        await mongo.stop()


PATHS = ("aggregated", "issuance", "users", "trends/newUsers", "snapshots")
