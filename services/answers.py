"""The elements that the answers of every family share.

Answers are frozen dataclasses; `schema` lends them to GraphQL with their docstrings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NewType

from services.cells import NO_KEY
from services.window import ValueComparison, Weekday, Window

Position = NewType("Position", int)
"""The number of a committed batch: 0 before the first, then 1, 2, 3, ..."""
TimeZone = NewType("TimeZone", str)
"""The name of an IANA time zone."""


def instant(at: int) -> datetime:
    """Return milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)


@dataclass(frozen=True, kw_only=True)
class ResolvedRange:
    """The half-open range of time that an answer is about."""

    start: datetime
    """The first instant of the range."""
    end: datetime
    """The first instant after the range."""
    timezone: TimeZone
    """The IANA time zone in which days, weeks and months begin."""
    week_start: Weekday
    """The day with which a week begins."""


@dataclass(frozen=True, kw_only=True)
class SeriesPoint:
    """A bucket of a series. A series lists every bucket, those with nothing in them as 0."""

    start: datetime
    """The first instant of the bucket."""
    end: datetime
    """The first instant after the bucket."""
    value: float | None
    """What was measured; 0 is measured, too, and null is undefined."""
    is_partial: bool
    """Whether the bucket is less than its whole: cut by the range, or not ended yet."""
    comparison: ValueComparison | None
    """What it is compared with; null if nothing was asked for, or nothing corresponds to it."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A part of a whole: a category, a level, an issuer."""

    key: str
    """Identifies the part: a category's name, a level's number, an issuer's address."""
    label: str
    """What a person calls it."""
    count: int
    """How many of the whole it has."""
    share: float
    """Its count divided by the whole, 0 to 1; 0 if the whole is 0."""
    percentage: int
    """The share in percent, rounded such that all parts of a whole add to 100."""


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A kind of badge: the template from which badges are issued."""

    id: str
    """The id of the template."""
    name: str | None
    """Its name, if its registration was seen."""
    category: str | None
    """The name of its category."""
    level: int | None
    """Its default level."""


@dataclass(frozen=True, kw_only=True)
class BadgeStanding:
    """A kind of badge and its place among all, by badges issued."""

    rank: int
    """1 for the most issued; ties go by id."""
    badge: Badge
    """The kind of badge."""
    issued: int
    """Badges of this kind issued in the range."""
    recipients: int
    """Distinct users who received one in the range."""
    issued_per_day: float
    """Badges of this kind issued a day, over the 30 days that end with today."""
    holders: int
    """Users who hold one that is not revoked, now."""
    rarity: float | None
    """Holders divided by users, 0 to 1; null if there is no user."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the numbers of categories and levels are called."""

    categories: Mapping[int, str]
    levels: Mapping[int, str]

    def configured(self) -> Mapping[str, frozenset[str]]:
        """Return the keys of categories and levels that have a name."""
        names = {"category": self.categories, "level": self.levels}
        return {each: frozenset(map(str, numbers)) for each, numbers in names.items()}

    def category(self, key: str) -> str:
        """Return the name of a category: `unknown (9)` if none is configured for 9."""
        return _named(self.categories, key)

    def category_key(self, name: str) -> str:
        """Return the key of a category by its name; a name that is none is returned as it is."""
        return _numbered(self.categories, name)

    def level(self, key: str) -> str:
        """Return the name of a level: `unknown (9)` if none is configured for 9."""
        return _named(self.levels, key)

    def level_key(self, key: str) -> str:
        """Return the key of a level by that of its slice."""
        return NO_KEY if key == "unknown" else key


def _numbered(names: Mapping[int, str], name: str) -> str:
    if name == "unknown":
        return NO_KEY
    found = _UNKNOWN.fullmatch(name)
    return next((str(number) for number, each in names.items() if each == name), None) or (
        found[1] if found else name
    )


_UNKNOWN = re.compile(r"unknown \((\d+)\)")


def _named(names: Mapping[int, str], key: str) -> str:
    if key == NO_KEY:
        return "unknown"
    return names.get(int(key), f"unknown ({key})")


def resolved(window: Window) -> ResolvedRange:
    """Return a window as an answer tells it."""
    return ResolvedRange(
        start=instant(window.start),
        end=instant(window.end),
        timezone=TimeZone(window.zone),
        week_start=window.week_start,
    )


def percentages(counts: Sequence[int]) -> list[int]:
    """Return counts as whole percentages that add to 100, by largest remainder.

    All are 0 if the counts are. The method is Hamilton's: every part gets the whole number below
    its exact percentage, and what is left goes to the largest remainders, ties to the earlier.
    """
    whole = sum(counts)
    if not whole:
        return [0] * len(counts)
    floors = [100 * count // whole for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda i: -(100 * counts[i] % whole))
    for i in by_remainder[: 100 - sum(floors)]:
        floors[i] += 1
    return floors


def slices(counted: Sequence[tuple[str, str, int]], whole: int | None = None) -> list[Slice]:
    """Return (key, label, count) triples as parts of a whole, by default of their sum.

    Percentages add to 100 if the parts are the whole.
    """
    counts = [count for _, _, count in counted]
    rest = 0 if whole is None else whole - sum(counts)
    total = sum(counts) + rest
    rounded = percentages([*counts, rest])
    return [
        Slice(
            key=key,
            label=label,
            count=count,
            share=count / total if total else 0.0,
            percentage=percentage,
        )
        for (key, label, count), percentage in zip(counted, rounded, strict=False)
    ]
