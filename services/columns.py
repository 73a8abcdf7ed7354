"""Reading the tables: chunks are kept by this process, and read again only where they changed."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from documents.log import Head
from documents.projection import Collection
from services.tables import FACT, FACTS_A_CHUNK, USER, USERS_A_CHUNK, Rows

KEPT_BYTES = 64 * 1024 * 1024
"""How much of the tables stays in memory: the rows of about 1.5 million badges."""

CHUNKS_A_READ = 128
"""How many chunks are fetched at once; 3 MB."""

Wanted = Callable[[Rows], NDArray[np.bool_]]
"""Says which rows of a chunk are wanted."""
Find = Any
"""`Reading.find`, which this module is handed."""


class Users(NamedTuple):
    """The rows of all users, as they were at a position."""

    collection: str
    position: int
    rows: Rows


class Chunks:
    """What this process has read: chunks of facts, those used last, and the rows of all users."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], tuple[int, Rows]] = OrderedDict()
        self._bytes = 0
        self.users: Users | None = None

    def get(self, collection: str, number: int, changed: int) -> Rows | None:
        """Return the rows of a chunk as written at the position `changed`, if they are kept."""
        found = self._kept.get((collection, number))
        if found is None or found[0] != changed:
            return None
        self._kept.move_to_end((collection, number))
        return found[1]

    def put(self, collection: str, number: int, changed: int, rows: Rows) -> None:
        """Keep the rows of a chunk, in the place of those of another position."""
        replaced = self._kept.pop((collection, number), None)
        self._kept[collection, number] = changed, rows
        self._bytes += rows.nbytes - (replaced[1].nbytes if replaced else 0)
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes


class FactRows(NamedTuple):
    """Rows of the fact table, and the number of each."""

    rows: Rows
    numbers: NDArray[np.int64]

    def only(self, wanted: NDArray[np.bool_]) -> "FactRows":
        """Return the rows for which `wanted` is true."""
        return FactRows(self.rows[wanted], self.numbers[wanted])


class Columns:
    """The tables at one position; `find` queries a collection there."""

    def __init__(
        self, find: Find, chunks: Chunks, facts: Collection, users: Collection, head: Head
    ) -> None:
        self._find = find
        self._chunks = chunks
        self._fact_chunks = facts
        self._user_chunks = users
        self._head = head

    async def facts(
        self, wanted: Wanted, low: int | None = None, high: int | None = None
    ) -> FactRows:
        """Return the rows of the facts that are wanted.

        With bounds, only those are looked at that may tell of an instant in the range.
        """
        query: dict[str, Any] = {"low": {"$gte": 0}}
        if low is not None:
            query["high"] = {"$gte": low}
        if high is not None:
            query["low"]["$lt"] = high
        rows, numbers = [np.zeros(0, FACT)], [np.zeros(0, np.int64)]
        async for number, chunk in self._read(query):
            places = np.flatnonzero(wanted(chunk))
            rows.append(chunk[places])
            numbers.append(places + number * FACTS_A_CHUNK)
        return FactRows(np.concatenate(rows), np.concatenate(numbers))

    async def users(self) -> Rows:
        """Return the row of every user, at the place of its ordinal."""
        name, position = self._user_chunks.name, self._head.position
        known = self._chunks.users
        query: dict[str, Any] = {}
        if known is None or known.collection != name or known.position > position:
            rows = np.zeros(self._head.users, USER)
        elif known.position == position:
            return known.rows
        else:
            query["changed"] = {"$gt": known.position}
            rows = np.zeros(self._head.users, USER)
            rows[: len(known.rows)] = known.rows
        for chunk in await self._find(self._user_chunks, query):
            start = chunk["_id"] * USERS_A_CHUNK
            place = rows[start : start + USERS_A_CHUNK]
            place[:] = np.frombuffer(chunk["rows"], USER)[: len(place)]
        if rows.nbytes <= KEPT_BYTES:
            self._chunks.users = Users(name, position, rows)
        return rows

    async def _read(self, query: dict[str, Any]) -> AsyncIterator[tuple[int, Rows]]:
        """Yield the chunks of facts that a query finds, with their numbers, in any order."""
        missing, collection = [], self._fact_chunks
        for chunk in await self._find(collection, query, {"_id": 1, "changed": 1}, hint="changed"):
            number, changed = chunk["_id"], chunk["changed"]
            kept = self._chunks.get(collection.name, number, changed)
            if kept is None:
                missing.append(number)
            else:
                yield number, kept
        for part in batched(missing, CHUNKS_A_READ):
            for chunk in await self._find(collection, {"_id": {"$in": part}}):
                rows = np.frombuffer(chunk["rows"], FACT)
                self._chunks.put(collection.name, chunk["_id"], chunk["changed"], rows)
                yield chunk["_id"], rows


def batched(numbers: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the numbers in lists of a size, the last one of the rest."""
    for start in range(0, len(numbers), size):
        yield list(numbers[start : start + size])


def within(instants: NDArray[np.int64], start: int, end: int) -> NDArray[np.bool_]:
    """Return which of the instants lie in the half-open range."""
    return (instants >= start) & (instants < end)
