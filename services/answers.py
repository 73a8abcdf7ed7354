"""The elements that the answers of every family share.

Answers are frozen dataclasses; `schema` lends them to GraphQL with their docstrings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from services.reading import NO_KEY, Reading, Span
from services.window import Bucket, Granularity, Window, WindowError, last_buckets, series


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
    timezone: str
    """The IANA time zone in which days, weeks and months begin."""


@dataclass(frozen=True, kw_only=True)
class SeriesPoint:
    """A bucket of a series. A series lists every bucket, those with nothing in them as 0."""

    start: datetime
    """The first instant of the bucket."""
    end: datetime
    """The first instant after the bucket."""
    value: float
    """What was measured; 0 is measured, too."""
    is_partial: bool
    """Whether the bucket is less than its whole: cut by the range, or not ended yet."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A part of a whole: a category, a level, an issuer."""

    key: str
    """Identifies the part: a category's name, a level's number, an issuer's address."""
    label: str
    """What a person calls it."""
    count: int
    """How many badges it has."""
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


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the numbers of categories and levels are called."""

    categories: Mapping[int, str]
    levels: Mapping[int, str]

    def category(self, key: str) -> str:
        """Return the name of a category: `unknown (9)` if none is configured for 9."""
        return _named(self.categories, key)

    def level(self, key: str) -> str:
        """Return the name of a level: `unknown (9)` if none is configured for 9."""
        return _named(self.levels, key)


def _named(names: Mapping[int, str], key: str) -> str:
    if key == NO_KEY:
        return "unknown"
    return names.get(int(key), f"unknown ({key})")


def resolved(window: Window) -> ResolvedRange:
    """Return a window as an answer tells it."""
    return ResolvedRange(start=instant(window.start), end=instant(window.end), timezone=window.zone)


def to_date(window: Window) -> list[Bucket]:
    """Return the day, the week and the month that are open at the time of asking."""
    return [
        last_buckets(
            1, granularity, zone=window.zone, week_start=window.week_start, now=window.now
        )[0]
        for granularity in (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)
    ]


def points(buckets: Sequence[Bucket], values: Sequence[float]) -> list[SeriesPoint]:
    """Return a series of values by bucket."""
    return [
        SeriesPoint(
            start=instant(bucket.start),
            end=instant(bucket.end),
            value=value,
            is_partial=bucket.is_partial,
        )
        for bucket, value in zip(buckets, values, strict=True)
    ]


async def flow(
    reading: Reading, name: str, window: Window, granularity: Granularity, default: int
) -> list[SeriesPoint]:
    """Return a series by bucket: over the window, or the last `default` buckets for all time.

    A window with too many buckets gives its refusal in the place of the series. GraphQL raises
    it where the series is asked for, so that the rest of the answer is not taken with it.
    """
    try:
        buckets = (
            last_buckets(
                default,
                granularity,
                zone=window.zone,
                week_start=window.week_start,
                now=window.now,
            )
            if window.is_all_time
            else series(window, granularity)
        )
    except WindowError as refusal:
        return cast("list[SeriesPoint]", refusal)
    spans = [Span(name, NO_KEY, bucket.start, bucket.end) for bucket in buckets]
    return points(buckets, await reading.counts(spans))


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
