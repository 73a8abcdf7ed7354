"""Telling everyone that there is a new position, and waiting for one.

The commits are in the database; what is broadcast is only "the position is now n". Each process
has one broadcaster subscription, opened at the start and reopened when it fails, and looks at the
database now and then too, so that a lost message delays an update and never loses it.
"""

import asyncio
import contextlib
import logging

from broadcaster import Broadcast
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from services.reading import Reader

logger = logging.getLogger(__name__)

CHANNEL = "passportx.position"
POLL_SECONDS = 1.0
REOPEN_SECONDS = 1.0
Lost = (RedisError, OSError, RuntimeError)
"""What the broadcaster's backend raises when its connection is lost."""


class Updates:
    """The latest position that this process knows of. Waiters see the latest, never a queue."""

    def __init__(self, reader: Reader, url: str = "memory://") -> None:
        self._reader = reader
        self._url = url
        self._moved = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._broadcast: Broadcast | None = None
        self.position = 0

    async def start(self) -> None:
        """Learn the position and begin to listen."""
        await self.learn(await self._reader.position())
        self._tasks = [
            asyncio.create_task(self._listen(), name="updates: listen"),
            asyncio.create_task(self._poll(), name="updates: poll"),
        ]

    async def stop(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def learn(self, position: int) -> None:
        """Take note of a position and wake those who wait for it."""
        if position > self.position:
            async with self._moved:
                self.position = position
                self._moved.notify_all()

    async def publish(self, position: int) -> None:
        """Tell every process of a position. This one learns it whatever becomes of the message."""
        await self.learn(position)
        if self._broadcast is None:
            return
        try:
            await self._broadcast.publish(CHANNEL, str(position))
        except Lost as error:
            logger.warning("Position %d was not broadcast: %s", position, error)

    async def beyond(self, position: int) -> int:
        """Wait for a position beyond the given one, and return the latest."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position > position)
            return self.position

    async def _listen(self) -> None:
        while True:
            try:
                await self._subscription()
            except Lost as error:
                logger.warning("The broadcast at REDIS_URL is away, trying again: %s", error)
            await asyncio.sleep(REOPEN_SECONDS)

    async def _subscription(self) -> None:
        """Receive until the connection is lost. The broadcaster's own listener dies silently."""
        broadcast = Broadcast(self._url)
        await broadcast.connect()
        self._broadcast = broadcast
        try:
            async with broadcast.subscribe(CHANNEL) as subscriber:
                receiving = asyncio.create_task(self._receive(subscriber))
                listening = broadcast._listener_task  # noqa: SLF001  # no public sign of its death
                await asyncio.wait({receiving, listening}, return_when=asyncio.FIRST_COMPLETED)
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
        finally:
            self._broadcast = None
            with contextlib.suppress(*Lost):
                await broadcast.disconnect()

    async def _receive(self, subscriber: object) -> None:
        async for event in subscriber:  # type: ignore[attr-defined]  # broadcaster types it wrongly
            if str(event.message).isdigit():
                await self.learn(int(event.message))

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.learn(await self._reader.position())
            except PyMongoError as error:
                logger.warning("The position could not be read: %s", error)
