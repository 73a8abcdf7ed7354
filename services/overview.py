"""The overview: the few figures that stand above everything else."""

from services.users import UserMetrics
from services.view import Answer, figure


class Overview(Answer):
    """The state of the whole at one position, since ever."""

    @figure
    async def total_badges_issued(self) -> int:
        """Badges whose issue stands. A revocation does not lower it."""
        return await self.view.figures.total("issued")

    @figure
    async def total_users(self) -> int:
        """Principals with a standing appearance or a registration."""
        return await self.view.figures.total("users")

    @figure
    async def total_communities(self) -> int:
        """Communities whose creation stands, deactivated ones contained."""
        return await self.view.figures.total("communities")

    @figure
    async def average_badges_per_user(self) -> float:
        """Badges held divided by users; 0 if there is no user."""
        return await UserMetrics(view=self.view).average_badges_per_user()

    @figure
    async def engagement_rate(self) -> float | None:
        """The share of users who hold at least one badge, 0 to 1; null if there is no user."""
        return await UserMetrics(view=self.view).engagement_rate()
