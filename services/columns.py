"""Reading the tables: chunks are kept by this process, and read again only where they changed."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from documents.projection import Collection
from services.tables import FACT, FACTS_A_CHUNK, USER, Rows

KEPT_BYTES = 64 * 1024 * 1024
"""How much of the tables stays in memory: the rows of about 1.5 million badges."""

Find = Any
"""`Reading.find`, which this module is handed."""


class Chunks:
    """The chunks that this process has read, of every collection; the ones used last are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], tuple[int, Rows]] = OrderedDict()
        self._bytes = 0

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
        self, find: Find, chunks: Chunks, facts: Collection, users: Collection, count: int
    ) -> None:
        """`count` is how many users have an ordinal."""
        self._find = find
        self._chunks = chunks
        self._fact_chunks = facts
        self._user_chunks = users
        self._count = count

    async def facts(self, low: int | None = None, high: int | None = None) -> FactRows:
        """Return the rows of every fact, or at least those that tell of an instant in a range."""
        query: dict[str, Any] = {"low": {"$gte": 0}}
        if low is not None:
            query["high"] = {"$gte": low}
        if high is not None:
            query["low"]["$lt"] = high
        found = await self._read(self._fact_chunks, query, FACT)
        numbers = np.repeat(np.fromiter(found, np.int64), FACTS_A_CHUNK) * FACTS_A_CHUNK
        numbers += np.tile(np.arange(FACTS_A_CHUNK), len(found))
        return FactRows(_joined(FACT, list(found.values())), numbers)

    async def users(self) -> Rows:
        """Return the row of every user, at the place of its ordinal."""
        found = await self._read(self._user_chunks, {}, USER)
        rows = _joined(USER, [found[number] for number in sorted(found)])
        return rows[: self._count]

    async def _read(
        self, collection: Collection, query: dict[str, Any], dtype: np.dtype[np.void]
    ) -> dict[int, Rows]:
        there = await self._find(collection, query, {"_id": 1, "changed": 1})
        rows: dict[int, Rows] = {}
        missing = []
        for chunk in there:
            kept = self._chunks.get(collection.name, chunk["_id"], chunk["changed"])
            if kept is None:
                missing.append(chunk["_id"])
            else:
                rows[chunk["_id"]] = kept
        if missing:
            for chunk in await self._find(collection, {"_id": {"$in": missing}}):
                read = np.frombuffer(chunk["rows"], dtype)
                self._chunks.put(collection.name, chunk["_id"], chunk["changed"], read)
                rows[chunk["_id"]] = read
        return rows


def within(instants: NDArray[np.int64], start: int, end: int) -> NDArray[np.bool_]:
    """Return which of the instants lie in the half-open range."""
    return (instants >= start) & (instants < end)


def _joined(dtype: np.dtype[np.void], chunks: Sequence[Rows]) -> Rows:
    return np.concatenate(chunks) if chunks else np.zeros(0, dtype)
