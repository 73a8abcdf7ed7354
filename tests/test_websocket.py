"""graphql-transport-ws: what the protocol says, to the letter, and who is kept out."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from schema.websocket import OPERATIONS_PER_CONNECTION, PROTOCOL
from tests.node import needs_node, node
from tests.sample_schema import SECRET, Sample, Watched, sample

SPOKEN = [Subprotocol(PROTOCOL)]

PATIENCE = 20.0
"""Seconds after which a test gives up."""


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Sample]:
    async with sample() as running:
        yield running


class Talk:
    """A client that says and hears JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: object) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            heard = await self.connection.recv()
        assert isinstance(heard, str), "messages are text"
        message: dict[str, Any] = orjson.loads(heard)
        return message

    async def subscribe(
        self, query: str, name: str = "1", rest: Mapping[str, object] | None = None
    ) -> None:
        payload = {"query": query, **(rest or {})}
        message = {"id": name, "type": "subscribe", "payload": payload}
        await self.say(message)

    async def introduce(self) -> None:
        await self.say({"type": "connection_init"})
        assert await self.hear() == {"type": "connection_ack"}

    async def closed(self) -> tuple[int, str]:
        """Return the code and the reason that the server closes with, whatever it says before."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as closing:
                return _why(closing)


def _why(closing: ConnectionClosed) -> tuple[int, str]:
    assert closing.rcvd, "the server went without a word"
    return closing.rcvd.code, closing.rcvd.reason


@asynccontextmanager
async def stranger(
    server: Sample,
    *,
    subprotocols: list[Subprotocol] | None = SPOKEN,
    origin: str | None = None,
) -> AsyncIterator[Talk]:
    from_page = None if origin is None else Origin(origin)
    async with connect(server.websocket, subprotocols=subprotocols, origin=from_page) as connection:
        yield Talk(connection)


@asynccontextmanager
async def acquaintance(server: Sample) -> AsyncIterator[Talk]:
    async with stranger(server) as talk:
        await talk.introduce()
        yield talk


@needs_node
async def test_the_reference_client_is_served(server: Sample) -> None:
    results: Any = await node("ws.mjs", server.websocket)
    assert results["query"] == {"frames": [{"data": {"hello": "Hello, world"}}]}
    assert results["mutation"] == {"frames": [{"data": {"double": 42}}]}
    counted = [{"data": {"count": n}} for n in (1, 2, 3)]
    assert results["subscription"] == {"frames": counted}
    assert results["together"] == [{"frames": counted[:to]} for to in (1, 2, 3)]
    assert results["left"] == 3
    codes = {
        name: [error["extensions"]["code"] for error in results[name]["errors"]]
        for name in ("syntax", "validation", "refused", "crashed")
    }
    assert codes == {
        "syntax": ["GRAPHQL_PARSE_FAILED"],
        "validation": ["GRAPHQL_VALIDATION_FAILED"],
        "refused": ["FAMILY_UNKNOWN"],
        "crashed": ["INTERNAL_SERVER_ERROR"],
    }
    assert len(results["crashed"]["frames"]) == 2
    assert SECRET not in str(results)
    assert results["after"] == results["query"]


async def test_the_gql_client_is_served(server: Sample) -> None:
    transport = WebsocketsTransport(url=server.websocket, subprotocols=[PROTOCOL])
    async with Client(transport=transport) as session:
        frames = [frame async for frame in session.subscribe(gql("subscription{count(to: 3)}"))]
    assert frames == [{"count": n} for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "message",
    [
        [],
        5,
        None,
        "text",
        {},
        {"type": 5},
        {"type": "nonsense"},
        {"type": "start", "id": "1"},
        {"type": "ping", "payload": "text"},
        {"type": "pong", "payload": []},
        {"type": "connection_init", "payload": "text"},
        {"type": "connection_init", "payload": []},
        {"type": "complete"},
        {"type": "complete", "id": 5},
    ],
)
async def test_4400_for_what_is_no_message(server: Sample, message: object) -> None:
    async with stranger(server) as talk:
        await talk.say(message)
        assert (await talk.closed())[0] == 4400


@pytest.mark.parametrize(
    "change",
    [
        {"id": ["list"]},
        {"id": 5},
        {"id": ""},
        {"id": None},
        {"payload": "text"},
        {"payload": None},
        {"payload": {}},
        {"payload": {"query": 5}},
        {"payload": {"query": ""}},
        {"payload": {"query": "{hello}", "variables": []}},
        {"payload": {"query": "{hello}", "operationName": 5}},
        {"payload": {"query": "{hello}", "extensions": "text"}},
    ],
)
async def test_4400_for_a_subscribe_that_is_none(server: Sample, change: dict[str, object]) -> None:
    async with acquaintance(server) as talk:
        await talk.say({"id": "1", "type": "subscribe", "payload": {"query": "{hello}"}, **change})
        code, reason = await talk.closed()
        assert code == 4400
        assert "object has no attribute" not in reason


@pytest.mark.parametrize("raw", ["{", "", b"{}", '{"type": "ping", "payload": NaN}'])
async def test_4400_for_what_is_not_json_text(server: Sample, raw: str | bytes) -> None:
    async with stranger(server) as talk:
        await talk.connection.send(raw)
        assert (await talk.closed())[0] == 4400


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {"name": "somebody"}}])
async def test_an_introduction_may_have_a_payload(
    server: Sample, payload: dict[str, object]
) -> None:
    async with stranger(server) as talk:
        await talk.say({"type": "connection_init", **payload})
        assert await talk.hear() == {"type": "connection_ack"}


async def test_4401_for_an_operation_before_the_introduction(server: Sample) -> None:
    async with stranger(server) as talk:
        await talk.subscribe("{hello}")
        assert await talk.closed() == (4401, "Unauthorized")


async def test_4403_for_who_is_turned_away(server: Sample) -> None:
    async with stranger(server) as talk:
        await talk.say({"type": "connection_init", "payload": {"name": "stranger"}})
        assert await talk.closed() == (4403, "Forbidden: Nobody knows you here.")


@pytest.mark.parametrize("protocols", [None, [Subprotocol("graphql-ws")]])
async def test_4406_for_another_protocol(
    server: Sample, protocols: list[Subprotocol] | None
) -> None:
    async with stranger(server, subprotocols=protocols) as talk:
        assert await talk.closed() == (4406, "Subprotocol not acceptable")


async def test_4408_for_who_does_not_introduce_himself() -> None:
    async with sample(init_seconds=0.05) as server, stranger(server) as talk:
        assert await talk.closed() == (4408, "Connection initialisation timeout")


async def test_4409_for_an_id_in_use_however_long(server: Sample) -> None:
    async with acquaintance(server) as talk:
        for name in ("1", "ü" * 200):
            await talk.subscribe("subscription{silence}", name)
        await talk.subscribe("{hello}", "ü" * 200)
        code, reason = await talk.closed()
        assert code == 4409
        assert reason.startswith("Subscriber for ü")


async def test_4429_for_a_second_introduction(server: Sample) -> None:
    async with acquaintance(server) as talk:
        await talk.say({"type": "connection_init"})
        assert await talk.closed() == (4429, "Too many initialisation requests")


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "\\ud800", "n": 1234567890123456789}',
        '{"type": "subscribe", "id": "\\ud800", "n": 1234567890123456789}',
    ],
)
async def test_4400_for_half_a_surrogate_pair(server: Sample, message: str) -> None:
    async with acquaintance(server) as talk:
        await talk.connection.send(message)
        assert (await talk.closed())[0] == 4400


async def test_4500_for_an_answer_that_cannot_be_sent(
    server: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    async with acquaintance(server) as talk:
        await talk.subscribe("subscription{unspeakable}")
        assert await talk.closed() == (4500, "Internal server error")
    assert "Traceback" in caplog.text


async def test_the_first_ending_is_told_whatever_the_operations_then_do() -> None:
    """One fails as it is cancelled, and another loses cancellations meanwhile."""
    connections = Watched()
    async with (
        sample(connections=connections) as server,
        AsyncExitStack() as releasing,
        acquaintance(server) as talk,
    ):
        # What would run on ends with the test, which fails then and does not hang.
        releasing.callback(server.context.never.set)
        await talk.subscribe("subscription{stubborn(losses: 3)}", "1")
        await talk.subscribe("subscription{unspeakable(whenCancelled: true)}", "2")
        assert {await server.context.subscribed.get() for _ in "12"} == {"stubborn", "unspeakable"}
        await talk.say({"type": "connection_init"})
        assert await talk.closed() == (4429, "Too many initialisation requests")
        assert await asyncio.wait_for(server.context.ended.get(), PATIENCE) == "stubborn"
        await asyncio.wait_for(connections.given_back.get(), PATIENCE)
        assert not connections.open


async def test_a_ping_is_answered_before_and_after_the_introduction(server: Sample) -> None:
    async with stranger(server) as talk:
        await talk.say({"type": "ping", "payload": {"at": 1}})
        assert await talk.hear() == {"type": "pong"}
        await talk.introduce()
        await talk.say({"type": "pong"})
        await talk.say({"type": "ping"})
        assert await talk.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("query", "payload", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{nothing}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query A{hello}", {"operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
        ("query($n: String!){hello(name: $n)}", {"variables": {"n": 5}}, "BAD_USER_INPUT"),
        ("subscription($n: Int!){count(to: $n)}", {"variables": {"n": ""}}, "BAD_USER_INPUT"),
        ("{" + "hello " * 1000 + "}", {}, "LIMIT_EXCEEDED"),
        ("subscription{refuse}", {}, "FAMILY_UNKNOWN"),
    ],
)
async def test_an_error_ends_its_operation_and_nothing_else(
    server: Sample, query: str, payload: dict[str, object], code: str
) -> None:
    async with acquaintance(server) as talk:
        await talk.subscribe("subscription{silence}", "other")
        await talk.subscribe(query, rest=payload)
        heard = await talk.hear()
        assert (heard["id"], heard["type"]) == ("1", "error")
        assert [error["extensions"]["code"] for error in heard["payload"]] == [code]
        await talk.subscribe("{hello}")
        assert (await talk.hear())["payload"] == {"data": {"hello": "Hello, world"}}
        assert await talk.hear() == {"id": "1", "type": "complete"}


async def test_an_unexpected_error_is_masked(
    server: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="schema.errors"):
        async with acquaintance(server) as talk:
            await talk.subscribe("subscription{crashAfter(frames: 0)}")
            heard = await talk.hear()
    [error] = heard["payload"]
    [record] = caplog.records
    assert heard["type"] == "error"
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["id"] in record.getMessage()
    assert SECRET not in str(heard)


async def test_complete_ends_an_operation_and_frees_its_id(server: Sample) -> None:
    async with acquaintance(server) as talk:
        await talk.subscribe('subscription{silence(word: "first")}')
        assert await server.context.subscribed.get() in ("first", "")
        await talk.say({"id": "1", "type": "complete"})
        await talk.say({"id": "unknown", "type": "complete"})
        await talk.subscribe("subscription{count(to: 1)}")
        assert (await talk.hear())["payload"] == {"data": {"count": 1}}


async def test_leaving_ends_all_operations_and_gives_the_place_back() -> None:
    connections = Watched()
    async with sample(connections=connections) as server:
        async with acquaintance(server) as talk:
            for name in "ab":
                await talk.subscribe(f'subscription{{silence(word: "{name}")}}', name)
            began = {await server.context.subscribed.get() for _ in "ab"}
            assert connections.open.total() == 1
        async with asyncio.timeout(PATIENCE):
            ended = {await server.context.ended.get() for _ in "ab"}
            await connections.given_back.get()
        assert began == ended == {"a", "b"}
        assert not connections.open


async def test_a_connection_runs_only_so_many_operations(server: Sample) -> None:
    async with acquaintance(server) as talk:
        for number in range(OPERATIONS_PER_CONNECTION + 1):
            await talk.subscribe("subscription{silence}", str(number))
        heard = await talk.hear()
        assert (heard["id"], heard["type"]) == (str(OPERATIONS_PER_CONNECTION), "error")
        assert heard["payload"][0]["extensions"] == {
            "code": "LIMIT_EXCEEDED",
            "limit": "operations",
            "maximum": OPERATIONS_PER_CONNECTION,
        }
        await talk.say({"id": "0", "type": "complete"})
        await talk.subscribe("{hello}", "again")
        assert (await talk.hear())["id"] == "again"


@pytest.mark.parametrize("connections", [Watched(total=1), Watched(per_client=1)])
async def test_429_for_a_connection_too_many(connections: Watched) -> None:
    async with sample(connections=connections) as server:
        async with acquaintance(server):
            with pytest.raises(InvalidStatus, match="429"):
                await connect(server.websocket, subprotocols=SPOKEN)
        await asyncio.wait_for(connections.given_back.get(), PATIENCE)
        async with acquaintance(server) as talk:
            await talk.subscribe("{hello}")
            assert (await talk.hear())["type"] == "next"


async def test_only_pages_of_the_service_and_of_listed_origins_may_connect() -> None:
    async with sample(origins=frozenset({"https://listed.example"})) as server:
        for origin in (None, server.base, "https://listed.example"):
            async with stranger(server, origin=origin) as talk:
                await talk.introduce()
        for origin in ("https://other.example", "null", "http://listed.example", "nonsense"):
            with pytest.raises(InvalidStatus, match="403"):
                await connect(server.websocket, subprotocols=SPOKEN, origin=Origin(origin))


async def test_a_stalled_client_is_dropped_though_it_never_reads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections = Watched()
    caplog.set_level(logging.INFO)
    # The client is still there, and still stalled, while the server stops.
    async with (
        AsyncExitStack() as clients,
        sample(connections=connections, stall_seconds=0.3) as server,
    ):
        await clients.enter_async_context(stalled(server))
        ended = await asyncio.wait_for(server.context.ended.get(), PATIENCE)
        await asyncio.wait_for(connections.given_back.get(), PATIENCE)
    assert ended == "flood"
    assert not connections.open
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "which took no more" in said
    # The kernel has let go of the socket too: uvicorn's shutdown would wait for it in vain.
    assert "Finished server process" in said
    assert "timeout graceful shutdown exceeded" not in said


async def test_a_stalled_client_that_must_be_closed_is_not_waited_for() -> None:
    """The kernel would wait for longer than this test does."""
    connections = Watched()
    async with (
        sample(connections=connections, stall_seconds=1, kernel_seconds=100) as server,
        stalled(server) as say,
    ):
        # A flood with room goes on at every turn of the loop.
        seen, turns = -1, 0
        while turns < 1000 or not seen:
            turns = turns + 1 if seen == server.context.flooded else 0
            seen = server.context.flooded
            await asyncio.sleep(0)
        await say({"type": "connection_init"})
        await asyncio.wait_for(connections.given_back.get(), PATIENCE)
        assert not connections.open


@asynccontextmanager
async def stalled(server: Sample) -> AsyncIterator[Callable[[object], Awaitable[None]]]:
    """Be a client that asks for a flood and then reads none of it; yields how to say more."""
    host, port = server.base.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    with socket.create_connection((host, int(port))) as client:
        client.setblocking(False)
        await loop.sock_sendall(client, _HANDSHAKE)
        assert (await loop.sock_recv(client, 1000)).startswith(b"HTTP/1.1 101 ")
        await loop.sock_sendall(client, _frame({"type": "connection_init"}))
        flood = {"query": "subscription{flood}"}
        await loop.sock_sendall(client, _frame({"id": "1", "type": "subscribe", "payload": flood}))

        async def say(message: object) -> None:
            await loop.sock_sendall(client, _frame(message))

        yield say


_HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)


def _frame(message: object) -> bytes:
    text = orjson.dumps(message)
    # Masked with zeros, which leave the text as it is.
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
