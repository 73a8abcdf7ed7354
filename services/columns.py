"""Reading the tables: chunks are kept by this process, and read again only where they changed."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from documents.log import Head
from documents.projection import Collection, batched
from services.cells import NO_KEY
from services.tables import FACT, FACTS_A_CHUNK, USER, USERS_A_CHUNK, Rows, only

KEPT_BYTES = 32 * 1024 * 1024
"""How much of a table stays in memory: the rows of 800,000 badges, and of 900,000 users."""

CHUNKS_A_READ = 128
"""How many chunks are fetched at once; 3 MB."""

CHUNKS_A_MASK = 64
"""How many chunks a mask is worked out for at once; 1.3 MB, so that Python hardly counts."""

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
    """What this process has read of one generation: chunks of facts, and the rows of all users.

    A filter reads all chunks in turn. So where there is no room left, it is the chunk used last
    that makes room: what was used first is what the next filter begins with.
    """

    def __init__(self) -> None:
        self._collection = ""
        self._kept: OrderedDict[int, tuple[int, Rows]] = OrderedDict()
        self._bytes = 0
        self.users: Users | None = None

    def get(self, collection: str, number: int, changed: int) -> Rows | None:
        """Return the rows of a chunk as written at the position `changed`, if they are kept."""
        found = self._kept.get(number)
        if collection != self._collection or found is None or found[0] != changed:
            return None
        self._kept.move_to_end(number)
        return found[1]

    def put(self, collection: str, number: int, changed: int, rows: Rows) -> None:
        """Keep the rows of a chunk, in the place of those of another position."""
        if collection != self._collection:
            self._collection, self._bytes = collection, 0
            self._kept.clear()
        replaced = self._kept.pop(number, None)
        self._bytes += rows.nbytes - (replaced[1].nbytes if replaced else 0)
        while self._bytes > KEPT_BYTES and self._kept:
            _, (_, dropped) = self._kept.popitem()
            self._bytes -= dropped.nbytes
        self._kept[number] = changed, rows


class Codes:
    """The numbers of the keys of each dimension in the tables, as far as this process knows."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self._names: list[str] = [""]
        self._codes: dict[str, int] = {}

    def learn(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take note of codes, in their order."""
        for row in rows:
            self._codes[row["name"]] = row["_id"]
            self._names.append(row["name"])

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, dimension: str, key: str) -> int | None:
        """Return the number of a key, 0 for the unknown one, None for one that never occurred."""
        return 0 if key == NO_KEY else self._codes.get(f"{dimension}|{key}")

    def key(self, code: int) -> str:
        """Return the key that has a number."""
        return self._names[code].partition("|")[2] if code else NO_KEY


class FactRows(NamedTuple):
    """Rows of the fact table, and the number of each."""

    rows: Rows
    numbers: NDArray[np.int64]

    def only(self, wanted: NDArray[np.bool_]) -> "FactRows":
        """Return the rows for which `wanted` is true."""
        return FactRows(only(self.rows, wanted), self.numbers[wanted])

    def where(self, wanted: Wanted) -> "FactRows":
        """Return the rows that are wanted."""
        return self.only(wanted(self.rows))


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
        found = [FactRows(np.zeros(0, FACT), np.zeros(0, np.int64))]
        part = []
        async for chunk in self._read(query):
            part.append(chunk)
            if len(part) == CHUNKS_A_MASK:
                found.append(_together(part).where(wanted))
                part = []
        found.append(_together(part).where(wanted))
        rows, numbers = zip(*found, strict=True)
        return FactRows(np.concatenate(rows), np.concatenate(numbers))

    async def users(self) -> Rows:
        """Return the row of every user, at the place of its ordinal."""
        name, position = self._user_chunks.name, self._head.position
        known = self._chunks.users
        if known is None or known.collection != name or known.position > position:
            known = Users(name, 0, np.zeros(0, USER))
            changed = await self._find(self._user_chunks, {})
        else:
            changed = await self._find(self._user_chunks, {"changed": {"$gt": known.position}})
        rows = known.rows
        if changed:
            # Who works with the earlier ones keeps them.
            rows = np.zeros(self._head.users, USER)
            rows[: len(known.rows)] = known.rows
        for chunk in changed:
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


def _together(chunks: Sequence[tuple[int, Rows]]) -> FactRows:
    rows = np.frombuffer(b"".join(chunk.data for _, chunk in chunks), FACT)
    firsts = np.array([number for number, _ in chunks], np.int64) * FACTS_A_CHUNK
    return FactRows(rows, np.add.outer(firsts, np.arange(FACTS_A_CHUNK)).ravel())


def within(instants: NDArray[np.int64], start: int, end: int) -> NDArray[np.bool_]:
    """Return which of the instants lie in the half-open range."""
    return (instants >= start) & (instants < end)
