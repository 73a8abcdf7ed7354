"""One question at one position, and the answers that are computed of it when they are asked for."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from services.answers import Names, Position, ResolvedRange, SeriesPoint, instant, resolved
from services.counted import CounterFigures
from services.errors import AnalyticsError
from services.families import Metric
from services.figures import Figures, Where
from services.filtered import TableFigures
from services.reading import Range, Reading
from services.window import (
    Bucket,
    Comparison,
    Granularity,
    Last,
    RangeSpec,
    ValueComparison,
    Window,
    WindowError,
    change,
    change_of_rate,
    compare,
    compared_series,
    resolve,
    series,
)

T = TypeVar("T")
P = ParamSpec("P")
A = TypeVar("A", bound="Answer")
Keep = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Returns what was kept under a name, or computes it; see `AnswerCache.get`."""

MAX_FIRST = 100
"""How long a list may be asked for."""
FILTERS_A_READING = 4
"""How many filters' facts a reading keeps."""


class View:
    """What one question is about: a window, a filter and a comparison, at one position."""

    def __init__(
        self,
        reading: Reading,
        window: Window,
        *,
        names: Names,
        where: Where,
        compared: Comparison | RangeSpec | None,
        keep: Keep,
    ) -> None:
        self.reading = reading
        self.window = window
        self.names = names
        self.where = where
        self.compared = compared
        self.keep = keep

    @cached_property
    def figures(self) -> Figures:
        """The figures that the filter leaves."""
        if not self.where.dimensions():
            return CounterFigures(self.reading)
        kept = self.reading.filtered
        found = kept.pop(self.where, None) or TableFigures(self.reading, self.where)
        kept[self.where] = found
        while len(kept) > FILTERS_A_READING:
            del kept[next(iter(kept))]
        return found

    @cached_property
    def range(self) -> Range | None:
        """The window as a range; None if nothing lies outside."""
        if self.reading.has_all(self.window):
            return None
        return self.window.start, self.window.end

    def last(self, n: int, granularity: Granularity) -> list[Bucket]:
        """Return the last n calendar buckets, the open one last."""
        return series(self.recent(n, granularity), granularity)

    def recent(self, n: int, granularity: Granularity) -> Window:
        """Return the window of the last n calendar units, the open one contained."""
        window = self.window
        return resolve(
            Last(n, granularity),
            zone=window.zone,
            week_start=window.week_start,
            now=window.now,
            earliest=None,
        )

    def open(self) -> list[Range]:
        """Return the day, the week and the month that are open at the time of asking."""
        units = (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)
        return [(bucket.start, bucket.end) for unit in units for bucket in self.last(1, unit)]

    async def to_date(self, series: str) -> list[int]:
        """Return the counts of today, this week and this month."""
        return await self.figures.counts(series, self.open())

    async def count(self, series: str) -> int:
        """Return the count of a series in the window."""
        if self.range is None:
            return await self.figures.total(series)
        return (await self.figures.counts(series, [self.range]))[0]

    def shown(self, granularity: Granularity, default: int | None = None) -> Window:
        """Return the window of a series: of all time the last `default` units, if that is given."""
        if self.window.is_all_time and default is not None:
            return self.recent(default, granularity)
        return self.window

    def buckets(self, granularity: Granularity, default: int | None = None) -> list[Bucket]:
        """Return the buckets of a series. Raises `WindowError` TOO_MANY_BUCKETS."""
        return series(self.shown(granularity, default), granularity)

    def whole(self, granularity: Granularity, default: int) -> list[Bucket]:
        """Return whole calendar buckets: those of the window, or the last `default` of all time.

        Raises `WindowError` TOO_MANY_BUCKETS.
        """
        window = self.shown(granularity, default)
        calendar = window.calendar
        start = calendar.floor(window.start, granularity)
        end = calendar.next(window.end - 1, granularity)
        return series(replace(window, start=start, end=end), granularity)

    async def series(
        self, metric: Metric, granularity: Granularity, default: int | None = None
    ) -> list[SeriesPoint]:
        """Return a metric by bucket, compared if a comparison is asked for."""
        pairs = self.pairs(granularity, default)
        values = await self.values(metric, [bucket for bucket, _ in pairs], granularity)
        earlier = [bucket for _, bucket in pairs if bucket is not None]
        then = iter(await self.values(metric, earlier, granularity))
        points = []
        for (bucket, before), value in zip(pairs, values, strict=True):
            comparison = None if before is None else _compared(metric, value, next(then))
            points.append(point(bucket, value, comparison))
        return points

    def earlier(self) -> Window | None:
        """Return the window that this one is compared with, None without a comparison.

        Raises `WindowError`.
        """
        if self.compared is None:
            return None
        return compare(self.window, self.compared, earliest=self.reading.head.earliest)

    async def value(self, metric: Metric) -> tuple[float | None, ValueComparison | None]:
        """Return a metric over the window, and how that compares."""
        earlier = self.earlier()
        windows = [self.window] if earlier is None else [self.window, earlier]
        ranges = [(each.start, each.end) for each in windows]
        if metric.looks_back:
            ranges = [*(each.before() for each in windows), *ranges]
        now, *then = await metric.values(self.figures, ranges)
        return now, _compared(metric, now, then[0]) if then else None

    def pairs(
        self, granularity: Granularity, default: int | None
    ) -> Sequence[tuple[Bucket, Bucket | None]]:
        """Return the buckets of a series, each with what it is compared with."""
        window = self.shown(granularity, default)
        if self.compared is None:
            return [(bucket, None) for bucket in series(window, granularity)]
        return compared_series(
            window, self.compared, granularity, earliest=self.reading.head.earliest
        )

    async def values(
        self, metric: Metric, buckets: Sequence[Bucket], granularity: Granularity
    ) -> list[float | None]:
        """Return a metric in each bucket."""
        if not buckets:
            return []
        ranges = [(bucket.start, bucket.end) for bucket in buckets]
        if metric.looks_back:
            back, floor = self.window.calendar.back, self.window.calendar.floor
            before = [
                (back(start, 1, granularity), floor(start, granularity)) for start, _ in ranges
            ]
            ranges = [*before, *ranges]
        return await metric.values(self.figures, ranges)


