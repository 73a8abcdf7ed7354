"""Distribution: what kinds of badges there are, and how they share the whole."""

from services.families import Family, MetricFamily

FAMILY = Family(name=MetricFamily.DISTRIBUTION, reads=frozenset({"issued", "users"}))
