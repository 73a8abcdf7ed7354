"""What ends a websocket or an operation ends it, however close it follows a `subscribe`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from random import Random
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app import Service, access, application
from documents.connection import connect as connect_database
from documents.projection import prepare
from schema.websocket import PROTOCOL
from settings import load_settings
from tests.processes import PATIENCE, until
from tests.serving import serve

INIT = '{"type":"connection_init"}'
SUBSCRIBE = orjson.dumps(
    {
        "id": "1",
        "type": "subscribe",
        "payload": {
            "query": "subscription { analyticsUpdated { position metrics { totalUsers } } }"
        },
    }
).decode()
COMPLETE = '{"id":"1","type":"complete"}'
ENDINGS: dict[str | bytes, int] = {
    SUBSCRIBE: 4409,
    INIT: 4429,
    "x": 4400,
    "": 4400,
    "[]": 4400,
    b"{}": 4400,
    INIT.encode(): 4400,
    '{"type":"ping","payload":5}': 4400,
    '{"type":"complete"}': 4400,
    '{"type":"subscribe","payload":{"query":"{__typename}"}}': 4400,
    '{"type":"unknown"}': 4400,
    '{"id":5,"type":"complete"}': 4400,
    '{"id":"2","type":"subscribe","payload":5}': 4400,
}
CONNECTIONS = 150
"""How many are open at once; one client may have 500."""
LONGEST_SECONDS = 0.012
"""An operation has its first frame by then."""
AT_ONCE = 0.2
"""The share of clients that do not wait at all."""


@pytest.fixture(scope="module")
async def running(mongo_url: str) -> AsyncIterator[tuple[Service, str]]:
    database = await connect_database(mongo_url, "test_websocket_endings")
    await prepare(database)
    settings = load_settings()
    service = Service(settings, database, access(settings, None))
    async with serve(application(settings, service)) as base:
        yield service, f"{base.replace('http', 'ws', 1)}/graphql"
    await database.client.drop_database(database.name)
    database.client.close()


Talk = Callable[[ClientConnection, Random], Coroutine[Any, Any, object]]


async def all_talk(url: str, rounds: int, talk: Talk) -> Counter[object]:
    """Let many clients subscribe and then do something after a while; return how each ended."""
    random, found = Random(rounds), Counter[object]()  # noqa: S311  # delays need no secrecy

    async def one() -> object:
        async with connect(url, subprotocols=[Subprotocol(PROTOCOL)]) as connection:
            await connection.send(INIT)
            await connection.recv()
            await connection.send(SUBSCRIBE)
            if random.random() > AT_ONCE:
                await asyncio.sleep(random.random() * LONGEST_SECONDS)
            async with asyncio.timeout(PATIENCE):
                return await talk(connection, random)

    for _ in range(rounds):
        found.update(await asyncio.gather(*(one() for _ in range(CONNECTIONS))))
    return found


async def nothing_runs_on(service: Service) -> None:
    """Wait until no connection is counted, and no operation runs."""

    async def is_over() -> bool:
        operations = [t for t in asyncio.all_tasks() if "_Connection" in repr(t.get_coro())]
        return not operations and service.connections.open.total() == 0

    await until(is_over)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_message_that_ends_the_connection_ends_it(
    running: tuple[Service, str], ending: str | bytes
) -> None:
    service, url = running

    async def talk(connection: ClientConnection, _: Random) -> object:
        await connection.send(ending)
        try:
            while True:
                await connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code

    assert await all_talk(url, 2, talk) == {ENDINGS[ending]: 2 * CONNECTIONS}
    await nothing_runs_on(service)


async def test_the_first_of_two_endings_is_told(running: tuple[Service, str]) -> None:
    service, url = running

    async def talk(connection: ClientConnection, random: Random) -> object:
        first, second = random.sample(list(ENDINGS), 2)
        await connection.send(first)
        await connection.send(second)
        try:
            while True:
                await connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd is not None and closed.rcvd.code == ENDINGS[first]

    assert await all_talk(url, 3, talk) == {True: 3 * CONNECTIONS}
    await nothing_runs_on(service)


async def test_what_is_completed_at_once_runs_no_more(running: tuple[Service, str]) -> None:
    """Its id is free at once, and the connection answers."""
    service, url = running

    async def talk(connection: ClientConnection, random: Random) -> object:
        await connection.send(COMPLETE)
        await connection.send('{"type":"ping"}')
        heard = [orjson.loads(await connection.recv())]
        while heard[-1]["type"] != "pong":
            heard.append(orjson.loads(await connection.recv()))
        await asyncio.sleep(random.random() * LONGEST_SECONDS)
        await connection.send(SUBSCRIBE)
        after = orjson.loads(await connection.recv())
        await connection.send(COMPLETE)
        return after["type"], after["id"]

    assert await all_talk(url, 4, talk) == {("next", "1"): 4 * CONNECTIONS}
    await nothing_runs_on(service)


async def test_an_id_is_free_as_soon_as_it_is_completed(running: tuple[Service, str]) -> None:
    """Often the old operation has yet to end when the next one has its id."""
    service, url = running

    async def talk(connection: ClientConnection, random: Random) -> object:
        for _ in range(random.randint(1, 5)):
            await connection.send(COMPLETE)
            await connection.send(SUBSCRIBE)
        await connection.send('{"type":"ping"}')
        while orjson.loads(await connection.recv())["type"] != "pong":
            pass
        await connection.send(SUBSCRIBE)
        try:
            while True:
                await connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code

    # The last one is in use: no operation before it has given its id away.
    assert await all_talk(url, 3, talk) == {4409: 3 * CONNECTIONS}
    await nothing_runs_on(service)


async def test_a_completed_operation_ends_while_its_connection_stays(
    running: tuple[Service, str],
) -> None:
    service, url = running
    over = asyncio.Event()

    async def talk(connection: ClientConnection, _: Random) -> object:
        await connection.send(COMPLETE)
        await over.wait()
        return "closed"

    talking = asyncio.create_task(all_talk(url, 1, talk))

    async def all_have_completed() -> bool:
        operations = [t for t in asyncio.all_tasks() if "_Connection._run" in repr(t.get_coro())]
        return service.connections.open.total() == CONNECTIONS and not operations

    await until(all_have_completed)
    over.set()
    assert await talking == {"closed": CONNECTIONS}
    await nothing_runs_on(service)


async def test_a_client_that_aborts_leaves_nothing_behind(running: tuple[Service, str]) -> None:
    service, url = running

    async def talk(connection: ClientConnection, _: Random) -> object:
        connection.transport.abort()
        return "aborted"

    assert await all_talk(url, 4, talk) == {"aborted": 4 * CONNECTIONS}
    await nothing_runs_on(service)


async def test_a_client_that_aborts_after_an_ending_leaves_nothing_behind(
    running: tuple[Service, str],
) -> None:
    service, url = running

    async def talk(connection: ClientConnection, random: Random) -> object:
        await connection.send(random.choice([*ENDINGS, COMPLETE]))
        if random.random() > AT_ONCE:
            await asyncio.sleep(random.random() * LONGEST_SECONDS)
        connection.transport.abort()
        return "aborted"

    assert await all_talk(url, 3, talk) == {"aborted": 3 * CONNECTIONS}
    await nothing_runs_on(service)