def _compared(metric: Metric, now: float | None, then: float | None) -> ValueComparison:
    return (change_of_rate if metric.is_rate else change)(now, then)


def point(
    bucket: Bucket, value: float | None, comparison: ValueComparison | None = None
) -> SeriesPoint:
    """Return a bucket of a series as an answer tells it."""
    return SeriesPoint(
        start=instant(bucket.start),
        end=instant(bucket.end),
        value=value,
        is_partial=bucket.is_partial,
        comparison=comparison,
    )


def bounded(number: int) -> int:
    """Return how long a list is asked for. Raises `AnalyticsError` with code LIMIT_EXCEEDED."""
    if not 1 <= number <= MAX_FIRST:
        raise AnalyticsError(
            "LIMIT_EXCEEDED",
            f"`first` is 1 to {MAX_FIRST}, not {number}.",
            limit="first",
            minimum=1,
            maximum=MAX_FIRST,
        )
    return number


@dataclass(kw_only=True)
class Answer:
    """A family's answer to one question. Its figures are methods, computed when asked for."""

    view: View

    def position(self) -> Position:
        """The position at which all of this was true."""
        return Position(self.view.reading.head.position)

    def as_of(self) -> datetime:
        """When it was computed; what is open, such as today, reaches to its calendar end."""
        return instant(self.view.window.now)

    def range(self) -> ResolvedRange:
        """The range that the series and the breakdowns are about."""
        return resolved(self.view.window)

    def compared_range(self) -> ResolvedRange | None:
        """What that is compared with, if open only up to the same moment; null without it."""
        earlier = self.view.earlier()
        return None if earlier is None else resolved(earlier)


def figure(
    compute: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[A, P], Coroutine[Any, Any, T]]:
    """Make a method of an answer one of its figures: computed once a question and position."""

    async def kept(self: A, /, *args: P.args, **kwargs: P.kwargs) -> T:
        name = f"{compute.__qualname__}{args}{kwargs}"
        found: T = await self.view.keep(name, lambda: compute(self, *args, **kwargs))
        return found

    update_wrapper(kept, compute)
    kept.__dict__[_FIGURE] = True
    return kept


_FIGURE = "is_figure"


async def collect(answer: Answer) -> dict[str, Any]:
    """Return every figure of an answer, with default arguments, by its name.

    A series that the window refuses, as it is too long, gives the code of the refusal. Whatever
    else is raised, such as that the database is away, is raised from here.
    """
    names = [name for name, method in vars(type(answer)).items() if hasattr(method, _FIGURE)]
    found = await gather(*(getattr(answer, name)() for name in names), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, WindowError):
            raise each
    codes = (each.code if isinstance(each, WindowError) else each for each in found)
    return dict(zip(names, codes, strict=True))
