"""The window of an answer: which instants it covers, cut into buckets and compared with earlier.

The one module that knows of time: ranges, zones, week starts, granularities, zero-fill (a series
lists every bucket), the open bucket and comparisons. What it gives of `services.calendar` is
named in `__all__`; other code imports it from here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from services.calendar import (
    ATOM_MS,
    ATOMS_A_DAY,
    DAY_MS,
    HOUR_MS,
    Bucket,
    Calendar,
    Cover,
    Granularity,
    Weekday,
    WindowError,
    cover,
    day_index,
    days_in_month_index,
    month_index,
    month_of_day,
    month_start,
)

__all__ = [
    "ATOMS_A_DAY",
    "ATOM_MS",
    "DAY_MS",
    "HOURS_A_WEEK",
    "HOUR_MS",
    "LIMITS",
    "Between",
    "Bucket",
    "Calendar",
    "Comparison",
    "Cover",
    "Granularity",
    "Last",
    "Limits",
    "Preset",
    "RangeSpec",
    "ValueComparison",
    "Weekday",
    "Window",
    "WindowError",
    "change",
    "change_of_rate",
    "compare",
    "compared_series",
    "cover",
    "day_index",
    "days_in_month_index",
    "hour_of_the_week",
    "hours_of_the_week",
    "month_index",
    "month_of_day",
    "month_start",
    "reached",
    "resolve",
    "series",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a range and a series may ask for."""

    max_buckets: int = 2_000
    """The longest series, its buckets counted at their nominal length (a month is 30 days)."""
    max_range_days: int = 36_600
    """The longest range, in days of 24 hours: a hundred years."""
    earliest: int = 0
    """The first instant that a range may name: 1970-01-01."""
    latest: int = 7_258_118_400_000
    """The end of what a range may name: 2200-01-01."""


LIMITS = Limits()

_NOMINAL_MS = {
    Granularity.HOUR: HOUR_MS,
    Granularity.DAY: DAY_MS,
    Granularity.WEEK: 7 * DAY_MS,
    Granularity.MONTH: 30 * DAY_MS,
    Granularity.QUARTER: 90 * DAY_MS,
    Granularity.YEAR: 365 * DAY_MS,
}
_ATOMS_A_WEEK = 7 * ATOMS_A_DAY
HOURS_A_WEEK = 7 * 24


@dataclass(frozen=True)
class Last:
    """The last n calendar units, the open one included: 7 days end with today."""

    n: int
    unit: Granularity
    skipped: int = 0
    """How many units are left out, counted back from the open one: yesterday skips 1 day."""


@dataclass(frozen=True)
class Between:
    """From `start` to before `end`.

    A bound is an instant, or a local date, which stands for its first instant. Instants are
    widened to quarter hours. Without a start the range begins as all time does, and without an
    end it goes to the end of the open day; where nothing lies between, it is the one day beside
    the bound that is given.
    """

    start: int | date | None = None
    end: int | date | None = None


class Preset(Enum):
    """Ranges by name. All but those that skip the open unit go to its end."""

    TODAY = Last(1, Granularity.DAY)
    """The open day."""
    YESTERDAY = Last(1, Granularity.DAY, skipped=1)
    """The day before the open one."""
    THIS_WEEK = Last(1, Granularity.WEEK)
    """The open week."""
    LAST_WEEK = Last(1, Granularity.WEEK, skipped=1)
    """The week before the open one."""
    THIS_MONTH = Last(1, Granularity.MONTH)
    """The open month."""
    LAST_MONTH = Last(1, Granularity.MONTH, skipped=1)
    """The month before the open one."""
    THIS_QUARTER = Last(1, Granularity.QUARTER)
    """The open quarter."""
    LAST_QUARTER = Last(1, Granularity.QUARTER, skipped=1)
    """The quarter before the open one."""
    THIS_YEAR = Last(1, Granularity.YEAR)
    """The open year."""
    LAST_YEAR = Last(1, Granularity.YEAR, skipped=1)
    """The year before the open one."""
    LAST_24_HOURS = Last(24, Granularity.HOUR)
    """The last 24 hours, the open one contained."""
    LAST_7_DAYS = Last(7, Granularity.DAY)
    """The last 7 days, today contained."""
    LAST_30_DAYS = Last(30, Granularity.DAY)
    """The last 30 days, today contained."""
    LAST_90_DAYS = Last(90, Granularity.DAY)
    """The last 90 days, today contained."""
    LAST_12_MONTHS = Last(12, Granularity.MONTH)
    """The last 12 months, the open one contained."""
    ALL_TIME = Between()
    """From the first event to the end of today, or of the day of an event that is later."""


RangeSpec = Preset | Last | Between


