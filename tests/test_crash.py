"""Crashes: whatever is killed, whenever, nothing is lost and nothing is counted twice.

A chain with many reorganisations is told by two hooks, each of which delivers again until it is
answered 2xx, while the service and its database are killed. Afterwards everything must be as if
nothing had happened: by the chain's own truth, by a service that nobody killed, and by a recount.
"""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Self

import httpx
import orjson
import psutil
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from documents.connection import Database, connect
from ingest.chainhook import parse
from ingest.synthetic import (
    DAY_MS,
    DEVNET,
    Chain,
    Encoding,
    Scale,
    Step,
    Transaction,
    deliver,
    split,
    truth,
)
from services.events import EventType
from tests.crashing import Point
from tests.processes import PATIENCE, Passportx, free_port, run, until
from tests.running import everything, running

NOW = 1_790_000_000_000
SCALE = Scale(users=120, templates=10, communities=8, issuers=4, days=60)
ROOT = Path(__file__).parent.parent
CRASHING = (sys.executable, "-m", "tests.crashing")
TOKEN = "a-token-of-the-tests"  # noqa: S105  # nothing is behind it


class Story:
    """A chain that changes `length` times, and what it comes to."""

    def __init__(self, seed: int, length: int) -> None:
        self.chain = Chain(seed, start=NOW - SCALE.days * DAY_MS, scale=SCALE)
        self._random = Random(seed)  # noqa: S311  # a story needs no secrecy
        self.steps = list(self._steps(length))

    def _steps(self, length: int) -> Iterator[Step]:
        last: Step | None = None
        for number in range(length):
            at = self.chain.start + number * SCALE.days * DAY_MS // length
            draw = self._random.random()
            if last is not None and draw < 0.05:
                last = self.chain.flip(last)
            elif number and draw < 0.15:
                last = self.chain.fork(self._random.randint(1, 3), at)
            else:
                last = self.chain.mine(at, self._random.randint(1, 6))
            yield last

    def bodies(self) -> tuple[list[bytes], list[bytes]]:
        """Return what each of two hooks delivers: one tells of badges, one of communities."""
        told: tuple[list[bytes], list[bytes]] = ([], [])
        for step in self.steps:
            for hook, part in zip(told, split(step, _of_badges, _of_communities), strict=True):
                if part.apply or part.rollback:
                    encoding = self._random.choice(list(Encoding))
                    hook.append(orjson.dumps(deliver(part, DEVNET, encoding)))
        return told

    @cached_property
    def standing(self) -> set[str]:
        """The identities of the events that stand in the end."""
        return {event["id"] for block in truth(self.chain) for event in block.events}

    @cached_property
    def overview(self) -> dict[str, int]:
        """What subscribers are told in the end."""
        events = [event for block in truth(self.chain) for event in block.events]
        types = Counter(event["type"] for event in events)
        return {
            "totalBadgesIssued": types[EventType.BADGE_ISSUED],
            "totalUsers": len({event["user"] for event in events if "user" in event}),
            "totalCommunities": types[EventType.COMMUNITY_CREATED],
        }


def _of_communities(transaction: Transaction) -> bool:
    return transaction.call.contract == DEVNET.community_manager


def _of_badges(transaction: Transaction) -> bool:
    return not _of_communities(transaction)


class Hooks:
    """Clients that deliver, each again until it is answered 2xx, and keep count of that."""

    def __init__(self, *urls: str) -> None:
        """With several URLs, each delivery goes to the next one, and to another if it fails."""
        self._urls = urls
        self.accepted = 0
        self.answers: Counter[int] = Counter()
        self.failures = 0
        self._moved = asyncio.Condition()

    async def play(self, *bodies: Sequence[bytes]) -> None:
        """Deliver what each hook has to tell, in its order."""
        await asyncio.gather(*map(self._hook, bodies))

    async def _hook(self, bodies: Sequence[bytes]) -> None:
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(headers=headers, timeout=PATIENCE, trust_env=False) as client:
            for number, body in enumerate(bodies):
                turn = number
                while not await self._deliver(client, self._urls[turn % len(self._urls)], body):
                    turn += 1
                    await asyncio.sleep(0.02)
                async with self._moved:
                    self.accepted += 1
                    self._moved.notify_all()

    async def _deliver(self, client: httpx.AsyncClient, url: str, body: bytes) -> bool:
        try:
            answer = await client.post(f"{url}/webhooks/chainhook", content=body)
        except httpx.TransportError:
            self.failures += 1
            return False
        self.answers[answer.status_code] += 1
        return answer.is_success

    async def more(self, deliveries: int) -> None:
        """Wait until so many more deliveries have been accepted."""
        wanted = self.accepted + deliveries
        async with asyncio.timeout(PATIENCE), self._moved:
            await self._moved.wait_for(lambda: self.accepted >= wanted)


