"""Redis, as the broadcaster uses it: an outage of any length, and then it is heard again.

The broadcaster's own backend does not notice that its connection is lost, and never hears again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from broadcaster import BroadcastBackend, Event
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
REOPEN_SECONDS = 1.0


class RedisBackend(BroadcastBackend):
    """One channel of a Redis, which need not be there."""

    def __init__(self, url: str) -> None:
        """Nothing is connected yet. Raises `ValueError` for a URL that is none."""
        # One try each: who is away is asked again soon enough, and nobody is to wait for it.
        retry = Retry(NoBackoff(), 0)
        self._client = Redis.from_url(url, retry=retry, socket_connect_timeout=ANSWER_SECONDS)
        self._channel: asyncio.Future[str] | None = None
        self._heard: AsyncIterator[Event] | None = None
        self._is_away = False

    async def connect(self) -> None:
        """Make ready. Redis may be away."""
        self._channel = asyncio.get_running_loop().create_future()
        self._heard = self._hear(self._channel)

    async def disconnect(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def subscribe(self, channel: str) -> None:
        """Name the channel that is listened to."""
        if self._channel and not self._channel.done():
            self._channel.set_result(channel)

    async def unsubscribe(self, channel: str) -> None:
        """Do nothing: there is one channel, for good."""

    async def publish(self, channel: str, message: Any) -> None:  # noqa: ANN401  # as the base has it
        """Send a message, or give it up when Redis does not answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._client.publish(channel, message)
        except (RedisError, OSError) as error:
            logger.debug("A message was not broadcast: %s", error)

    async def next_published(self) -> Event:
        """Return the next message."""
        assert self._heard is not None  # noqa: S101  # the broadcaster has called `connect`
        return await anext(self._heard)

    async def _hear(self, channel: "asyncio.Future[str]") -> AsyncIterator[Event]:
        name = await channel
        while True:
            try:
                async with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(name)
                    self._note_back()
                    async for message in pubsub.listen():
                        yield Event(name, message["data"].decode(errors="replace"))
            except (RedisError, OSError) as error:
                self._note_away(error)
            except Exception:
                logger.exception("Redis at REDIS_URL is asked again")
            await asyncio.sleep(REOPEN_SECONDS)

    def _note_away(self, error: Exception) -> None:
        if not self._is_away:
            logger.warning(
                "Redis at REDIS_URL is away (%s); commits of other processes show with delay", error
            )
        self._is_away = True

    def _note_back(self) -> None:
        if self._is_away:
            logger.warning("Redis at REDIS_URL is back")
        self._is_away = False