@dataclass(frozen=True)
class Window:
    """The half-open range [start, end) of instants, both multiples of `ATOM_MS`, and its clock."""

    start: int
    end: int
    zone: str
    week_start: Weekday
    now: int
    """The instant at which the range was resolved; what ends later is open."""
    last: Last | None = None
    """The calendar units that the range consists of, if it was asked for in units."""
    whole_end: int | None = None
    """Where a range that is compared only up to some moment would end without that."""
    is_all_time: bool = False
    """Whether nothing lies outside, so that its series consists of whole buckets."""

    @property
    def calendar(self) -> Calendar:
        """The calendar of the window's zone and week start."""
        return Calendar(self.zone, self.week_start)

    def before(self) -> tuple[int, int]:
        """Return the range before this one: as many calendar units, else one of its length."""
        if self.last is not None:
            return self.calendar.shift(self.start, -self.last.n, self.last.unit), self.start
        length = (self.whole_end or self.end) - self.start
        return self.start - length, self.start


def resolve(
    spec: RangeSpec | None,
    *,
    zone: str = "UTC",
    week_start: Weekday = Weekday.MONDAY,
    now: int,
    earliest: int | None,
    latest: int | None = None,
) -> Window:
    """Return the window that a range means at the instant `now`; no range means all time.

    All time goes from the local day of `earliest`, the first instant that has data (None if there
    is none yet), to the end of the open day, or to that of the day of `latest` if the last instant
    that has data is later. Raises `WindowError` for a range that is refused.
    """
    calendar = Calendar(zone, week_start)
    bounds: Last | Between = spec.value if isinstance(spec, Preset) else spec or Between()
    if isinstance(bounds, Last):
        return _last(calendar, bounds, now)
    first = now if earliest is None else min(earliest, now)
    start = calendar.floor(first, Granularity.DAY)
    end = calendar.next(now, Granularity.DAY)
    if bounds.start is not None:
        start = _bound(calendar, bounds.start) // ATOM_MS * ATOM_MS
        end = max(end, calendar.next(start, Granularity.DAY))
    if bounds.end is not None:
        end = _atom_end(_bound(calendar, bounds.end))
        if bounds.start is None:
            start = min(start, calendar.floor(end - 1, Granularity.DAY))
    is_all_time = bounds == Between()
    if is_all_time and latest is not None:
        end = max(end, calendar.next(latest, Granularity.DAY))
    return _checked(Window(start, end, zone, week_start, now, is_all_time=is_all_time))


def series(window: Window, granularity: Granularity) -> list[Bucket]:
    """Return every bucket of the window, in order, without a gap.

    The first and the last one are clipped to the window (not to all time, which has no edge). A
    bucket is partial if that cuts it or if it has not ended at `window.now`. Raises `WindowError`
    TOO_MANY_BUCKETS with the finest granularity that fits.
    """
    length = window.end - window.start
    if not _fits(length, granularity):
        finest = next(each for each in Granularity if _fits(length, each))
        raise WindowError(
            "TOO_MANY_BUCKETS",
            f"a series by {granularity} has at most {LIMITS.max_buckets} buckets; "
            f"ask for this range by {finest}, or for a shorter range",
            maxBuckets=LIMITS.max_buckets,
            finestGranularity=finest.value,
        )
    calendar, start, end = window.calendar, window.start, window.end
    if window.is_all_time:
        start = calendar.floor(start, granularity)
        end = calendar.next(end - 1, granularity)
    return [
        replace(bucket, is_partial=True) if bucket.end > window.now else bucket
        for bucket in calendar.buckets(start, end, granularity)
    ]