class Subscriber:
    """A client that subscribes, and subscribes again from where it was when it is cut off."""

    def __init__(self, *urls: str) -> None:
        """With several URLs, it turns to the next one when it is cut off."""
        self._urls = [url.replace("http", "ws", 1) + "/graphql" for url in urls]
        self.seen: list[tuple[int, Any]] = []
        """Positions and what was told of them; a resumption may tell the last one again."""
        self.resumed = 0

    async def listen(self) -> None:
        """Listen until cancelled."""
        protocol = Subprotocol("graphql-transport-ws")
        while True:
            url = self._urls[self.resumed % len(self._urls)]
            # The service is away, or has ended.
            with suppress(OSError, WebSocketException, EOFError):
                async with connect_websocket(url, subprotocols=[protocol]) as socket:
                    await self._subscribe(socket)
            self.resumed += 1
            await asyncio.sleep(0.05)

    async def _subscribe(self, socket: ClientConnection) -> None:
        variables = {"after": self.seen[-1][0] if self.seen else None}
        payload = {"query": _SUBSCRIPTION, "variables": variables}
        subscribe = {"id": "1", "type": "subscribe", "payload": payload}
        await socket.send('{"type":"connection_init"}')
        assert orjson.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(orjson.dumps(subscribe).decode())
        is_first = True
        async for text in socket:
            message = orjson.loads(text)
            if errors := message["payload"] if message["type"] == "error" else None:
                assert errors[0]["extensions"]["code"] == "UNAVAILABLE", errors
                return  # the database is away
            assert "errors" not in message["payload"], message
            self._hear(message["payload"]["data"]["analyticsUpdated"], is_first=is_first)
            is_first = False

    def _hear(self, update: dict[str, Any], *, is_first: bool) -> None:
        position = update.pop("position")
        if self.seen:
            last, _ = self.seen[-1]
            assert position > last or (is_first and position == last)
        self.seen.append((position, update))


_SUBSCRIPTION = """subscription($after: Position) {
    analyticsUpdated(after: $after) {
        position metrics { totalBadgesIssued totalUsers totalCommunities }
    }
}"""


# What is compared


