"""Trends: any metric of the catalogue as a series, over any range and granularity."""

from dataclasses import dataclass
from datetime import datetime

from services.answers import ResolvedRange, SeriesPoint, instant, points, resolved
from services.catalogue import METRICS
from services.families import Measure, Metric, MetricFamily
from services.reading import NO_KEY, Reading, Span
from services.window import Granularity, Window, series


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """What a metric means."""

    name: str
    """The name by which `trends` is asked for it."""
    title: str
    """What a person calls it."""
    unit: str
    """What is counted."""
    formula: str
    """How it is computed."""
    caveats: str
    """What to mind when reading it; may be empty."""
    family: MetricFamily
    """The family it belongs to."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A metric over time."""

    position: int
    """The position at which all of this was true."""
    as_of: datetime
    """When it was computed."""
    range: ResolvedRange
    """The range that the series covers."""
    metric: MetricDefinition
    """What the values mean."""
    granularity: Granularity
    """The length of a bucket."""
    points: list[SeriesPoint]
    """The value of each bucket, in order, none left out."""


def definitions() -> list[MetricDefinition]:
    """Return the catalogue of metrics."""
    return [define(name) for name in METRICS]


def define(name: str) -> MetricDefinition:
    """Return the definition of one metric of the catalogue."""
    family, metric = METRICS[name]
    return MetricDefinition(
        name=metric.name,
        title=metric.title,
        unit=metric.unit,
        formula=metric.formula,
        caveats=metric.caveats,
        family=family.name,
    )


async def answer(reading: Reading, window: Window, name: str, granularity: Granularity) -> Trend:
    """Compute a trend. Raises `WindowError` if the window has too many buckets."""
    _, metric = METRICS[name]
    buckets = series(window, granularity)
    values = await _values(reading, metric, [(bucket.start, bucket.end) for bucket in buckets])
    return Trend(
        position=reading.head.position,
        as_of=instant(window.now),
        range=resolved(window),
        metric=define(name),
        granularity=granularity,
        points=points(buckets, values),
    )


async def _values(reading: Reading, metric: Metric, ranges: list[tuple[int, int]]) -> list[float]:
    if metric.measure is Measure.UNIQUES:
        (name,) = metric.plus
        users = await reading.users_of([Span(name, NO_KEY, low, high) for low, high in ranges])
        return [len(found) for found in users]
    if metric.measure is Measure.STOCK and ranges:
        # What came before the first bucket is its first addition.
        ranges = [(0, ranges[0][0]), *ranges]
    names = [*metric.plus, *metric.minus]
    spans = [Span(name, NO_KEY, low, high) for name in names for low, high in ranges]
    counted = await reading.counts(spans)
    flows = [0.0] * len(ranges)
    for place, count in enumerate(counted):
        sign = 1 if place // len(ranges) < len(metric.plus) else -1
        flows[place % len(ranges)] += sign * count
    if metric.measure is Measure.FLOW:
        return flows
    stock, values = 0.0, []
    for value in flows:
        stock += value
        values.append(stock)
    return values[1:]
