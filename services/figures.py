"""What a filter is, and what the families ask of what it leaves.

There are two ways to a figure, and the families do not know which one is taken:
`services.counted` has the figures of everything, `services.filtered` those of what a filter leaves.
"""

from array import array
from bisect import bisect
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields
from heapq import nsmallest
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from services.cells import NO_KEY, rank
from services.errors import AnalyticsError
from services.reading import Range, Reading
from services.tables import BADGE, Rows

MAX_KEYS = 100
"""How many keys a filter may name in each dimension."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which badges are meant: in each dimension that is given, one of the keys; in all of them."""

    communities: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    badges: tuple[str, ...] = ()

    def dimensions(self) -> Mapping[str, tuple[str, ...]]:
        """Return the keys that are named, by the dimension of the fact table."""
        given = {_DIMENSIONS[each.name]: getattr(self, each.name) for each in fields(self)}
        return {dimension: keys for dimension, keys in given.items() if keys}


_DIMENSIONS = {
    "communities": "community",
    "issuers": "issuer",
    "categories": "category",
    "levels": "level",
    "badges": "template",
}


class Figures(Protocol):
    """What the families ask for. A range of None is since ever."""

    is_filtered: bool
    """Whether some badges are left out."""

    async def total(self, series: str) -> int:
        """Return the count of a series without keys since ever."""

    async def counts(self, series: str, ranges: Sequence[Range]) -> list[int]:
        """Return the count of a series without keys in each range."""

    async def distinct(self, series: str, ranges: Sequence[Range]) -> list[BitMap]:
        """Return the users of `issued` (who received) or `users` (who joined) in each range."""

    async def everyone(self) -> BitMap:
        """Return all users that are meant."""

    async def breakdown(self, dimension: str, range_: Range | None) -> dict[str, int]:
        """Return the badges issued in a range by key of a dimension, without those that have none.

        The dimension is `category`, `level`, `issuer`, `template`, `community` or `kind`, of which
        the keys are `category/template`.
        """

    async def breakdowns(self, dimension: str, ranges: Sequence[Range]) -> list[dict[str, int]]:
        """Return the breakdown of each range, which may be many."""

    async def issued(self, dimension: str, keys: Sequence[str], range_: Range) -> list[int]:
        """Return how many badges of each key of a dimension were issued in a range."""

    async def top(self, dimension: str, range_: Range | None, first: int) -> list[tuple[str, int]]:
        """Return the keys with the most badges, ties by key; the unknown key has no place."""

    async def recipients(
        self, dimension: str, keys: Sequence[str], range_: Range | None
    ) -> list[int]:
        """Return how many distinct users received a badge of each key in a range."""

    async def templates(self, issuers: Sequence[str], range_: Range | None) -> list[int]:
        """Return of how many distinct templates each issuer issued badges in a range."""

    async def holders(self, templates: Sequence[str]) -> list[int]:
        """Return how many users hold a badge of each template that is not revoked."""

    async def burned(self) -> int:
        """Return how many badges were revoked by burning them."""

    async def members(self, communities: Sequence[str]) -> list[int]:
        """Return how many standing memberships each community has."""

    async def held(self) -> dict[str, int]:
        """Return how many users hold how many badges, by bin of `HELD_BINS`."""

    async def held_by(self) -> NDArray[np.int64]:
        """Return how many of the badges that are meant each user holds, by ordinal."""

    async def quarter_hours(self, range_: Range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the quarter hours since 1970 in a range, and how many badges each had issued."""


def ranked(counted: dict[str, int], first: int) -> list[tuple[str, int]]:
    """Return the keys with the highest counts, ties by key; the unknown key has no place."""
    known = ((key, n) for key, n in counted.items() if key != NO_KEY)
    return nsmallest(first, known, key=lambda item: (-item[1], rank(item[0])))


HELD_BINS = ("0", "1", "2", "3-5", "6-10", "11+")
"""The histogram of badges held by a user."""
BIN_STARTS = (0, 1, 2, 3, 6, 11)


def held_bin(held: int) -> str:
    """Return the bin of `HELD_BINS` into which a number of held badges falls."""
    return HELD_BINS[bisect(BIN_STARTS, held) - 1]


def check(reading: Reading, where: Where, configured: Mapping[str, Container[str]]) -> None:
    """Check the keys of a filter; `configured` are the known ones of which no badge need be.

    Raises `AnalyticsError` with code LIMIT_EXCEEDED for too many keys, and UNKNOWN_KEY for keys
    that are neither configured nor ever occurred.
    """
    for dimension, keys in where.dimensions().items():
        if len(keys) > MAX_KEYS:
            raise AnalyticsError(
                "LIMIT_EXCEEDED",
                f"A filter names at most {MAX_KEYS} keys in each dimension, not {len(keys)}.",
                limit="keys",
                maximum=MAX_KEYS,
            )
        known = configured.get(dimension, ())
        unknown = sorted(
            key for key in keys if key not in known and reading.codes.code(dimension, key) is None
        )
        if unknown:
            raise unknown_key(_SPOKEN[dimension], unknown)


def unknown_key(dimension: str, keys: Sequence[str]) -> AnalyticsError:
    """Return the refusal of keys of which nothing is known."""
    message = f"There is no {dimension} {', '.join(keys)}."
    return AnalyticsError("UNKNOWN_KEY", message, dimension=dimension, keys=list(keys))


def matched(reading: Reading, where: Where) -> dict[str, list[int]]:
    """Return the codes of a filter by dimension, of the keys that have occurred."""
    code = reading.codes.code
    return {
        dimension: [found for key in keys if (found := code(dimension, key)) is not None]
        for dimension, keys in where.dimensions().items()
    }


_SPOKEN = {"template": "badge"} | {
    name: name for name in ("community", "issuer", "category", "level")
}


def matching(rows: Rows, codes: Mapping[str, list[int]]) -> NDArray[np.bool_]:
    """Return which rows are badges that a filter leaves."""
    wanted: NDArray[np.bool_] = rows["kind"] == BADGE
    for dimension, chosen in codes.items():
        wanted &= np.isin(rows[dimension], chosen)
    return wanted


def by_key(rows: Rows, dimension: str, reading: Reading) -> dict[str, int]:
    """Count badges by key of a dimension."""
    key = reading.codes.key
    if dimension != "kind":
        codes, counted = np.unique(rows[dimension], return_counts=True)
        return {key(code): n for code, n in zip(codes.tolist(), counted.tolist(), strict=True)}
    pairs = rows["category"].astype(np.uint64) << np.uint64(32) | rows["template"]
    codes, counted = np.unique(pairs, return_counts=True)
    return {
        f"{key(pair >> 32)}/{key(pair & 0xFFFFFFFF)}": n
        for pair, n in zip(codes.tolist(), counted.tolist(), strict=True)
    }


def bitmap(ordinals: NDArray[np.integer]) -> BitMap:
    return BitMap(array("I", ordinals.astype(np.uint32).tobytes()))
