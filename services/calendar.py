"""Local time: calendar buckets in a time zone, and the UTC parts that counters are stored by.

An instant is an int, milliseconds since 1970 UTC. A local clock is read at the start of each
quarter hour of UTC, an `ATOM`, so that every bound given here is a whole number of atoms. Clocks
since 2012 have changed on atoms only, but for Antarctica/Casey in 2020 to 2022 (one minute past
midnight); such a change is taken to happen at the next atom. Offsets have been whole atoms in
every zone since 1980, and are rounded down to atoms before.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from zoneinfo import ZoneInfo, available_timezones

from services.errors import AnalyticsError

ATOM_MS = 900_000
"""A quarter hour: every bucket bound is a multiple of it."""
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
ATOMS_A_DAY = DAY_MS // ATOM_MS

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - stands for local time, which has no zone of its own
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class WindowError(AnalyticsError):
    """A range, a series or a zone that is refused.

    `code` is one of UNKNOWN_TIME_ZONE, RANGE_REVERSED, RANGE_OUT_OF_REACH, RANGE_TOO_LONG,
    COUNT_OUT_OF_RANGE, TOO_MANY_BUCKETS, NOTHING_TO_COMPARE; `details` holds the limit and what
    would fit.
    """


class Granularity(StrEnum):
    """The calendar buckets, from the finest."""

    HOUR = "HOUR"
    """A local hour."""
    DAY = "DAY"
    """A local day; 23 or 25 hours where the clock changes."""
    WEEK = "WEEK"
    """A week that begins with the chosen weekday."""
    MONTH = "MONTH"
    """A calendar month."""
    QUARTER = "QUARTER"
    """A calendar quarter."""
    YEAR = "YEAR"
    """A calendar year."""


class Weekday(IntEnum):
    """The days of the week, numbered as `date.weekday` does."""

    MONDAY = 0
    """Monday."""
    TUESDAY = 1
    """Tuesday."""
    WEDNESDAY = 2
    """Wednesday."""
    THURSDAY = 3
    """Thursday."""
    FRIDAY = 4
    """Friday."""
    SATURDAY = 5
    """Saturday."""
    SUNDAY = 6
    """Sunday."""


_MONTHS = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}
_DAYS = {Granularity.DAY: 1, Granularity.WEEK: 7}


@dataclass(frozen=True, slots=True)
class Bucket:
    """The half-open interval [start, end) of instants."""

    start: int
    end: int
    is_partial: bool = False
    """Whether it is less than its whole calendar bucket: cut by a range, or not ended yet."""


@dataclass(frozen=True)
class Calendar:
    """The calendar of an IANA time zone, for instants from 1970 to 2200.

    The buckets of a granularity partition time. A day starts at the first instant at which its
    date is reached: after midnight where the clock skips midnight, and at the first of two
    midnights. A date that the zone skipped has no bucket. An hour that the clock repeats is two
    buckets, and one that a clock change cuts short is a shorter bucket.

    Raises `WindowError` UNKNOWN_TIME_ZONE for a zone that the time zone database lacks.
    """

    zone: str = "UTC"
    week_start: Weekday = Weekday.MONDAY

    def __post_init__(self) -> None:
        if self.zone not in _zones():
            raise WindowError(
                "UNKNOWN_TIME_ZONE",
                f"{self.zone!r} is no IANA time zone; name one such as UTC or Europe/Berlin",
                zone=self.zone,
            )

    def midnight(self, day: date) -> int:
        """Return the first instant of a local date; of a skipped date, that of the date after."""
        return _midnight(self.zone, day.toordinal() - _EPOCH_ORDINAL)

    def date_of(self, instant: int) -> date:
        """Return the local date whose day bucket holds the instant."""
        day = _wall(self.zone, instant) // DAY_MS
        # A clock put back across midnight shows the day before once more.
        while _midnight(self.zone, day + 1) <= instant:
            day += 1
        return date.fromordinal(day + _EPOCH_ORDINAL)

    def clock(self, instant: int) -> tuple[int, int]:
        """Return the weekday (0 is Monday) and the hour that the local clock shows."""
        days, rest = divmod(_wall(self.zone, instant), DAY_MS)
        return date.fromordinal(days + _EPOCH_ORDINAL).weekday(), rest // HOUR_MS

    def offsets(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the parts (start, end, UTC offset) of a range in which the offset is one.

        All are milliseconds. No zone has changed its clock twice within a day.
        """
        while start < end:
            offset, stop = _offset(self.zone, start), start
            while stop < end and _offset(self.zone, min(end, stop + DAY_MS) - ATOM_MS) == offset:
                stop = min(end, stop + DAY_MS)
            while stop < end and _offset(self.zone, stop) == offset:
                stop += ATOM_MS
            yield start, stop, offset
            start = stop

    def floor(self, instant: int, granularity: Granularity) -> int:
        """Return the start of the bucket that holds the instant."""
        if granularity is Granularity.HOUR:
            return _hour_start(self.zone, instant)
        return self.midnight(self._period(self.date_of(instant), granularity))

    def next(self, instant: int, granularity: Granularity) -> int:
        """Return the end of the bucket that holds the instant: the start of the one after."""
        if granularity is Granularity.HOUR:
            return _hour_end(self.zone, instant)
        return next(bound for bound in self._starts(instant, granularity) if bound > instant)

    def back(self, instant: int, n: int, granularity: Granularity) -> int:
        """Return the start of the n-th bucket before the one that holds the instant."""
        start = self.floor(instant, granularity)
        for _ in range(n):
            start = self.floor(start - 1, granularity)
        return start

    def buckets(self, start: int, end: int, granularity: Granularity) -> list[Bucket]:
        """Return the buckets that partition [start, end), in order.

        The first and the last one are clipped to the range, and partial where that cuts them.
        """
        bounds = list(self._bounds(start, end, granularity))
        return [
            Bucket(max(low, start), min(high, end), low < start or high > end)
            for low, high in pairwise(bounds)
        ]

    def shift(
        self, instant: int, n: int, granularity: Granularity, *, to_month_end: bool = False
    ) -> int:
        """Return the same local time n calendar units later (earlier if n is negative).

        An hour is 60 minutes of real time. A day that the target month lacks becomes its last
        one, or with `to_month_end` the end of the month; a local time that the clock skips becomes
        the first instant after it, and one that it shows twice the first of both. The first
        instant of a day moves to the first one of a day.
        """
        if granularity is Granularity.HOUR:
            return instant + n * HOUR_MS
        if n == 0:
            return instant
        wall = self._wall(instant)
        day = date.fromordinal(wall // DAY_MS + _EPOCH_ORDINAL)
        target = _moved(day, n, granularity)
        if to_month_end and granularity in _MONTHS and target.day != day.day:
            return self.midnight(target + timedelta(days=1))
        moved = target.toordinal() - _EPOCH_ORDINAL
        return _instant(self.zone, moved * DAY_MS + wall % DAY_MS)

    def peaks(self, start: int, instant: int) -> Iterator[int]:
        """Yield the instant, and those after `start` at which the clock was about to go back.

        Only those of the last two days: after that the clock shows later times again.
        """
        yield instant
        recent = max(start, instant - 2 * DAY_MS)
        for _, stop, _ in self.offsets(recent // ATOM_MS * ATOM_MS, instant // ATOM_MS * ATOM_MS):
            if recent < stop <= instant:
                yield stop - 1

    def counterpart(self, instant: int, origin: int, target: int) -> int:
        """Return the instant as far from `target`, by the local clock, as this is from `origin`."""
        elapsed = self._wall(instant) - self._wall(origin)
        return _instant(self.zone, self._wall(target) + elapsed)

    def _wall(self, instant: int) -> int:
        """Return the local time, each day starting at midnight even where the clock skips it."""
        day = self.date_of(instant)
        if self.midnight(day) == instant:
            return (day.toordinal() - _EPOCH_ORDINAL) * DAY_MS
        return _wall(self.zone, instant)

    def _period(self, day: date, granularity: Granularity) -> date:
        """Return the first date of the week, month, ... of a date."""
        match granularity:
            case Granularity.WEEK:
                return day - timedelta(days=(day.weekday() - self.week_start) % 7)
            case Granularity.MONTH:
                return day.replace(day=1)
            case Granularity.QUARTER:
                return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
            case Granularity.YEAR:
                return day.replace(month=1, day=1)
        return day

    def _starts(self, instant: int, granularity: Granularity) -> Iterator[int]:
        """Yield bucket starts from that of the instant's bucket on; a skipped day's is repeated."""
        period = self._period(self.date_of(instant), granularity)
        while True:
            yield self.midnight(period)
            period = _moved(period, 1, granularity)

    def _bounds(self, start: int, end: int, granularity: Granularity) -> Iterator[int]:
        """Yield the bounds of the buckets that meet [start, end), each once."""
        bound = self.floor(start, granularity)
        yield bound
        if granularity is Granularity.HOUR:
            while bound < end:
                bound = _hour_end(self.zone, bound)
                yield bound
            return
        starts = self._starts(bound, granularity)
        while bound < end:
            following = next(starts)
            if following > bound:
                bound = following
                yield bound


def _moved(day: date, n: int, granularity: Granularity) -> date:
    if granularity in _DAYS:
        return day + timedelta(days=n * _DAYS[granularity])
    months = day.year * 12 + day.month - 1 + n * _MONTHS[granularity]
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # "localtime" is a file of some machines, and "Factory" says that none was chosen.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _offset(zone: str, instant: int) -> int:
    """Return the UTC offset at the start of the instant's atom, in milliseconds."""
    seconds = instant // ATOM_MS * (ATOM_MS // 1000)
    return _atoms(datetime.fromtimestamp(seconds, ZoneInfo(zone)).utcoffset())


def _atoms(offset: timedelta | None) -> int:
    """Return a UTC offset in milliseconds, in whole atoms."""
    if offset is None:
        raise AssertionError("a time zone of the database always has an offset")
    return (offset.days * 86_400 + offset.seconds) * 1000 // ATOM_MS * ATOM_MS


def _wall(zone: str, instant: int) -> int:
    """Return what the local clock shows, as milliseconds since the clock's own 1970-01-01."""
    return instant + _offset(zone, instant)


def _instant(zone: str, wall: int) -> int:
    """Return the first instant at which the local clock shows the time, or else a later one."""
    # The zone answers with the first of two offsets, and with the earlier one in a gap.
    local = (_EPOCH + timedelta(milliseconds=wall)).replace(tzinfo=ZoneInfo(zone))
    instant = wall - _atoms(local.utcoffset())
    if _wall(zone, instant) == wall:
        return instant
    instant = -(-instant // ATOM_MS) * ATOM_MS
    while _wall(zone, instant - ATOM_MS) >= wall:
        instant -= ATOM_MS
    return instant


@lru_cache(maxsize=65_536)
def _midnight(zone: str, day: int) -> int:
    """Return the first instant of a local day, given as days since 1970-01-01."""
    return _instant(zone, day * DAY_MS)


def _hour_start(zone: str, instant: int) -> int:
    offset = _offset(zone, instant)
    full = instant - (instant + offset) % HOUR_MS
    start = instant // ATOM_MS * ATOM_MS
    while start > full and _offset(zone, start - ATOM_MS) == offset:
        start -= ATOM_MS
    return start


def _hour_end(zone: str, instant: int) -> int:
    offset = _offset(zone, instant)
    full = instant - (instant + offset) % HOUR_MS + HOUR_MS
    # No clock has been changed twice within an hour.
    if _offset(zone, full - ATOM_MS) == offset:
        return full
    end = instant // ATOM_MS * ATOM_MS + ATOM_MS
    while _offset(zone, end) == offset:
        end += ATOM_MS
    return end


@dataclass(frozen=True, slots=True)
class Cover:
    """A range of instants as the fewest stored parts: UTC months, then days, then atoms."""

    months: range
    """Month indexes, see `month_index`; empty if the range holds no whole month."""
    days: tuple[int, ...]
    """Day indexes of the whole days outside those months, ascending."""
    atoms: tuple[tuple[int, int, int], ...]
    """(day index, first slot, last slot exclusive) of the rest; a slot is a quarter hour, 0..95."""

    def days_by_month(self) -> dict[int, slice]:
        """Return the whole days, those of whole months too, as places in each month from 0."""
        found = {month: slice(None) for month in self.months}
        for month, days in groupby(map(month_of_day, self.days), itemgetter(0)):
            places = [place for _, place in days]
            found[month] = slice(places[0], places[-1] + 1)
        return found

    def months_of_atoms(self) -> set[int]:
        """Return the months in which the atoms lie."""
        return {month_of_day(day)[0] for day, _, _ in self.atoms}


def day_index(instant: int) -> int:
    """Return the number of the UTC day, 0 for 1970-01-01."""
    return instant // DAY_MS


def month_index(instant: int) -> int:
    """Return the number of the UTC month: year * 12 + month - 1."""
    return month_of_day(day_index(instant))[0]


@lru_cache(maxsize=4096)
def month_of_day(day: int) -> tuple[int, int]:
    """Return the month of a UTC day and its place in it, from 0."""
    found = date.fromordinal(day + _EPOCH_ORDINAL)
    return found.year * 12 + found.month - 1, found.day - 1


def month_start(index: int) -> int:
    """Return the first instant of a UTC month."""
    return int(datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def days_in_month_index(index: int) -> range:
    """Return the day indexes of a UTC month."""
    return range(day_index(month_start(index)), day_index(month_start(index + 1)))


def cover(start: int, end: int) -> Cover:
    """Partition [start, end), both multiples of `ATOM_MS`, into the fewest stored parts."""
    if start % ATOM_MS or end % ATOM_MS or end < start:
        raise ValueError(f"[{start}, {end}) is no range of whole quarter hours")
    days = range(-(-start // DAY_MS), end // DAY_MS)
    months = range(month_index(start - 1) + 1, month_index(end))
    in_months = range(day_index(month_start(months.start)), day_index(month_start(months.stop)))
    head_end = min(end, days.start * DAY_MS)
    edges = (start, head_end), (max(head_end, days.stop * DAY_MS), end)
    return Cover(
        months=months,
        days=tuple(day for day in days if day not in in_months),
        atoms=tuple(_slots(low, high) for low, high in edges if low < high),
    )


def _slots(start: int, end: int) -> tuple[int, int, int]:
    """Return the day and the slots of a range within one UTC day."""
    first = start % DAY_MS // ATOM_MS
    return day_index(start), first, first + (end - start) // ATOM_MS
