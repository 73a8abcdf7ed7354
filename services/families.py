"""What a metric family is: what it counts, what its metrics are called, how they are read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from services.facts import Facts


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
    unique: bool = False
    """Whether the user is counted as a distinct one too."""


class Measure(StrEnum):
    """How a metric is read off a series over a bucket."""

    FLOW = "flow"
    """Units in the bucket."""
    STOCK = "stock"
    """Units up to the end of the bucket."""
    UNIQUES = "uniques"
    """Distinct users in the bucket."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of the catalogue: the sum over `plus` less the sum over `minus`."""

    name: str
    """Upper-case name; the value of `MetricName`."""
    title: str
    unit: str
    formula: str
    caveats: str = ""
    measure: Measure
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()


Project = Callable[[Any], Iterable[Point]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A metric family. `projections` says, for a type of facts, which points it counts.

    `reads` are the first words of the series that its answer depends on, so that an update says
    that the family moved.
    """

    name: MetricFamily
    projections: Mapping[type[Facts], Project] = field(default_factory=dict)
    reads: frozenset[str]
    metrics: tuple[Metric, ...] = ()