def hours_of_the_week(
    window: Window, atoms: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return counts by `hour_of_the_week`, and how often each hour occurred in the window.

    `counts` are those of quarter hours since 1970. What is later than now has not occurred; a
    quarter of an hour that the window has of an hour is a quarter of an occurrence.
    """
    counted = np.zeros(HOURS_A_WEEK, np.int64)
    np.add.at(counted, hour_of_the_week(window.calendar, atoms), counts)
    occurred = np.zeros(HOURS_A_WEEK)
    now = _atom_end(window.now)
    for start, end, offset in window.calendar.offsets(window.start, window.end):
        first, last = start // ATOM_MS, min(end, now) // ATOM_MS
        weeks, rest = divmod(max(0, last - first), _ATOMS_A_WEEK)
        steps = np.arange(_ATOMS_A_WEEK if weeks else rest, dtype=np.int64)
        hours = _hour_of_the_week(first + steps, np.int64(offset))
        occurred += np.bincount(hours, (weeks + (steps < rest)) / 4, HOURS_A_WEEK)
    return counted, occurred


def hour_of_the_week(calendar: Calendar, atoms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which hour of its week the local clock shows at quarter hours since 1970.

    0 is Monday at midnight, 167 Sunday at 23.
    """
    if not len(atoms):
        return atoms
    low, high = int(atoms.min()), int(atoms.max())
    stretches = list(calendar.offsets(low * ATOM_MS, (high + 1) * ATOM_MS))
    starts = np.array([start for start, _, _ in stretches], np.int64)
    offsets = np.array([offset for _, _, offset in stretches], np.int64)
    places = np.searchsorted(starts, atoms * ATOM_MS, side="right") - 1
    return _hour_of_the_week(atoms, offsets[places])


def _hour_of_the_week(
    atoms: NDArray[np.int64], offsets: NDArray[np.int64] | np.int64
) -> NDArray[np.int64]:
    # 1970-01-01 was a Thursday.
    hours: NDArray[np.int64] = ((atoms * ATOM_MS + offsets) // HOUR_MS + 3 * 24) % HOURS_A_WEEK
    return hours


class Comparison(StrEnum):
    """The earlier period that a window is compared with, where none is given by its bounds."""

    PREVIOUS_PERIOD = "PREVIOUS_PERIOD"
    """The period directly before: of as many calendar units, else of equal length. If the range
    is open, it is compared up to the same moment."""
    YEAR_BEFORE = "YEAR_BEFORE"
    """The same period a year before; if the range is open, up to the same moment."""


def compare(window: Window, how: Comparison | RangeSpec, *, earliest: int | None = None) -> Window:
    """Return the window that this one is compared with, if open then only to the same moment.

    The previous period of n calendar units is the n units before, that of explicit bounds the
    same length directly before. A year before is the same local dates (February 28 for the 29th),
    for whole weeks 52 weeks before. The moment is the end of the quarter hour that holds the same
    local time as now; where the earlier month has no such day, its end, so that the end of what is
    compared never goes back while the clock runs on. Raises `WindowError`, NOTHING_TO_COMPARE for
    what is before all time.
    """
    return _earlier(window, how, earliest)[0]


def compared_series(
    window: Window,
    how: Comparison | RangeSpec,
    granularity: Granularity,
    *,
    earliest: int | None = None,
) -> list[tuple[Bucket, Bucket | None]]:
    """Return the series, each bucket with what it is compared with.

    Buckets go by local date and time: March 3 with February 3, None for March 31. Every instant
    of the earlier window is compared with at most once. The open bucket is compared to the same
    moment, and one that has ended with what it is compared with once the whole range has ended:
    that may end after the moment, where a week ends in another month or months differ in length.
    """
    earlier, moved, reaches = _earlier(window, how, earliest)
    calendar, covered = earlier.calendar, earlier.start
    whole_end = earlier.whole_end or earlier.end
    pairs: list[tuple[Bucket, Bucket | None]] = []
    for bucket in series(window, granularity):
        start, end = moved(bucket.start), reaches(bucket.end)
        skipped = granularity is Granularity.HOUR and start == end
        if all(calendar.floor(each, granularity) == each for each in (bucket.start, start)):
            end = calendar.next(start, granularity)
        end = min(end, earlier.end if bucket.end > window.now else whole_end)
        if skipped or start < covered or start >= end:
            pairs.append((bucket, None))
        else:
            pairs.append((bucket, Bucket(start, end, bucket.is_partial)))
            covered = end
    return pairs


@dataclass(frozen=True)
class ValueComparison:
    """What a value is compared with, and how it differs."""

    value: float | None
    """The earlier value."""
    change: float | None
    """Now minus then, null if either is undefined; of a rate in percentage points."""
    change_percent: float | None
    """The change in percent of the earlier value; null for a rate, and if only that is 0."""
    is_new: bool
    """Whether the earlier value is 0 and the later one is not."""


def change(now: float | None, then: float | None) -> ValueComparison:
    """Return how a count or an amount has changed; None is an undefined value."""
    if now is None or then is None:
        return ValueComparison(then, None, None, is_new=False)
    difference = now - then
    if then == 0:
        return ValueComparison(then, difference, None if now else 0.0, is_new=now != 0)
    return ValueComparison(then, difference, 100 * difference / abs(then), is_new=False)


def change_of_rate(now: float | None, then: float | None) -> ValueComparison:
    """Return how a rate (1.0 is the whole) has changed, `change` being in percentage points."""
    if now is None or then is None:
        return ValueComparison(then, None, None, is_new=False)
    return ValueComparison(then, 100 * (now - then), None, is_new=False)


def _last(calendar: Calendar, last: Last, now: int) -> Window:
    most = LIMITS.max_buckets
    if last.skipped < 0 or not 1 <= last.n <= most - last.skipped:
        raise WindowError(
            "COUNT_OUT_OF_RANGE", f"ask for the last 1 to {most} units", minimum=1, maximum=most
        )
    if last.n * _NOMINAL_MS[last.unit] > LIMITS.max_range_days * DAY_MS:
        raise _too_long()
    start = calendar.back(now, last.skipped + last.n - 1, last.unit)
    end = calendar.next(calendar.back(now, last.skipped, last.unit), last.unit)
    return _checked(Window(start, end, calendar.zone, calendar.week_start, now, last))


def _bound(calendar: Calendar, bound: int | date) -> int:
    instant = reached(bound if isinstance(bound, int) else _utc_midnight(bound))
    return instant if isinstance(bound, int) else calendar.midnight(bound)


def _utc_midnight(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS


def reached(instant: int) -> int:
    """Return an instant that was asked for. Raises `WindowError` RANGE_OUT_OF_REACH."""
    if not LIMITS.earliest <= instant <= LIMITS.latest:
        raise WindowError(
            "RANGE_OUT_OF_REACH",
            "what is asked about lies between 1970-01-01 and 2200-01-01",
            earliest=LIMITS.earliest,
            latest=LIMITS.latest,
        )
    return instant


def _checked(window: Window) -> Window:
    if window.end <= window.start:
        raise WindowError("RANGE_REVERSED", "the end of a range must be after its start")
    reached(window.start)
    if window.end - window.start > LIMITS.max_range_days * DAY_MS:
        raise _too_long()
    return window


def _too_long() -> WindowError:
    return WindowError(
        "RANGE_TOO_LONG",
        f"a range has at most {LIMITS.max_range_days} days",
        maxRangeDays=LIMITS.max_range_days,
    )


def _fits(length: int, granularity: Granularity) -> bool:
    # One bucket more, since clock changes and clipped edges may add one.
    return length <= (LIMITS.max_buckets + 1) * _NOMINAL_MS[granularity]


def _atom_end(instant: int) -> int:
    return -(-instant // ATOM_MS) * ATOM_MS


Mover = Callable[[int], int]
"""Where an instant of a window falls in the one that it is compared with."""


def _earlier(
    window: Window, how: Comparison | RangeSpec, earliest: int | None
) -> tuple[Window, Mover, Mover]:
    """Return the window compared with, where an instant of this one falls in it, and an end.

    They differ for a day that the earlier month does not have: it begins with the month's last
    one, and ends with the month.
    """
    last, calendar = window.last, window.calendar
    if isinstance(how, Comparison):
        moved, reaches = _movers(window, how)
        start, end = moved(window.start), moved(window.end)
        if window.last is not None:
            end = calendar.shift(start, window.last.n, window.last.unit)
        if window.last is not None and window.last.unit is Granularity.DAY:
            as_many = partial(calendar.counterpart, origin=window.start, target=start)
            reaches = _later(moved, as_many)
    else:
        zone, week_start, now = window.zone, window.week_start, window.now
        given = resolve(how, zone=zone, week_start=week_start, now=now, earliest=earliest)
        start, end, last = given.start, given.end, given.last
        moved = reaches = partial(calendar.counterpart, origin=window.start, target=start)
    found = replace(window, start=start, end=end, last=last, whole_end=end, is_all_time=False)
    if window.start <= window.now < window.end:
        moment = max(_atom_end(reaches(at)) for at in calendar.peaks(window.start, window.now))
        found = replace(found, end=min(end, max(moment, start + ATOM_MS)))
    return found, moved, reaches


def _later(one: Mover, other: Mover) -> Mover:
    """Return the later of two: days a year before, by date and as many from the first on.

    A 29 February on either side sets the two a day apart.
    """
    return lambda instant: max(one(instant), other(instant))


def _movers(window: Window, how: Comparison) -> tuple[Mover, Mover]:
    calendar, last = window.calendar, window.last

    def by(n: int, unit: Granularity) -> tuple[Mover, Mover]:
        return (
            lambda instant: calendar.shift(instant, n, unit),
            lambda instant: calendar.shift(instant, n, unit, to_month_end=True),
        )

    if how is Comparison.YEAR_BEFORE:
        if last is not None and last.unit is Granularity.WEEK:
            return by(-52, Granularity.WEEK)
        return by(-1, Granularity.YEAR)
    if window.is_all_time:
        raise WindowError("NOTHING_TO_COMPARE", "nothing is before all time; name a range")
    if last is not None:
        return by(-last.n, last.unit)

    def before(instant: int) -> int:
        return instant - (window.end - window.start)

    return before, before
