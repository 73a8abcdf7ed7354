"""Trends: any metric of the catalogue as a series, over any range and granularity."""

from dataclasses import dataclass
from datetime import datetime

from services.answers import Position, ResolvedRange, SeriesPoint, instant, resolved
from services.catalogue import METRICS
from services.families import MetricFamily
from services.view import View
from services.window import Change, Granularity


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """What a metric means."""

    name: str
    """The name by which `trends` is asked for it."""
    title: str
    """What a person calls it."""
    unit: str
    """What is counted; `share` for a part of a whole, 0 to 1."""
    formula: str
    """How it is computed."""
    caveats: str
    """What to mind when reading it; may be empty."""
    family: MetricFamily
    """The family it belongs to."""


@dataclass(frozen=True, kw_only=True)
class MetricValue:
    """A metric over a whole range."""

    metric: MetricDefinition
    """What the value means."""
    value: float | None
    """What was measured; null is undefined."""
    comparison: Change | None
    """What it is compared with; null if nothing was asked for."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A metric over time."""

    position: Position
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


async def trend(view: View, name: str, granularity: Granularity) -> Trend:
    """Compute a trend. Raises `WindowError` if the window has too many buckets."""
    return Trend(
        position=Position(view.reading.head.position),
        as_of=instant(view.window.now),
        range=resolved(view.window),
        metric=define(name),
        granularity=granularity,
        points=await view.series(METRICS[name][1], granularity),
    )


async def value(view: View, name: str) -> MetricValue:
    """Compute a metric over the whole window, compared if the question says so."""
    found, comparison = await view.keep(f"value {name}", lambda: view.value(METRICS[name][1]))
    return MetricValue(metric=define(name), value=found, comparison=comparison)
