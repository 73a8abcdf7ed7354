"""`query limits` tells the numbers that the service enforces: one more is refused with them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from documents.connection import connect
from schema.websocket import PROTOCOL
from services.limits import Limits
from tests.running import Running, everything, running


@pytest.fixture(scope="module")
async def service(mongo_url: str) -> AsyncIterator[Running]:
    """One service for all of them: nothing is stored."""
    database = await connect(mongo_url, "limits")
    async with running(database) as started:
        yield started
    await database.client.drop_database(database.name)
    database.client.close()


async def told(service: Running) -> dict[str, Any]:
    """Return what the query tells."""
    return await service.ask_all("limits")


async def refusal(service: Running, query: str, **variables: object) -> dict[str, Any]:
    """Return the extensions of the first error of an operation."""
    response = await service.respond(query, **variables)
    extensions: dict[str, Any] = response["errors"][0]["extensions"]
    return extensions


def repeated(text: str, count: int) -> str:
    """Return a text so many times, with its number in the place of #."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


async def test_every_limit_is_told(service: Running) -> None:
    limits = await told(service)
    assert len(limits) == len(fields(Limits)) == len(everything("limits"))
    assert all(isinstance(each, bool) or each > 0 for each in limits.values())


def of_fields(most: int) -> str:
    """Return an operation of one field more, in fewer tokens."""
    part = most // 5 + 1
    return f"{{{repeated('...F', 5)}}} fragment F on Query {{{repeated('a', part)}}}"


@pytest.mark.parametrize(
    ("field", "limit", "query"),
    [
        ("maxDepth", "depth", lambda most: "{a" * (most + 1) + "}" * (most + 1)),
        ("maxFields", "fields", of_fields),
        ("maxTokens", "tokens", lambda most: f"{{{repeated('a', most)}}}"),
        ("maxAliases", "aliases", lambda most: f"{{{repeated('a#: __typename', most + 1)}}}"),
        (
            "maxDirectives",
            "directives",
            lambda most: f"{{__typename {repeated('@skip(if: false)', most + 1)}}}",
        ),
    ],
)
async def test_an_operation_beyond_a_limit_is_refused_with_it(
    service: Running, field: str, limit: str, query: Callable[[int], str]
) -> None:
    most = (await told(service))[field]
    expected = {"code": "LIMIT_EXCEEDED", "limit": limit, "maximum": most}
    assert await refusal(service, query(most)) == expected


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("maxPageSize", "activity(first: {0}){{position}}"),
        ("maxListSize", "distribution{{topBadges(first: {0}){{issued}}}}"),
        ("maxBuckets", "issuance(range: {{last: {{n: {0}, unit: HOUR}}}}){{position}}"),
    ],
)
async def test_an_argument_beyond_a_limit_is_refused_with_it(
    service: Running, field: str, query: str
) -> None:
    most = (await told(service))[field]
    assert (await refusal(service, f"{{{query.format(most + 1)}}}"))["maximum"] == most
    await service.ask(f"{{{query.format(most)}}}")


async def test_a_range_beyond_its_limit_is_refused_with_it(service: Running) -> None:
    query = "query($from: Date, $to: Date){issuance(range: {dates: {from: $from, to: $to}}){asOf}}"
    most = (await told(service))["maxRangeDays"]
    extensions = await refusal(service, query, **{"from": "2070-01-01", "to": "2171-01-01"})
    assert extensions["maxRangeDays"] == most
    await service.ask(query, **{"from": "2070-01-01", "to": "2170-01-01"})


async def test_a_page_has_its_default_size(service: Running) -> None:
    limits = await told(service)
    events = [{"userJoined": {"user": f"u{n}"}} for n in range(limits["defaultPageSize"] + 1)]
    await service.ask(
        "mutation($events:[EventInput!]!){ingestEvents(input:{events:$events}){accepted}}",
        events=events,
    )
    await service.settled()
    data = await service.ask("{activity{edges{cursor}}}")
    assert len(data["activity"]["edges"]) == limits["defaultPageSize"]


