"""Figures of everything, from the counters.

| asked for                     | cost                                                           |
|-------------------------------|----------------------------------------------------------------|
| counts of ranges              | buckets                                                        |
| distinct users of ranges      | buckets, and the bits of users                                 |
| a breakdown since ever        | keys                                                           |
| a breakdown of a range        | months x keys, and the facts of two parts of days at its ends  |
| recipients by key of a range  | months x keys, and the facts outside of whole months           |
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from documents.projection import batched
from services.cells import NO_KEY, part_counts
from services.columns import within
from services.figures import HELD_BINS, bitmap, by_key, ranked
from services.reading import Range, Reading
from services.tables import BADGE, FACT, Rows
from services.window import (
    ATOM_MS,
    DAY_MS,
    Cover,
)

RANGES_A_READ = 100
"""Of how many ranges the facts at their edges are read together."""


class CounterFigures:
    """Everything, from the counters."""

    is_filtered = False

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def total(self, series: str) -> int:
        return (await self._reading.totals(series))[0]

    async def counts(self, series: str, ranges: Sequence[Range]) -> list[int]:
        return await self._reading.counts(series, ranges)

    async def distinct(self, series: str, ranges: Sequence[Range]) -> list[BitMap]:
        return await self._reading.distinct(series, ranges)

    async def everyone(self) -> BitMap:
        return await self._reading.users_ever("users")

    async def breakdown(self, dimension: str, range_: Range | None) -> dict[str, int]:
        key = "breakdown", dimension, range_
        return {**await self._reading.once(key, lambda: self._breakdown(dimension, range_))}

    async def _breakdown(self, dimension: str, range_: Range | None) -> dict[str, int]:
        if range_ is not None:
            return (await self.breakdowns(dimension, [range_]))[0]
        reading = self._reading
        found = await reading.find(
            reading.projection.totals,
            {"series": f"issued.{dimension}"},
            {"_id": 0, "key": 1, "n": 1},
        )
        return {cell["key"]: cell["n"] for cell in found if cell["n"]}

    async def breakdowns(self, dimension: str, ranges: Sequence[Range]) -> list[dict[str, int]]:
        reading = self._reading
        found = []
        for part in batched(ranges, RANGES_A_READ):
            covers = [reading.cover(*each) for each in part]
            rows = await self._facts([edge for parts in covers for edge in _edges(parts)])
            rows = rows[np.argsort(rows["at"])]
            for parts in covers:
                bounds = np.searchsorted(rows["at"], np.array(_edges(parts), np.int64))
                edges = [rows[low:high] for low, high in bounds.reshape(-1, 2).tolist()]
                counted = await self._by_whole_days(dimension, parts)
                counted.update(by_key(_together(edges), dimension, reading))
                found.append({key: n for key, n in counted.items() if n})
        return found

    async def _by_whole_days(self, dimension: str, parts: Cover) -> Counter[str]:
        days = parts.days_by_month()
        counted: Counter[str] = Counter()
        months = await self._reading.whole_months(f"issued.{dimension}", days)
        for month, cells in months.items():
            for cell in cells:
                counted[cell["key"]] += sum(part_counts(cell)[days[month]])
        return counted

    async def issued(self, dimension: str, keys: Sequence[str], range_: Range) -> list[int]:
        parts = self._reading.cover(*range_)
        days = parts.days_by_month()
        found = await self._reading.months(f"issued.{dimension}", keys, days)
        at_the_edges = by_key(await self._facts(_edges(parts)), dimension, self._reading)
        return [
            at_the_edges.get(key, 0)
            + sum(sum(part_counts(cell)[days[month]]) for month, cell in cells.items())
            for key, cells in zip(keys, found, strict=True)
        ]

    async def top(self, dimension: str, range_: Range | None, first: int) -> list[tuple[str, int]]:
        if range_ is not None:
            return ranked(await self.breakdown(dimension, range_), first)
        query = {"series": f"issued.{dimension}", "key": {"$ne": NO_KEY}, "n": {"$gt": 0}}
        found = await self._reading.find(
            self._reading.projection.totals,
            query,
            {"_id": 0, "key": 1, "n": 1},
            sort=(("n", -1), ("rank", 1)),
            limit=first,
        )
        return [(cell["key"], cell["n"]) for cell in found]

    async def recipients(
        self, dimension: str, keys: Sequence[str], range_: Range | None
    ) -> list[int]:
        return await self._how_many(f"issued.{dimension}", keys, range_, dimension, "user")

    async def templates(self, issuers: Sequence[str], range_: Range | None) -> list[int]:
        return await self._how_many("templates.issuer", issuers, range_, "issuer", "template")

    async def holders(self, templates: Sequence[str]) -> list[int]:
        return await self._reading.user_counts("held.template", templates)

    async def burned(self) -> int:
        return (await self._reading.totals("revoked.kind", ["hard"]))[0]

    async def members(self, communities: Sequence[str]) -> list[int]:
        return await self._reading.totals("members.community", communities)

    async def held(self) -> dict[str, int]:
        counted = await self._reading.totals("users.held", HELD_BINS)
        return dict(zip(HELD_BINS, counted, strict=True))

    async def held_by(self) -> NDArray[np.int64]:
        return (await self._reading.columns.users())["held"].astype(np.int64)

    async def quarter_hours(self, range_: Range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        start, end = (bound // ATOM_MS for bound in range_)
        parts = self._reading.cover(*range_)
        months = {*parts.days_by_month(), *parts.months_of_atoms()}
        atoms, counts = await self._reading.quarter_hours("issued", months)
        inside = within(atoms, start, end)
        return atoms[inside], counts[inside]

    async def _how_many(
        self,
        series: str,
        keys: Sequence[str],
        range_: Range | None,
        dimension: str,
        distinguished: str,
    ) -> list[int]:
        reading = self._reading
        if range_ is None:
            return await reading.user_counts(series, keys)
        parts = reading.cover(*range_)
        by_month = await reading.users_by_month(series, keys, parts.months)
        rows = await self._facts(_outside_months(parts))
        found = []
        for key, months in zip(keys, by_month, strict=True):
            code = reading.codes.code(dimension, key)
            chosen = rows[distinguished][rows[dimension] == code]
            if distinguished == "template":
                chosen = chosen[chosen != 0]
            found.append(len(bitmap(chosen).union(*months)))
        return found

    async def _facts(self, ranges: Sequence[Range]) -> Rows:
        """Return the badges issued in some ranges."""
        once = self._reading.once
        found = [
            await once(("facts", each), partial(self._issued, each)) for each in _merged(ranges)
        ]
        return _together(found)

    async def _issued(self, range_: Range) -> Rows:
        def wanted(rows: Rows) -> NDArray[np.bool_]:
            issued: NDArray[np.bool_] = rows["kind"] == BADGE
            return issued & within(rows["at"], *range_)

        return (await self._reading.columns.facts(wanted, *range_)).rows


def _together(rows: Sequence[Rows]) -> Rows:
    return np.concatenate([np.zeros(0, FACT), *rows])


def _edges(parts: Cover) -> list[Range]:
    """Return what a cover has beside whole days."""
    return [
        (day * DAY_MS + low * ATOM_MS, day * DAY_MS + high * ATOM_MS)
        for day, low, high in parts.atoms
    ]


def _merged(ranges: Sequence[Range]) -> list[Range]:
    """Return the same instants as ranges that neither overlap nor adjoin."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            first, last = found.pop()
            found.append((first, max(last, end)))
        else:
            found.append((start, end))
    return found


def _outside_months(parts: Cover) -> list[Range]:
    """Return what a cover has beside whole months."""
    return [(day * DAY_MS, (day + 1) * DAY_MS) for day in parts.days] + _edges(parts)
