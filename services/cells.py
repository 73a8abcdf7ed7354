"""Writing the counters: sums in memory, then whole documents, see `documents.cells`.

Only the holder of the next position writes, so cells are read once, kept in memory, and written
as absolute values: writing them twice does no harm.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pyroaring import BitMap

from documents.projection import Collection, Projection, find_in
from services.window import ATOM_MS, ATOMS_A_DAY, day_index, month_index, month_of_day

Operation = InsertOne[dict[str, Any]] | UpdateOne | ReplaceOne[dict[str, Any]] | DeleteOne
"""A write to a collection."""

NO_KEY = "-"
"""The key of a series that has no keys, and of what the events do not say."""

DAYS_A_MONTH = 31
ATOMS_A_MONTH = DAYS_A_MONTH * ATOMS_A_DAY
_Identity = tuple[str, str, int | None]


def cell_id(series: str, key: str, period: int | None) -> str:
    """Return the `_id` of a cell; `period` is None for the total."""
    return f"{series}|{key}" if period is None else f"{series}|{key}|{period}"


def part_counts(cell: Mapping[str, Any]) -> "memoryview[int]":
    """Return the counts of the days of a stored month, or those of its quarter hours."""
    return memoryview(cell["parts"]).cast("i")


def rank(key: str) -> str:
    """Return a key by whose order decimal numbers come by their value, before any name."""
    return f"{len(key):03d}:{key}" if key.isascii() and key.isdigit() else f"~{key}"


class _Cell:
    """One counter document in memory."""

    __slots__ = ("changed", "fresh", "identity", "moved", "n", "parts", "slots", "users")

    def __init__(self, identity: _Identity, parts: int) -> None:
        self.identity = identity
        self.n = 0
        self.parts = array("i", bytes(4 * parts))
        self.users: BitMap | None = None
        self.slots: dict[int, BitMap] = {}
        self.fresh = True
        self.moved = False
        """Whether it is to be written."""
        self.changed: set[str] = set()
        """The fields that are to be written, beside `n`."""

    def load(self, document: dict[str, Any]) -> None:
        self.fresh = False
        self.n = document["n"]
        if "parts" in document:
            self.parts = array("i", document["parts"])
        if "users" in document:
            self.users = BitMap.deserialize(document["users"])
        slots = document.get("slots", {})
        self.slots = {int(slot): BitMap.deserialize(users) for slot, users in slots.items()}

    def add(self, n: int, ordinals: list[int], part: int | None = None) -> None:
        """Add to the count, and users to the distinct ones."""
        self.n += n
        self.moved = True
        if part is not None:
            self.parts[part] += n
            self.changed.add("parts")
        if ordinals:
            if self.users is None:
                self.users = BitMap()
            before = len(self.users)
            self.users.update(ordinals)
            if len(self.users) != before:
                self.changed.add("users")

    def add_to_slot(self, slot: int, ordinals: list[int]) -> None:
        self.slots.setdefault(slot, BitMap()).update(ordinals)
        self.changed.add(f"slots.{slot}")

    def discard(self, ordinal: int) -> None:
        if self.users is not None:
            self.users.discard(ordinal)
            self.changed.add("users")

    def discard_from_slot(self, slot: int, ordinal: int) -> None:
        if slot in self.slots:
            self.slots[slot].discard(ordinal)
            self.changed.add(f"slots.{slot}")

    def operation(self) -> Operation:
        series, key, period = self.identity
        name = cell_id(series, key, period)
        fields: dict[str, Any] = {"n": self.n}
        if period is None and self.users is not None:
            fields["user_count"] = len(self.users)
        if not self.fresh:
            fields |= {field: self._stored(field) for field in self.changed}
            return UpdateOne({"_id": name}, {"$set": fields})
        document: dict[str, Any] = {"_id": name, "series": series, "key": key, **fields}
        if period is None:
            document["rank"] = rank(key)
        else:
            document["period"] = period
        if self.parts:
            document["parts"] = self.parts.tobytes()
        if self.users is not None:
            document["users"] = self.users.serialize()
        if self.slots:
            document["slots"] = {str(s): users.serialize() for s, users in self.slots.items()}
        return InsertOne(document)

    def _stored(self, field: str) -> bytes:
        kind, _, slot = field.partition(".")
        if kind == "parts":
            return self.parts.tobytes()
        users = self.users if kind == "users" else self.slots[int(slot)]
        assert users is not None  # noqa: S101  # a field is changed only after it was set
        return users.serialize()


class _Level:
    """The cells of one resolution, kept in memory while they are in use."""

    def __init__(self, collection: Collection, keep: int, parts: int = 0) -> None:
        """`keep` is how many stay in memory, `parts` how many parts each has."""
        self.collection = collection
        self._parts = parts
        self.cells: dict[_Identity, _Cell] = {}
        self._keep = keep

    async def load(self, identities: Iterable[_Identity]) -> None:
        missing = [identity for identity in identities if identity not in self.cells]
        for identity in missing:
            self.cells[identity] = _Cell(identity, self._parts)
        names = {cell_id(*identity): identity for identity in missing}
        async for document in find_in(self.collection, "_id", names):
            self.cells[names[document["_id"]]].load(document)

    def operations(self) -> Iterator[Operation]:
        return (cell.operation() for cell in self.cells.values() if cell.moved)

    def settle(self) -> None:
        """Take what was written as stored, and forget the cells that moved longest ago."""
        for cell in [cell for cell in self.cells.values() if cell.moved]:
            cell.moved = cell.fresh = False
            cell.changed = set()
            self.cells[cell.identity] = self.cells.pop(cell.identity)
        for identity in list(self.cells)[: max(0, len(self.cells) - self._keep)]:
            del self.cells[identity]


class _Sum:
    """What a batch adds to one place of a series."""

    __slots__ = ("n", "ordinals")

    def __init__(self) -> None:
        self.n = 0
        self.ordinals: list[int] = []


class Counters:
    """The counters of one generation. `add` and `retract`, with `apply` in between."""

    def __init__(self, projection: Projection) -> None:
        self._totals = _Level(projection.totals, keep=5_000)
        self._months = _Level(projection.months, keep=1_500, parts=DAYS_A_MONTH)
        self._quarter_hours = _Level(projection.quarter_hours, keep=30, parts=ATOMS_A_MONTH)
        self._day_users = _Level(projection.day_users, keep=60)
        self._levels = self._totals, self._months, self._quarter_hours, self._day_users
        self._ever: dict[tuple[str, str], _Sum] = {}
        self._by_day: dict[tuple[str, str, int], _Sum] = {}
        self._by_atom: dict[tuple[str, int], _Sum] = {}

    def add(
        self, series: str, key: str | None, at: int | None, n: int, ordinal: int | None = None
    ) -> None:
        """Add `n` units, by a user where users are distinguished.

        A negative `n` takes no user away: `retract` does.
        """
        if at is None:
            found = self._ever.get((series, key or NO_KEY))
            if found is None:
                found = self._ever[series, key or NO_KEY] = _Sum()
        elif key is None:
            found = self._by_atom.get((series, at // ATOM_MS))
            if found is None:
                found = self._by_atom[series, at // ATOM_MS] = _Sum()
        else:
            day = at // ATOM_MS // ATOMS_A_DAY
            found = self._by_day.get((series, key, day))
            if found is None:
                found = self._by_day[series, key, day] = _Sum()
        found.n += n
        if ordinal is not None and n > 0:
            found.ordinals.append(ordinal)

    def add_days(self, series: str, key: str, days: Iterable[int], counts: Iterable[int]) -> None:
        """Add to a series with keys as many units on each day as `counts` has."""
        for day, n in zip(days, counts, strict=True):
            self._by_day.setdefault((series, key, day), _Sum()).n += n

    def replace_users(
        self, series: str, key: str, month: int | None, gone: BitMap, come: BitMap
    ) -> None:
        """Change the distinct users of a key, ever or in a month, whose cell is in memory."""
        level = self._totals if month is None else self._months
        cell = level.cells[series, key, month]
        cell.users = ((cell.users or BitMap()) - gone) | come
        cell.moved = True
        cell.changed.add("users")

    async def apply(self) -> None:
        """Bring what was added into the cells."""
        atoms = {atom // ATOMS_A_DAY for _, atom in self._by_atom}
        days = {day: month_of_day(day) for day in atoms | {day for _, _, day in self._by_day}}
        await self._load(days)
        totals, months, by_atom = self._totals.cells, self._months.cells, self._quarter_hours.cells
        for (series, key), found in self._ever.items():
            totals[series, key, None].add(found.n, found.ordinals)
        for (series, key, day), found in self._by_day.items():
            month, part = days[day]
            totals[series, key, None].add(found.n, found.ordinals)
            months[series, key, month].add(found.n, found.ordinals, part)
        for (series, atom), found in self._by_atom.items():
            day, slot = divmod(atom, ATOMS_A_DAY)
            month, part = days[day]
            totals[series, NO_KEY, None].add(found.n, found.ordinals)
            months[series, NO_KEY, month].add(found.n, found.ordinals, part)
            by_atom[series, NO_KEY, month].add(found.n, [], part * ATOMS_A_DAY + slot)
            users = self._day_users.cells[series, NO_KEY, day]
            if found.ordinals:
                users.add_to_slot(slot, found.ordinals)
            if users.slots:
                users.add(found.n, found.ordinals)
        self._ever, self._by_day, self._by_atom = {}, {}, {}

    def retract(
        self, series: str, key: str | None, at: int | None, ordinal: int, remaining: list[int]
    ) -> None:
        """Take a user out of the distinct users wherever none of its `remaining` times falls.

        `remaining` are the times at which the series counts the user still. The cells are in
        memory, because a fall was applied to them before.
        """
        total = self._totals.cells[series, key or NO_KEY, None]
        if not remaining:
            total.discard(ordinal)
        if at is None:
            return
        month = self._months.cells[series, key or NO_KEY, month_index(at)]
        if all(month_index(each) != month_index(at) for each in remaining):
            month.discard(ordinal)
        if key is not None:
            return
        day = self._day_users.cells[series, NO_KEY, day_index(at)]
        if all(day_index(each) != day_index(at) for each in remaining):
            day.discard(ordinal)
        if all(each // ATOM_MS != at // ATOM_MS for each in remaining):
            day.discard_from_slot(at // ATOM_MS % ATOMS_A_DAY, ordinal)

    def operations(self) -> list[tuple[Collection, list[Operation]]]:
        """Return the writes that bring the stored counters to those in memory."""
        return [(level.collection, list(level.operations())) for level in self._levels]

    def settle(self) -> None:
        """Take what `operations` returned as stored."""
        for level in self._levels:
            level.settle()

    async def _load(self, days: dict[int, tuple[int, int]]) -> None:
        keyed = [(series, key, day) for series, key, day in self._by_day]
        plain = {(series, atom // ATOMS_A_DAY) for series, atom in self._by_atom}
        totals: set[_Identity] = {(series, key, None) for series, key in self._ever}
        totals |= {(series, key, None) for series, key, _ in keyed}
        totals |= {(series, NO_KEY, None) for series, _ in plain}
        months: set[_Identity] = {(series, key, days[day][0]) for series, key, day in keyed}
        plain_months: set[_Identity] = {(series, NO_KEY, days[day][0]) for series, day in plain}
        await self._totals.load(totals)
        await self._months.load(months | plain_months)
        await self._quarter_hours.load(plain_months)
        await self._day_users.load({(series, NO_KEY, day) for series, day in plain})