async def test_more_events_than_allowed_are_refused_with_the_limit(service: Running) -> None:
    most = (await told(service))["maxEvents"]
    extensions = await refusal(
        service,
        "mutation($events:[EventInput!]!){ingestEvents(input:{events:$events}){accepted}}",
        events=[{"userJoined": {"user": "a"}}] * (most + 1),
    )
    assert extensions == {"code": "TOO_MANY_EVENTS", "maximum": most}


async def test_more_keys_than_allowed_are_refused_with_the_limit(service: Running) -> None:
    most = (await told(service))["maxKeys"]
    extensions = await refusal(
        service,
        "query($keys:[ID!]){issuance(where:{communities:$keys}){badgesIssued}}",
        keys=[str(n) for n in range(most + 1)],
    )
    assert (extensions["limit"], extensions["maximum"]) == ("keys", most)


async def test_more_cohorts_than_allowed_are_refused_with_the_limit(service: Running) -> None:
    most = (await told(service))["maxCohorts"]
    query = f"{{users(range: {{last: {{n: {most + 1}, unit: DAY}}}}){{retentionCohorts(by: DAY)"
    extensions = await refusal(service, f"{query}{{mean{{offset}}}}}}}}")
    assert extensions["maxBuckets"] == most


async def test_a_longer_interval_is_refused_with_the_limit(service: Running) -> None:
    most = (await told(service))["maxIntervalMs"]
    answer = await service.client.post(
        "/graphql",
        json={"query": f"subscription{{analyticsUpdated(minIntervalMs:{most + 1}){{position}}}}"},
        headers={"accept": "text/event-stream"},
    )
    assert f'"maximum":{most}' in answer.text


async def test_larger_bodies_are_refused(service: Running) -> None:
    most = (await told(service))["maxRequestBytes"]
    headers = {"content-type": "application/json"}
    for size, status in ((most, 400), (most + 1, 413)):
        answer = await service.client.post("/graphql", content=b" " * size, headers=headers)
        assert answer.status_code == status
    assert str(most) in answer.text


async def test_larger_deliveries_are_counted_as_refused(service: Running) -> None:
    most = (await told(service))["maxDeliveryBytes"]
    for size, reason in ((most, "not_json"), (most + 1, "too_large")):
        answer = await service.client.post("/webhooks/chainhook", content=b" " * size)
        assert answer.json() == {"accepted": 0, "refused": {reason: 1}}


async def test_a_larger_message_closes_the_websocket(service: Running) -> None:
    most = (await told(service))["maxMessageBytes"]
    async with connect_websocket(service.websocket, subprotocols=[Subprotocol(PROTOCOL)]) as socket:
        await socket.send(" " * (most + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1009


async def test_the_connections_are_those_that_are_counted(service: Running) -> None:
    """That they are held is tested with fewer, in test_websocket."""
    limits = await told(service)
    connections = service.service.connections
    assert limits["maxConnections"] == connections.total
    assert limits["maxConnectionsPerClient"] == connections.per_client


async def test_the_limits_are_for_those_who_may_read(mongo_url: str) -> None:
    database = await connect(mongo_url, "limits_guarded")
    async with running(database, read_tokens=("reader",)) as guarded:
        assert (await refusal(guarded, "{limits{maxEvents}}"))["code"] == "FORBIDDEN"
    await database.client.drop_database(database.name)
    database.client.close()


async def test_introspection_is_told_as_it_is_set(mongo_url: str) -> None:
    database = await connect(mongo_url, "limits_closed")
    async with running(database, introspection=False) as closed:
        assert (await told(closed))["introspection"] is False
        assert "errors" in await closed.respond("{__schema{queryType{name}}}")
    await database.client.drop_database(database.name)
    database.client.close()
