"""The list of metric families. Extend it, and counters, trends and definitions follow."""

from enum import StrEnum

from services import community, distribution, issuance, users
from services.facts import Facts
from services.families import Family, Metric, Point

FAMILIES: tuple[Family, ...] = (
    issuance.FAMILY,
    community.FAMILY,
    users.FAMILY,
    distribution.FAMILY,
)

METRICS: dict[str, tuple[Family, Metric]] = {
    metric.name: (family, metric) for family in FAMILIES for metric in family.metrics
}

MetricName = StrEnum("MetricName", {name: name for name in METRICS})  # type: ignore[misc]  # its members come from the list
MetricName.__doc__ = "The metrics of the catalogue."

_PROJECTIONS = {
    kind: tuple(family.projections[kind] for family in FAMILIES if kind in family.projections)
    for kind in {kind for family in FAMILIES for kind in family.projections}
}


def points(facts: Facts | None) -> list[Point]:
    """Return everything that the families count of one entity; nothing for None."""
    if facts is None:
        return []
    return [point for project in _PROJECTIONS.get(type(facts), ()) for point in project(facts)]