async def figures(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return every figure of a service by its path, without when and after how much it was told."""
    told: dict[str, Any] = {}
    for document in everything("aggregated"):
        answer = (await client.post("/graphql", json={"query": document})).json()
        assert "errors" not in answer, answer
        told |= dict(_leaves(answer["data"], ()))
    return told


def _leaves(told: object, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    if isinstance(told, dict):
        for name, value in told.items():
            if name not in ("asOf", "position", "timestamp"):
                yield from _leaves(value, (*path, name))
    elif isinstance(told, list):
        yield ".".join((*path, "length")), len(told)
        for index, value in enumerate(told):
            yield from _leaves(value, (*path, str(index)))
    else:
        yield ".".join(path), told


async def same_figures(*clients: httpx.AsyncClient) -> bool:
    """Return whether services tell the same; some of it depends on the quarter of the hour."""
    while True:
        quarter = time.time() // 900
        told = [await figures(client) for client in clients]
        if time.time() // 900 == quarter:
            break
    assert all(each == told[0] for each in told)
    return True


@asynccontextmanager
async def undisturbed(database: Database, story: Story) -> AsyncIterator[httpx.AsyncClient]:
    """Run a service that heard the story from one hook, and was left alone."""
    async with running(database) as service:
        deliveries = [parse(deliver(step, DEVNET), DEVNET) for step in story.steps]
        await asyncio.gather(*(service.service.log.accept(each, "hook") for each in deliveries))
        await service.settled()
        yield service.client


async def standing(database: Database) -> Counter[str]:
    """Return the identities of the events that stand, and how often each does."""
    head = await head_of(database)
    rows = database[f"events_{head['generation']}"].find({"stands": True}, {"_id": 1})
    return Counter([row["_id"] async for row in rows])


async def head_of(database: Database) -> dict[str, Any]:
    """Return where the projections are."""
    head: dict[str, Any] | None = await database["head"].find_one({"_id": "head"})
    assert head
    return head


async def assert_committed_once(database: Database) -> None:
    """Check that the commits contain every entry of the log once, one after the other."""
    commits = await database["commits"].find({}, sort=[("_id", 1)]).to_list(None)
    last = 0
    for position, commit in enumerate(commits, start=1):
        assert commit["_id"] == position
        assert commit["first_sequence"] == last + 1
        last = commit["last_sequence"]
    entries = await database["log"].find({}, {"size": 1}, sort=[("_id", 1)]).to_list(None)
    assert [entry["_id"] for entry in entries] == list(range(1, last + 1))
    head = await head_of(database)
    assert head["position"] == len(commits)
    assert head["processed"] == sum(entry["size"] for entry in entries)


async def settled(client: httpx.AsyncClient) -> bool:
    """Return whether everything that was accepted is committed."""
    answer = (await client.post("/graphql", json={"query": "{status{eventsWaiting}}"})).json()
    return bool(answer.get("data")) and answer["data"]["status"]["eventsWaiting"] == 0


async def overview(client: httpx.AsyncClient) -> dict[str, int]:
    """Return the figures that subscribers are told."""
    query = "{aggregated{metrics{totalBadgesIssued totalUsers totalCommunities}}}"
    answer = (await client.post("/graphql", json={"query": query})).json()
    metrics: dict[str, int] = answer["data"]["aggregated"]["metrics"]
    return metrics


async def are_told(subscribers: Sequence[Subscriber], client: httpx.AsyncClient) -> bool:
    """Return whether subscribers have been told the latest; what moves nothing is not told."""
    metrics = await overview(client)
    return all(each.seen[-1][1]["metrics"] == metrics for each in subscribers)


def assert_agreed(subscribers: Sequence[Subscriber]) -> None:
    """Check that nobody was told anything else of a position than anybody else."""
    told: dict[int, object] = {}
    for subscriber in subscribers:
        for position, update in subscriber.seen:
            assert told.setdefault(position, update) == update


# What is killed


class Ward:
    """One service at one address, started again and again."""

    def __init__(self, **environment: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            "PASSPORTX_PORT": str(port),
            "ANALYTICS_INGEST_TOKENS": TOKEN,
            "ANALYTICS_BATCH_SIZE": "20",
            "ANALYTICS_BATCH_TIMEOUT_MS": "50",
            **environment,
        }
        self.lives: list[Passportx] = []

    @property
    def service(self) -> Passportx:
        """The service as it was started last."""
        return self.lives[-1]

    async def start(self, **environment: str) -> None:
        """Start the service; nothing is waited for."""
        self.lives.append(
            Passportx(
                "serve",
                environment=self._environment | environment,
                program=CRASHING,
                directory=ROOT,
            )
        )
        await self.service.start()

    async def crash(self, point: Point, times: int, **environment: str) -> None:
        """Start the service and let it end itself, when it comes to a point for the nth time."""
        await self.start(CRASH_AT=f"{point}; {times}", **environment)
        assert await self.service.ended() == -signal.SIGKILL

    async def stop(self, how: signal.Signals) -> int:
        """End the service."""
        return await self.service.stop(how)

    def mongod(self) -> psutil.Process:
        """Return the database that the service has started."""
        (process,) = psutil.Process(self.service.process.pid).children()
        return process

    def complaints(self) -> str:
        """Return all that it ever said on standard error."""
        return "\n".join(line for life in self.lives for line in life.complained)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            # In order, for a transaction left open would hold up who drops the database.
            await self.stop(signal.SIGTERM)
        finally:
            await self.stop(signal.SIGKILL)


@asynccontextmanager
async def beside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run coroutines meanwhile. At the end they are over, and if one failed, so does the test."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for each in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(each, Exception):
                raise each


async def test_whatever_is_killed_everything_is_as_if_nothing_had_happened(
    tmp_path: Path, database: Database
) -> None:
    """Set CRASH_SEED for another story and other moments."""
    seed = int(os.environ.get("CRASH_SEED", "1"))
    random = Random(seed)  # noqa: S311  # no secret
    story = Story(seed, 300)
    async with (
        undisturbed(database, story) as other,
        Ward(PASSPORTX_DATA_DIR=str(tmp_path)) as ward,
        httpx.AsyncClient(base_url=ward.url, timeout=PATIENCE, trust_env=False) as client,
    ):
        hooks, subscribers = Hooks(ward.url), [Subscriber(ward.url), Subscriber(ward.url)]
        listening = [each.listen() for each in subscribers]
        async with beside(hooks.play(*story.bodies()), *listening) as (playing, *_):
            for point in random.sample(list(Point), k=3):
                await ward.crash(point, random.randint(5, 15))
            for how, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
                await ward.start()
                await hooks.more(random.randint(10, 30))
                await asyncio.sleep(random.random() / 20)  # anywhere in a commit
                assert await ward.stop(how) == code
            await ward.start()
            await hooks.more(10)
            ward.mongod().kill()
            await hooks.more(10)
            ward.mongod().suspend()
            await asyncio.sleep(5)
            ward.mongod().resume()
            await hooks.more(10)
            ward.mongod().kill()
            await ward.stop(signal.SIGKILL)

            await ward.start()
            await ward.service.serving()
            await asyncio.wait_for(playing, PATIENCE)
            await until(lambda: settled(client))
            assert await same_figures(client, other)
            code, *said = await run("verify", "--data-dir", str(tmp_path))
            assert code == 0, said
            mine = await connect(read_url(tmp_path), "passportx")
            assert await standing(mine) == Counter(story.standing)
            await assert_committed_once(mine)
            mine.client.close()
            await until(lambda: are_told(subscribers, client))
    assert set(hooks.answers) <= {200, 503}
    assert hooks.failures, "nobody ever had to deliver again"
    assert all(each.resumed >= 6 for each in subscribers)
    assert_agreed(subscribers)
    assert "never retrieved" not in ward.complaints()


def read_url(data_dir: Path) -> str:
    """Return the URL of the database that a service has started."""
    port = (data_dir / "port").read_text().strip()
    return f"mongodb://127.0.0.1:{port}/?replicaSet=passportx"


@pytest.mark.parametrize("careless", [False, True])
async def test_a_crash_within_a_commit_does_harm_only_without_a_transaction(
    mongo_url: str, database: Database, careless: bool
) -> None:
    """If this test did not see the harm, the one above would prove nothing."""
    story = Story(2, 60)
    ward = Ward(MONGODB_URL=mongo_url, MONGODB_DATABASE=database.name)
    client = httpx.AsyncClient(base_url=ward.url, timeout=PATIENCE, trust_env=False)

    async def finished() -> bool:
        ready = (await client.get("/readyz")).json()
        return ready["status"] == "failing" or await settled(client)

    async with ward, client, beside(Hooks(ward.url).play(*story.bodies())) as (playing,):
        await ward.crash(Point.WITHIN, 3, **({"CARELESS": "yes"} if careless else {}))
        await ward.start()
        await ward.service.serving()
        await asyncio.wait_for(playing, PATIENCE)
        await until(finished)
        is_right = await settled(client) and await overview(client) == story.overview
    assert is_right is not careless
    assert (await standing(database) == Counter(story.standing)) is not careless


async def test_two_services_on_one_database_commit_every_event_once(
    mongo_url: str, database: Database
) -> None:
    story = Story(3, 120)
    same = {"MONGODB_URL": mongo_url, "MONGODB_DATABASE": database.name}
    one, two = Ward(**same), Ward(**same)
    client, other = (
        httpx.AsyncClient(base_url=ward.url, timeout=PATIENCE, trust_env=False)
        for ward in (one, two)
    )
    async with one, two, client, other:
        await asyncio.gather(one.start(), two.start())
        hooks = Hooks(one.url, two.url)
        subscribers = [Subscriber(one.url, two.url), Subscriber(two.url, one.url)]
        listening = [each.listen() for each in subscribers]
        async with beside(hooks.play(*story.bodies()), *listening) as (playing, *_):
            await hooks.more(60)
            await one.stop(signal.SIGKILL)
            await hooks.more(30)
            await one.start()
            await one.service.serving()
            await asyncio.wait_for(playing, PATIENCE)
            await until(lambda: settled(client))
            await until(lambda: are_told(subscribers, client))
        assert await same_figures(client, other)
        assert await overview(client) == story.overview
    assert await standing(database) == Counter(story.standing)
    await assert_committed_once(database)
    assert_agreed(subscribers)
    contended = [ward for ward in (one, two) if "Another process committed" in ward.complaints()]
    assert contended, "they were never in each other's way"
