"""Answers are kept by position: a new position is a new key, so nothing is ever invalidated."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from aiocache import SimpleMemoryCache

T = TypeVar("T")


class AnswerCache:
    """A bounded cache in which concurrent askers of one answer cause one computation."""

    def __init__(self, *, ttl_seconds: float, size: int = 20_000) -> None:
        """`ttl_seconds` is a ceiling: after it, an answer is computed again in any case."""
        self._cache = SimpleMemoryCache()
        self._ttl = ttl_seconds
        self._size = size
        self._order: OrderedDict[str, None] = OrderedDict()
        self._computing: dict[str, asyncio.Task[object]] = {}
        self.hits = 0
        self.misses = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of answers that were not computed for the asker; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    async def get(self, name: str, compute: Callable[[], Awaitable[T]]) -> T:
        """Return the answer under a name, computing it if it is not there.

        An error goes to everyone who waited for the answer, and is not kept.
        """
        found: tuple[T] | None = await self._cache.get(name)
        if found is not None:
            self.hits += 1
            return found[0]
        task = self._computing.get(name)
        if task is None:
            self.misses += 1
            task = asyncio.ensure_future(self._compute(name, compute))
            self._computing[name] = task
            task.add_done_callback(lambda _: self._computing.pop(name, None))
        else:
            self.hits += 1
        # An asker that goes away must not take the answer from the others.
        return cast("T", await asyncio.shield(task))

    async def _compute(self, name: str, compute: Callable[[], Awaitable[T]]) -> T:
        answer = await compute()
        # In a tuple, for None is an answer too.
        await self._cache.set(name, (answer,), ttl=self._ttl)
        self._order[name] = None
        self._order.move_to_end(name)
        while len(self._order) > self._size:
            oldest, _ = self._order.popitem(last=False)
            await self._cache.delete(oldest)
        return answer
