"""The overview: the few figures that stand above everything else."""

from dataclasses import dataclass

from services.reading import NO_KEY, Reading


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The state of the whole at one position, since ever."""

    total_badges_issued: int
    """Badges whose issue stands. A revocation does not lower it."""
    total_users: int
    """Principals with a standing appearance or a registration."""
    total_communities: int
    """Communities whose creation stands, deactivated ones contained."""
    average_badges_per_user: float
    """Badges held divided by users; 0 if there is no user."""
    engagement_rate: float
    """The share of users who hold at least one badge, 0 to 1; 0 if there is no user."""


async def answer(reading: Reading) -> Overview:
    """Compute the overview from the totals."""
    issued, revoked, users, without, communities = await reading.totals(
        ("issued", NO_KEY),
        ("revoked", NO_KEY),
        ("users", NO_KEY),
        ("users.held", "0"),
        ("communities", NO_KEY),
    )
    return Overview(
        total_badges_issued=issued,
        total_users=users,
        total_communities=communities,
        average_badges_per_user=(issued - revoked) / users if users else 0.0,
        engagement_rate=(users - without) / users if users else 0.0,
    )
