"""Writing the tables of facts and users: rows in memory, then whole chunks, see `documents.tables`.

Like the counters, chunks are read once, kept in memory, and written as they are; only the holder
of the next position writes.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from bson import Binary
from numpy.typing import NDArray
from pymongo import ReplaceOne

from documents.projection import Collection, find_in
from services.cells import Operation

NEVER = -1
"""In the place of an instant: it has not happened."""
NO_FACT, BADGE, MEMBERSHIP, COMMUNITY = range(4)
"""What a row of the fact table tells of; `NO_FACT` if nothing at present."""

FACT = np.dtype(
    [
        ("at", "<i8"),  # issued, joined or created, in milliseconds since 1970
        ("end", "<i8"),  # revoked or deactivated, or NEVER
        ("user", "<u4"),  # the ordinal of the recipient, the member or the owner
        ("template", "<u4"),  # codes, 0 for what is not known
        ("issuer", "<u4"),
        ("community", "<u4"),
        ("category", "<u4"),
        ("level", "<u4"),
        ("kind", "u1"),
        ("hard", "u1"),  # 1 if a badge was burned
        ("own", "u1"),  # which of OWN_BITS a badge has itself, not from its template
    ]
)
"""One badge, membership or community. Its number is the `row` of the event that made it."""

OWN_BITS = {"category": 1, "level": 2, "community": 4}
"""The columns that a badge may have from its template, and their bits in `own`."""

USER = np.dtype(
    [
        ("joined", "<i8"),  # the first standing appearance, or NEVER
        ("first", "<i8"),  # the first standing badge, or NEVER
        ("latest", "<i8"),  # when the number of its badges changed last, or NEVER
        ("appearances", "<u4"),
        ("issued", "<u4"),
        ("held", "<u4"),
    ]
)
"""One user. Its number is the ordinal; without an appearance it is no user at present."""


class UserRow(NamedTuple):
    """A row of `USER`."""

    joined: int
    first: int
    latest: int
    appearances: int
    issued: int
    held: int


FACTS_A_CHUNK = 512
USERS_A_CHUNK = 256

Rows = NDArray[np.void]


def only(rows: Rows, wanted: NDArray[np.bool_]) -> Rows:
    """Return the rows for which `wanted` is true.

    `rows[wanted]` copies each column of each row by itself, and takes eighty times as long.
    """
    return rows.take(np.flatnonzero(wanted))


class Table:
    """Rows of one collection, kept in memory while they are in use.

    `bounds` gives what is stored of a chunk's rows beside them.
    """

    def __init__(
        self,
        collection: Collection,
        dtype: np.dtype[np.void],
        chunk: int,
        *,
        bounds: Callable[[Rows], dict[str, int]] = lambda _: {},
        keep: int,
    ) -> None:
        """`chunk` is how many rows a chunk has, `keep` how many chunks stay in memory."""
        self._collection = collection
        self._dtype = dtype
        self.chunk = chunk
        self._bounds = bounds
        self._keep = keep
        self._chunks: dict[int, Rows] = {}
        self._changed: set[int] = set()

    async def load(self, rows: Iterable[int]) -> None:
        """Have the rows in memory; those that are not stored yet are zeros."""
        missing = {row // self.chunk for row in rows} - self._chunks.keys()
        if not missing:
            return
        async for document in find_in(self._collection, "_id", missing):
            self._chunks[document["_id"]] = np.frombuffer(document["rows"], self._dtype).copy()
        for number in missing - self._chunks.keys():
            self._chunks[number] = np.zeros(self.chunk, self._dtype)

    def __getitem__(self, row: int) -> tuple[int, ...]:
        """Return a row that is in memory."""
        values: tuple[int, ...] = self._chunks[row // self.chunk][row % self.chunk].item()
        return values

    def __setitem__(self, row: int, values: tuple[int, ...]) -> None:
        """Change a row that is in memory."""
        number = row // self.chunk
        self._changed.add(number)
        self._chunks[number][row % self.chunk] = values

    async def scan(self) -> AsyncIterator[tuple[int, Rows]]:
        """Yield all chunks as they are now, by number; few are in memory at a time."""
        for number, rows in list(self._chunks.items()):
            yield number, rows
        seen = set(self._chunks)
        async for document in self._collection.find({}, {"rows": 1}, batch_size=64):
            if document["_id"] not in seen:
                yield document["_id"], np.frombuffer(document["rows"], self._dtype)

    def replace(self, number: int, rows: Rows) -> None:
        """Put other rows in the place of a chunk."""
        self._chunks[number] = rows
        self._changed.add(number)

    def operations(self, position: int) -> list[Operation]:
        """Return the writes that bring the stored chunks to those in memory."""
        return [
            ReplaceOne({"_id": number}, self._document(number, position), upsert=True)
            for number in self._changed
        ]

    def settle(self) -> None:
        """Take what `operations` returned as stored, and forget the chunks not used for longest."""
        for number in self._changed:
            self._chunks[number] = self._chunks.pop(number)
        self._changed.clear()
        for number in list(self._chunks)[: max(0, len(self._chunks) - self._keep)]:
            del self._chunks[number]

    def _document(self, number: int, position: int) -> dict[str, Any]:
        rows = self._chunks[number]
        return {"changed": position, **self._bounds(rows), "rows": Binary(rows.tobytes())}


def fact_table(collection: Collection) -> Table:
    """Return the table of badges, memberships and communities."""
    return Table(collection, FACT, FACTS_A_CHUNK, bounds=_instants, keep=300)


def user_table(collection: Collection) -> Table:
    """Return the table of users."""
    return Table(collection, USER, USERS_A_CHUNK, keep=1_000)


def _instants(rows: Rows) -> dict[str, int]:
    told = rows[rows["kind"] != NO_FACT]
    if not len(told):
        return {"low": NEVER, "high": NEVER}
    latest = max(told["at"].max(), told["end"].max())
    return {"low": int(told["at"].min()), "high": int(latest)}
