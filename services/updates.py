"""Telling everyone that there is a new position, and waiting for one.

The commits are in the database; what is broadcast is only that the position has moved. Each process
has one broadcaster subscription, opened at the start, and looks at the database now and then too,
so that a lost message delays an update and never loses it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from broadcaster import Broadcast
from pymongo.errors import PyMongoError

from services.reading import Reader

logger = logging.getLogger(__name__)

CHANNEL = "passportx.position"
POLL_SECONDS = 1.0


class Updates:
    """The latest position that this process knows of. Waiters see the latest, never a queue."""

    def __init__(
        self, reader: Reader, redis_url: str | None = None, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Raises `ValueError` for a Redis URL that is none."""
        self._reader = reader
        self._poll_seconds = poll_seconds
        self._broadcast = _broadcast(redis_url)
        self._unsent = asyncio.Event()
        self._moved = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self.position = 0

    async def start(self) -> None:
        """Learn the position and begin to listen. Redis may be away."""
        await self.look()
        await self._broadcast.connect()
        for work in (self._listen, self._send, self._poll):
            self._tasks.append(asyncio.create_task(self._keep(work), name=f"updates: {work}"))

    async def stop(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await self._broadcast.disconnect()

    async def look(self) -> None:
        """Learn the position from the database. Raises `PyMongoError`."""
        await self.learn(await self._reader.position())

    async def learn(self, position: int) -> None:
        """Take note of a position and wake those who wait for it."""
        if position > self.position:
            async with self._moved:
                self.position = position
                self._moved.notify_all()

    async def publish(self, position: int) -> None:
        """Tell every process of a position: this one at once, and nobody waits for the others."""
        await self.learn(position)
        self._unsent.set()

    async def beyond(self, position: int) -> int:
        """Wait for a position beyond the given one, and return the latest."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position > position)
            return self.position

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work again and again, whatever it raises."""
        while True:
            try:
                await work()
            except PyMongoError as error:
                logger.warning("The position could not be read: %s", error)
                await asyncio.sleep(self._poll_seconds)
            except Exception:
                logger.exception("Updates from other processes may be late")
                await asyncio.sleep(self._poll_seconds)

    async def _listen(self) -> None:
        async with self._broadcast.subscribe(CHANNEL) as subscriber:
            while True:
                event = await subscriber.get()
                # It is not believed: another service may broadcast in the same Redis.
                if event.message != str(self.position):
                    await self.look()

    async def _send(self) -> None:
        await self._unsent.wait()
        self._unsent.clear()
        await self._broadcast.publish(CHANNEL, str(self.position))

    async def _poll(self) -> None:
        await asyncio.sleep(self._poll_seconds)
        await self.look()


def _broadcast(redis_url: str | None) -> Broadcast:
    if redis_url is None:
        return Broadcast("memory://")
    from services._redis import RedisBackend  # noqa: PLC0415  # a tenth of the time of a start

    return Broadcast(backend=RedisBackend(redis_url))
