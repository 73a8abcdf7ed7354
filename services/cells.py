"""Writing the counters: moves in memory, then whole documents, see `documents.cells`.

Only the holder of the next position writes, so cells are read once, kept in memory, and written
as absolute values: writing them twice does no harm.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pyroaring import BitMap

from documents.projection import Collection, Projection
from services.window import ATOM_MS, day_index, month_index, month_start

DAY_MS = 86_400_000
Operation = InsertOne[dict[str, Any]] | UpdateOne | ReplaceOne[dict[str, Any]] | DeleteOne
"""A write to a collection."""


class Move(NamedTuple):
    """A change of one count: `sign` units at a time, by a user where users are distinguished."""

    series: str
    key: str
    at: int | None
    sign: int
    ordinal: int | None


class _Cell:
    """One counter document in memory."""

    __slots__ = ("dirty", "fresh", "identity", "n", "parts", "slots", "users")

    def __init__(self, identity: tuple[str, str, int | None]) -> None:
        self.identity = identity
        self.n = 0
        self.parts: dict[int, int] = {}
        self.users: BitMap | None = None
        self.slots: dict[int, BitMap] | None = None
        self.fresh = True
        self.dirty: set[int] | None = None

    def load(self, document: dict[str, Any]) -> None:
        self.fresh = False
        self.n = document["n"]
        self.parts = {int(part): n for part, n in document.get("parts", {}).items()}
        if document.get("users"):
            self.users = BitMap.deserialize(document["users"])
        if document.get("slots"):
            self.slots = {int(s): BitMap.deserialize(b) for s, b in document["slots"].items()}

    def add(self, part: int, sign: int) -> None:
        self.n += sign
        if self.dirty is None:
            self.dirty = set()
        if part >= 0:
            self.parts[part] = self.parts.get(part, 0) + sign
            self.dirty.add(part)

    def operation(self) -> Operation:
        series, key, period = self.identity
        name = cell_id(series, key, period)
        if self.fresh:
            document: dict[str, Any] = {"_id": name, "series": series, "key": key, "n": self.n}
            if period is not None:
                document["period"] = period
                document["parts"] = {str(part): n for part, n in self.parts.items()}
            else:
                document["rank"] = rank(key)
            if self.users is not None:
                document["users"] = self.users.serialize()
            if self.slots is not None:
                document["slots"] = {str(s): users.serialize() for s, users in self.slots.items()}
            return InsertOne(document)
        fields: dict[str, Any] = {"n": self.n}
        if self.users is not None:
            fields["users"] = self.users.serialize()
        for part in self.dirty or ():
            fields[f"parts.{part}"] = self.parts[part]
            if self.slots is not None and part in self.slots:
                fields[f"slots.{part}"] = self.slots[part].serialize()
        return UpdateOne({"_id": name}, {"$set": fields})


def cell_id(series: str, key: str, period: int | None) -> str:
    """Return the `_id` of a cell; `period` is None for the total."""
    return f"{series}|{key}" if period is None else f"{series}|{key}|{period}"


def rank(key: str) -> str:
    """Return a key by whose order decimal numbers come by their value, before any name."""
    return f"{len(key):03d}:{key}" if key.isascii() and key.isdigit() else f"~{key}"


class _Level:
    """The cells of one resolution, kept in memory while they are in use."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.cells: dict[tuple[str, str, int | None], _Cell] = {}

    async def load(self, identities: Iterable[tuple[str, str, int | None]]) -> None:
        missing = [identity for identity in identities if identity not in self.cells]
        for identity in missing:
            self.cells[identity] = _Cell(identity)
        names = {cell_id(*identity): identity for identity in missing}
        if names:
            async for document in self.collection.find({"_id": {"$in": list(names)}}):
                self.cells[names[document["_id"]]].load(document)

    def operations(self) -> Iterator[Operation]:
        return (cell.operation() for cell in self.cells.values() if cell.dirty is not None)

    def settle(self, keep: int) -> None:
        """Take what was written as stored, and forget the cells used least recently."""
        used = [cell for cell in self.cells.values() if cell.dirty is not None]
        for cell in used:
            cell.dirty, cell.fresh = None, False
            self.cells[cell.identity] = self.cells.pop(cell.identity)
        for identity in list(self.cells)[: max(0, len(self.cells) - keep)]:
            del self.cells[identity]


