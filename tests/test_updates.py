"""Telling of commits, among processes that share a database and a real Redis."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from documents.projection import Database, prepare
from services import live
from services.live import UpdateReason
from services.reading import Reader
from services.updates import CHANNEL, Updates
from tests.histories import NOW, History
from tests.processes import PATIENCE, Passportx, free_port, until
from tests.running import running
from tests.services import Services

needs_redis = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="there is no redis-server on PATH"
)


class RedisServer:
    """A redis-server of the test's own, which keeps its address."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        address = ("--bind", "127.0.0.1", "--port", str(self._port))
        self.process = await asyncio.create_subprocess_exec(
            *("redis-server", *address, "--save", "", "--dir", str(self._directory)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        client = Redis.from_url(self.url)

        async def answers() -> bool:
            try:
                return await cast("Awaitable[bool]", client.ping())
            except RedisError:
                return False

        await until(answers)
        await client.aclose()

    async def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def subscribers(self) -> int:
        """Return how many listen to the channel."""
        client = Redis.from_url(self.url)
        try:
            ((_, number),) = await client.pubsub_numsub(CHANNEL)
            return int(number)
        finally:
            await client.aclose()


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A redis-server that runs."""
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.kill()


@asynccontextmanager
async def listening(
    database: Database, redis_url: str | None, poll_seconds: float = 3600
) -> AsyncIterator[Updates]:
    """Be a process of the service; unless told otherwise, it only knows what Redis tells."""
    updates = Updates(Reader(database), redis_url, poll_seconds=poll_seconds)
    await updates.start()
    try:
        yield updates
    finally:
        await updates.stop()


async def commit(database: Database, position: int) -> None:
    """Move the position of the database, as a commit does."""
    await database["head"].update_one({"_id": "head"}, {"$set": {"position": position}})


async def heard(updates: Updates, position: int) -> None:
    assert await asyncio.wait_for(updates.beyond(position - 1), PATIENCE) == position


@needs_redis
async def test_processes_hear_of_each_others_commits(
    database: Database, redis: RedisServer
) -> None:
    await prepare(database)
    async with listening(database, redis.url) as one, listening(database, redis.url) as two:

        async def both_listen() -> bool:
            return await redis.subscribers() == 2

        await until(both_listen)
        for position, teller, hearer in ((1, one, two), (2, two, one), (3, one, two)):
            await commit(database, position)
            await teller.publish(position)
            assert teller.position == position
            await heard(hearer, position)


@needs_redis
async def test_they_hear_of_each_other_again_after_redis_was_away(
    database: Database, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare(database)

    async def both_listen() -> bool:
        return await redis.subscribers() == 2

    async with listening(database, redis.url) as one, listening(database, redis.url) as two:
        for turn in (1, 2):
            await until(both_listen)
            await redis.kill()
            await commit(database, 2 * turn - 1)
            await one.publish(2 * turn - 1)  # nobody hears that
            await redis.start()
            await until(both_listen)
            await commit(database, 2 * turn)
            await one.publish(2 * turn)
            await heard(two, 2 * turn)
    assert caplog.text.count("Redis at REDIS_URL is away") == 2 * 2
    assert "Traceback" not in caplog.text


@needs_redis
async def test_what_a_stranger_broadcasts_moves_nothing(
    database: Database, redis: RedisServer
) -> None:
    """Two services may share a Redis, and one of them be far ahead."""
    await prepare(database)
    async with listening(database, redis.url) as one:
        client = Redis.from_url(redis.url)

        async def listens() -> bool:
            return await redis.subscribers() == 1

        await until(listens)
        for message in ("999999", "rubbish", b"\xff", "", "-1", "²"):
            await client.publish(CHANNEL, message)
        await commit(database, 1)
        await client.publish(CHANNEL, "1")
        await client.aclose()
        await heard(one, 1)
        assert one.position == 1


async def test_without_redis_a_process_looks_for_the_commits_of_others(database: Database) -> None:
    await prepare(database)
    async with listening(database, None, poll_seconds=0.01) as updates:
        for position in (1, 2):
            await commit(database, position)
            await heard(updates, position)


async def test_who_waits_is_told_of_the_latest_position_only(database: Database) -> None:
    await prepare(database)
    async with listening(database, None) as updates:
        waiting = [asyncio.create_task(updates.beyond(0)) for _ in range(3)]
        await asyncio.sleep(0)
        await updates.publish(1)
        await updates.publish(2)
        assert await asyncio.gather(*waiting) == [2, 2, 2]
        assert await updates.beyond(1) == 2


@needs_redis
@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_commits_go_on_while_redis_is_away(
    database: Database, redis: RedisServer, how: str
) -> None:
    assert redis.process
    async with running(database, redis_url=redis.url) as service:
        if how == "killed":
            await redis.kill()
        else:
            redis.process.send_signal(signal.SIGSTOP)
        for delivery in History(1).deliveries():
            before = service.service.updates.position
            await service.service.log.accept(delivery, "chainhook")
            assert await service.settled() > before


async def test_a_service_starts_though_redis_is_away(tmp_path: Path) -> None:
    environment = {"REDIS_URL": f"redis://:hush@127.0.0.1:{free_port()}/0"}
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path))
    async with Passportx(*arguments, environment=environment) as service:

        async def warned() -> bool:
            return any("Redis at REDIS_URL is away" in line for line in service.complained)

        await until(warned)
        assert await service.stop() == 0
        assert "hush" not in "\n".join(service.complained)


async def test_a_subscriber_resumes_at_another_process_that_has_not_heard_yet(
    database: Database,
) -> None:
    one, two = await Services.on(database, NOW), await Services.on(database, NOW)
    await prepare(database)
    for delivery in History(1).deliveries():
        await one.log.accept(delivery, "chainhook")
    await one.commit()
    assert (one.updates.position, two.updates.position) == (1, 0)
    frames = live.updates(two.analytics, after=1, families=[], min_interval_ms=0)
    first = await anext(frames)
    assert (first.position, first.reason, first.missed) == (1, UpdateReason.CURRENT, 0)
    await frames.aclose()  # type: ignore[attr-defined]  # it is a generator
