"""Answers are kept by position: a new position is a new key, so nothing is ever invalidated."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import fields, is_dataclass
from typing import TypeVar, cast

from aiocache import SimpleMemoryCache

T = TypeVar("T")


KEPT_POSITIONS = 3
"""Of how many positions answers are kept: nobody asks at an old one, but who began there."""
KEPT_VALUES = 150_000
"""How many values all answers have that are kept, as `size_of` counts them; some 250 bytes each."""
KEY_CHARACTERS = 500
"""How many characters of a key, which may name many filters, are taken for one value."""


class AnswerCache:
    """A bounded cache in which concurrent askers of one answer cause one computation."""

    def __init__(self, *, ttl_seconds: float, size: int = KEPT_VALUES) -> None:
        """`ttl_seconds` is a ceiling: after it, an answer is computed again in any case.

        With a ceiling of 0 nothing is kept; `size` is how many values are, of all answers.
        """
        # No time limit: Python 3.11's `wait_for`, by which aiocache keeps one, loses a cancellation
        # that comes just when it is done, so that who was cancelled goes on.
        self._cache = SimpleMemoryCache(timeout=None)
        self._ttl = ttl_seconds
        self._size = size
        self._kept = 0
        self._sizes: OrderedDict[str, OrderedDict[str, int]] = OrderedDict()
        """The sizes of what is kept, by the position and the key, the oldest first."""
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
        size = size_of(answer) + len(key) // KEY_CHARACTERS
        # No ceiling at all is what aiocache takes 0 for.
        if self._ttl <= 0 or size > self._size:
            return answer
        # In a tuple, for None is an answer too.
        await self._cache.set(key, (answer,), ttl=self._ttl)
        sizes = self._sizes.setdefault(position, OrderedDict())
        self._kept += size - sizes.pop(key, 0)
        sizes[key] = size
        while self._kept > self._size or len(self._sizes) > KEPT_POSITIONS:
            await self._drop_oldest()
        return answer

    async def _drop_oldest(self) -> None:
        position, sizes = next(iter(self._sizes.items()))
        key, size = sizes.popitem(last=False)
        if not sizes:
            del self._sizes[position]
        self._kept -= size
        await self._cache.delete(key)


def size_of(answer: object) -> int:
    """Return about how many values an answer has: of a list those of its first entry, so often."""
    if isinstance(answer, list | tuple) and answer:
        return len(answer) * size_of(answer[0])
    if is_dataclass(answer):
        return 1 + sum(size_of(getattr(answer, each.name)) for each in fields(answer))
    return 1
