"""The overview by brute force; see `services.overview`."""

from services.expected.series import Expected, divided


class Overview(Expected):
    """See `services.overview`."""

    def total_badges_issued(self) -> int:
        return len(self.chosen.badges)

    def total_users(self) -> int:
        return len(self.chosen.users)

    def total_communities(self) -> int:
        return len(self.chosen.communities)

    def average_badges_per_user(self) -> float:
        return divided(sum(self.chosen.held().values()), len(self.chosen.users)) or 0.0

    def engagement_rate(self) -> float | None:
        held = self.chosen.held().values()
        return divided(sum(n > 0 for n in held), len(self.chosen.users))
