"""Every figure by brute force, from what a recount says: what the service's answers must equal.

Written for being plainly right. Each class has a method for each figure of the answer whose name
it bears, and computes it from lists. `services.verify` and the tests hold the answers to it.
"""

from collections.abc import Callable
from typing import Any

from services.errors import AnalyticsError
from services.expected.chosen import UNKNOWN, Chosen
from services.expected.community import CommunityMetrics
from services.expected.distribution import BadgeDistribution
from services.expected.issuance import IssuanceMetrics
from services.expected.overview import Overview
from services.expected.series import Expected, measured, of_range, series
from services.expected.users import UserMetrics

__all__ = [
    "FAMILIES",
    "UNKNOWN",
    "BadgeDistribution",
    "Chosen",
    "Expected",
    "UserMetrics",
    "figures",
    "measured",
    "of_range",
    "series",
]

FAMILIES: tuple[type[Expected], ...] = (
    IssuanceMetrics,
    CommunityMetrics,
    UserMetrics,
    BadgeDistribution,
    Overview,
)
"""Each bears the name of the answer that it is to equal."""


def figures(expected: Expected) -> dict[str, Any]:
    """Return every figure of an answer, with default arguments, by its name."""
    names = [name for name in vars(type(expected)) if not name.startswith("_")]
    return {name: _refusable(getattr(expected, name)) for name in names}


def _refusable(compute: Callable[[], Any]) -> Any:  # noqa: ANN401  # of any type
    try:
        return compute()
    except AnalyticsError as refusal:
        return refusal.code
