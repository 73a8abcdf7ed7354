"""Users: who joins and how many badges each holds."""

from collections.abc import Iterator

from services.facts import UserFacts
from services.families import Family, Measure, Metric, MetricFamily, Point

HELD_BINS = ("0", "1", "2", "3-5", "6-10", "11+")
"""The histogram of badges held by a user."""


def held_bin(held: int) -> str:
    """Return the bin of `HELD_BINS` into which a number of held badges falls."""
    if held <= 2:  # noqa: PLR2004  # the first three bins are single numbers
        return HELD_BINS[held]
    return "3-5" if held <= 5 else "6-10" if held <= 10 else "11+"  # noqa: PLR2004  # the bins


def _project(user: UserFacts) -> Iterator[Point]:
    yield Point("users", None, user.joined, unique=True)
    yield Point("users.held", held_bin(user.held), None)


FAMILY = Family(
    name=MetricFamily.USERS,
    projections={UserFacts: _project},
    reads=frozenset({"users", "issued", "revoked"}),
    metrics=(
        Metric(
            name="NEW_USERS",
            title="New users",
            unit="users",
            formula="users by the time of their first standing appearance or registration",
            measure=Measure.FLOW,
            plus=("users",),
        ),
        Metric(
            name="TOTAL_USERS",
            title="Total users",
            unit="users",
            formula="users who joined up to the end of the bucket",
            measure=Measure.STOCK,
            plus=("users",),
        ),
        Metric(
            name="ACTIVE_USERS",
            title="Active users",
            unit="users",
            formula="distinct users who received at least one badge whose issue stands",
            caveats="Distinct in each bucket: buckets must not be added up.",
            measure=Measure.UNIQUES,
            plus=("issued",),
        ),
    ),
)