class Counters:
    """The counters of one generation. `keep` bounds the cells in memory, by resolution."""

    def __init__(self, projection: Projection, keep: int = 6000) -> None:
        self._keep = keep
        self._totals = _Level(projection.totals)
        self._months = _Level(projection.months)
        self._days = _Level(projection.days)

    async def move(self, moves: list[Move]) -> None:
        """Apply moves in memory. A rise adds users, a fall takes none: see `retract`."""
        spots = [
            (move, month_index(move.at), day_index(move.at))
            if move.at is not None
            else (move, 0, 0)
            for move in moves
        ]
        await self._load(spots)
        totals, months, days = self._totals.cells, self._months.cells, self._days.cells
        for (series, key, at, sign, ordinal), month, day in spots:
            total = totals[series, key, None]
            total.add(-1, sign)
            if at is None:
                continue
            by_month = months[series, key, month]
            by_month.add(day - day_index(month_start(month)), sign)
            by_day = days[series, key, day]
            slot = at % DAY_MS // ATOM_MS
            by_day.add(slot, sign)
            if ordinal is not None and sign > 0:
                _distinguish(total, ordinal)
                _distinguish(by_month, ordinal)
                _distinguish(by_day, ordinal)
                if by_day.slots is None:
                    by_day.slots = {}
                by_day.slots.setdefault(slot, BitMap()).add(ordinal)

    def retract(self, move: Move, remaining: list[int]) -> None:
        """Take a user out of the distinct users wherever none of its `remaining` times falls.

        `remaining` are the times of the user's other badges of the same series and key. The cells
        are in memory, because the move was applied before.
        """
        assert move.at is not None  # noqa: S101  # distinct users are counted in time only
        assert move.ordinal is not None  # noqa: S101  # the caller retracts users only
        day = day_index(move.at)
        slot = move.at % DAY_MS // ATOM_MS
        by_day = self._days.cells[move.series, move.key, day]
        by_month = self._months.cells[move.series, move.key, month_index(move.at)]
        if by_day.slots and all(at // ATOM_MS != move.at // ATOM_MS for at in remaining):
            by_day.slots.get(slot, BitMap()).discard(move.ordinal)
        if by_day.users and all(day_index(at) != day for at in remaining):
            by_day.users.discard(move.ordinal)
        if by_month.users and all(month_index(at) != month_index(move.at) for at in remaining):
            by_month.users.discard(move.ordinal)
        total = self._totals.cells[move.series, move.key, None]
        if total.users and not remaining:
            total.users.discard(move.ordinal)

    def operations(self) -> list[tuple[Collection, list[Operation]]]:
        """Return the writes that bring the stored counters to those in memory."""
        levels = (self._totals, self._months, self._days)
        return [(level.collection, list(level.operations())) for level in levels]

    def settle(self) -> None:
        """Take what `operations` returned as stored."""
        self._totals.settle(self._keep)
        self._months.settle(self._keep)
        self._days.settle(self._keep)

    async def _load(self, spots: list[tuple[Move, int, int]]) -> None:
        timed = [spot for spot in spots if spot[0].at is not None]
        await self._totals.load({(move.series, move.key, None) for move, _, _ in spots})
        await self._months.load({(move.series, move.key, month) for move, month, _ in timed})
        await self._days.load({(move.series, move.key, day) for move, _, day in timed})


def _distinguish(cell: _Cell, ordinal: int) -> None:
    if cell.users is None:
        cell.users = BitMap()
    cell.users.add(ordinal)
