"""What a metric family is: what it counts, what its metrics are called, how they are read."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from services.facts import Facts
from services.figures import Figures
from services.reading import Range


class MetricFamily(StrEnum):
    """The groups in which metrics are asked for, cached and announced."""

    ISSUANCE = "issuance"
    """How many badges were issued, revoked and are held."""
    COMMUNITY = "community"
    """How many communities and members there are, and how they grow."""
    USERS = "users"
    """Who joins, who is active, who comes back."""
    DISTRIBUTION = "distribution"
    """What kinds of badges there are, and how they share the whole."""


class Point(NamedTuple):
    """One unit to be counted."""

    series: str
    """What is counted, such as `issued.category`."""
    key: str | None
    """One value of it, such as `3`; `-` for an unknown value, None where there are no keys."""
    at: int | None
    """When, in milliseconds since 1970; None for what has no time, only a total."""
    distinct: str = ""
    """What is counted as distinct beside: `user`, `template`, or nothing."""


Values = Callable[[Figures, Sequence[Range]], Awaitable[list[float | None]]]
"""Gives the value of a metric in each range; None where it is undefined."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of the catalogue."""

    name: str
    """Upper-case name; the value of `MetricName`."""
    title: str
    unit: str
    formula: str
    caveats: str = ""
    values: Values
    is_rate: bool = False
    """Whether 1.0 is the whole, so that changes are told in percentage points."""
    looks_back: bool = False
    """Whether `values` is given, before the ranges, as many that directly precede them."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A metric family. `projections` says, for a type of facts, which points it counts.

    `reads` are the first words of the series that its answer depends on, so that an update says
    that the family moved.
    """

    name: MetricFamily
    projections: Mapping[type[Facts], Callable[[Any], Iterable[Point]]] = field(
        default_factory=dict
    )
    reads: frozenset[str]
    metrics: tuple[Metric, ...] = ()


def flow(series: str) -> Values:
    """Return the units of a series in each range."""

    async def values(figures: Figures, ranges: Sequence[Range]) -> list[float | None]:
        return list(await figures.counts(series, ranges))

    return values


def stock(series: str, less: str | None = None) -> Values:
    """Return the units of a series up to the end of each range, less those of another."""

    async def values(figures: Figures, ranges: Sequence[Range]) -> list[float | None]:
        ends = [end for _, end in ranges]
        counted = await until(figures, series, ends)
        lost = await until(figures, less, ends) if less else [0] * len(ends)
        return [n - m for n, m in zip(counted, lost, strict=True)]

    return values


async def until(figures: Figures, series: str, ends: Sequence[int]) -> list[int]:
    """Return the units of a series before each of some instants."""
    bounds = sorted({0, *ends})
    counted = await figures.counts(series, list(pairwise(bounds)))
    stocks = dict(zip(bounds, accumulate(counted, initial=0), strict=True))
    return [stocks[end] for end in ends]


def uniques(series: str) -> Values:
    """Return the distinct users of a series in each range."""

    async def values(figures: Figures, ranges: Sequence[Range]) -> list[float | None]:
        return [len(users) for users in await figures.distinct(series, ranges)]

    return values


def ratio(part: Values, whole: Values) -> Values:
    """Return one value divided by another; None where the other is 0."""

    async def values(figures: Figures, ranges: Sequence[Range]) -> list[float | None]:
        parts, wholes = await part(figures, ranges), await whole(figures, ranges)
        return [n / m if n is not None and m else None for n, m in zip(parts, wholes, strict=True)]

    return values
