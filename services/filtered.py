"""Figures of what a filter leaves, from the tables.

Every filter is exact. The cost grows with the badges that were ever issued, by some 0.2 s a
million: the tables are columns in memory, of which only the chunks that changed are read again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from services.engagement import turns_of_all
from services.figures import (
    BIN_STARTS,
    HELD_BINS,
    Where,
    bitmap,
    by_key,
    matched,
    matching,
    ranked,
)
from services.reading import Range, Reading
from services.tables import BADGE, COMMUNITY, MEMBERSHIP, NEVER, Rows, only
from services.window import ATOM_MS


class TableFigures:
    """What a filter leaves, from all facts: the cost grows with the badges that were ever issued.

    Users are then those who received such a badge, ever; they joined when they joined. Communities
    are those in which such a badge was issued, or those named if nothing else is.
    """

    is_filtered = True

    def __init__(self, reading: Reading, where: Where) -> None:
        self._reading = reading
        self._where = where
        self._loading: asyncio.Future[_Facts] | None = None

    async def total(self, series: str) -> int:
        facts = await self._facts()
        return len(facts.instants(series))

    async def counts(self, series: str, ranges: Sequence[Range]) -> list[int]:
        instants = np.sort((await self._facts()).instants(series))
        bounds = np.searchsorted(instants, np.array(ranges, np.int64).reshape(-1, 2))
        return [int(high - low) for low, high in bounds]

    async def distinct(self, series: str, ranges: Sequence[Range]) -> list[BitMap]:
        instants, users = (await self._facts()).timeline(series)
        bounds = np.searchsorted(instants, np.array(ranges, np.int64).reshape(-1, 2))
        return [bitmap(users[low:high]) for low, high in bounds.tolist()]

    async def everyone(self) -> BitMap:
        return bitmap((await self._facts()).everyone)

    async def breakdown(self, dimension: str, range_: Range | None) -> dict[str, int]:
        return by_key(await self._badges(range_), dimension, self._reading)

    async def breakdowns(self, dimension: str, ranges: Sequence[Range]) -> list[dict[str, int]]:
        return [await self.breakdown(dimension, each) for each in ranges]

    async def issued(self, dimension: str, keys: Sequence[str], range_: Range) -> list[int]:
        counted = await self.breakdown(dimension, range_)
        return [counted.get(key, 0) for key in keys]

    async def top(self, dimension: str, range_: Range | None, first: int) -> list[tuple[str, int]]:
        return ranked(await self.breakdown(dimension, range_), first)

    async def recipients(
        self, dimension: str, keys: Sequence[str], range_: Range | None
    ) -> list[int]:
        rows = await self._badges(range_)
        codes = (self._reading.codes.code(dimension, key) for key in keys)
        return [len(np.unique(rows["user"][rows[dimension] == code])) for code in codes]

    async def templates(self, issuers: Sequence[str], range_: Range | None) -> list[int]:
        rows = await self._badges(range_)
        rows = only(rows, rows["template"] != 0)
        codes = (self._reading.codes.code("issuer", issuer) for issuer in issuers)
        return [len(np.unique(rows["template"][rows["issuer"] == code])) for code in codes]

    async def holders(self, templates: Sequence[str]) -> list[int]:
        rows = await self._badges(None)
        rows = only(rows, rows["end"] == NEVER)
        codes = (self._reading.codes.code("template", template) for template in templates)
        return [len(np.unique(rows["user"][rows["template"] == code])) for code in codes]

    async def burned(self) -> int:
        return int((await self._badges(None))["hard"].sum())

    async def members(self, communities: Sequence[str]) -> list[int]:
        rows = (await self._facts()).members
        codes = (self._reading.codes.code("community", community) for community in communities)
        return [int((rows["community"] == code).sum()) for code in codes]

    async def held_by(self) -> NDArray[np.int64]:
        facts = await self._facts()
        held = facts.badges["user"][facts.badges["end"] == NEVER]
        return np.bincount(held, minlength=self._reading.head.users)

    async def held(self) -> dict[str, int]:
        everyone, held = (await self._facts()).everyone, await self.held_by()
        bins = np.searchsorted(BIN_STARTS, held[everyone], side="right") - 1
        return dict(zip(HELD_BINS, np.bincount(bins, minlength=6).tolist(), strict=True))

    async def quarter_hours(self, range_: Range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = await self._badges(range_)
        return np.unique(rows["at"] // ATOM_MS, return_counts=True)

    async def _badges(self, range_: Range | None) -> Rows:
        facts = await self._facts()
        if range_ is None:
            return facts.badges
        low, high = np.searchsorted(facts.by_time["at"], range_)
        return facts.by_time[low:high]

    async def _facts(self) -> "_Facts":
        loading = self._loading
        if loading is None or (loading.done() and loading.exception() is not None):
            loading = self._loading = asyncio.ensure_future(self._load())
        return await asyncio.shield(loading)

    async def _load(self) -> "_Facts":
        codes, columns = matched(self._reading, self._where), self._reading.columns
        badges = (await columns.facts(lambda rows: matching(rows, codes))).rows
        meant = communities(badges, codes)
        others = (
            await columns.facts(
                lambda rows: (rows["kind"] > BADGE) & np.isin(rows["community"], meant)
            )
        ).rows
        return _Facts(badges, others, await columns.users())


def communities(badges: Rows, codes: Mapping[str, list[int]]) -> NDArray[np.uint32]:
    """Return the codes of the communities that a filter means, given the badges that it leaves."""
    named = codes.get("community", [])
    if named and len(codes) == 1:
        return np.array(named, np.uint32)
    found = np.unique(badges["community"])
    known: NDArray[np.uint32] = found[found != 0]
    return known


class _Facts:
    """The facts that a filter leaves."""

    def __init__(self, badges: Rows, others: Rows, users: Rows) -> None:
        self.badges = badges
        self.everyone: NDArray[np.uint32] = np.unique(badges["user"])
        self._users = users
        self.members: Rows = only(others, others["kind"] == MEMBERSHIP)
        self.communities: Rows = only(others, others["kind"] == COMMUNITY)

    @cached_property
    def by_time(self) -> Rows:
        """The badges by when they were issued."""
        return self.badges.take(np.argsort(self.badges["at"], kind="stable"))

    @cached_property
    def _joins(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        joined = self._users["joined"][self.everyone]
        order = np.argsort(joined, kind="stable")
        return joined[order], self.everyone[order]

    @cached_property
    def _turns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return turns_of_all(self.badges)

    def instants(self, series: str) -> NDArray[np.int64]:
        """Return when what a series counts happened."""
        match series:
            case "issued":
                found = self.badges["at"]
            case "revoked":
                found = self.badges["end"][self.badges["end"] != NEVER]
            case "lost":
                found = self.badges["at"][self.badges["end"] != NEVER]
            case "users":
                found = self._users["joined"][self.everyone]
            case "engaged":
                found = self._turns[0]
            case "disengaged":
                found = self._turns[1]
            case "members":
                found = self.members["at"]
            case "communities":
                found = self.communities["at"]
            case "communities.deactivated":
                found = self.communities["end"][self.communities["end"] != NEVER]
            case _:
                raise KeyError(series)
        return found

    def timeline(self, series: str) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return when what `issued` or `users` counts happened, in order, and to which users."""
        if series == "issued":
            return self.by_time["at"], self.by_time["user"]
        return self._joins
