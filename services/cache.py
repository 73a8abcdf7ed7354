"""Answers are kept by position: a new position is a new key, so nothing is ever invalidated."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from aiocache import SimpleMemoryCache

T = TypeVar("T")


KEPT_POSITIONS = 3
"""Of how many positions answers are kept: nobody asks at an old one, but who began there."""


class AnswerCache:
    """A bounded cache in which concurrent askers of one answer cause one computation."""

    def __init__(self, *, ttl_seconds: float, size: int = 5_000) -> None:
        """`ttl_seconds` is a ceiling: after it, an answer is computed again in any case.

        `size` is how many answers are kept of one position.
        """
        self._cache = SimpleMemoryCache()
        self._ttl = ttl_seconds
        self._size = size
        self._names: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        """What is kept, by the position, the oldest first."""
        self._computing: dict[str, asyncio.Task[object]] = {}
        self.hits = 0
        self.misses = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of answers that were not computed for the asker; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    async def get(self, position: str, name: str, compute: Callable[[], Awaitable[T]]) -> T:
        """Return the answer under a name at a position, computing it if it is not there.

        An error goes to everyone who waited for the answer, and is not kept.
        """
        key = f"{position} {name}"
        found: tuple[T] | None = await self._cache.get(key)
        if found is not None:
            self.hits += 1
            return found[0]
        task = self._computing.get(key)
        if task is None:
            self.misses += 1
            task = asyncio.ensure_future(self._compute(position, key, compute))
            self._computing[key] = task
            task.add_done_callback(lambda _: self._computing.pop(key, None))
        else:
            self.hits += 1
        # An asker that goes away must not take the answer from the others.
        return cast("T", await asyncio.shield(task))

    async def _compute(self, position: str, key: str, compute: Callable[[], Awaitable[T]]) -> T:
        answer = await compute()
        # In a tuple, for None is an answer too.
        await self._cache.set(key, (answer,), ttl=self._ttl)
        names = self._names.setdefault(position, OrderedDict())
        names[key] = None
        names.move_to_end(key)
        if len(names) > self._size:
            oldest, _ = names.popitem(last=False)
            await self._cache.delete(oldest)
        while len(self._names) > KEPT_POSITIONS:
            _, dropped = self._names.popitem(last=False)
            for name in dropped:
                await self._cache.delete(name)
        return answer
