"""Community by brute force; see `services.community`."""

from services.answers import instant
from services.community import Community, CommunityGrowthPoint, CommunityStanding
from services.expected.parts import by, ordered
from services.expected.series import Expected, divided
from services.window import Granularity


class CommunityMetrics(Expected):
    """See `services.community`."""

    def total_communities(self) -> int:
        return len(self.chosen.communities)

    def deactivated_communities(self) -> int:
        return sum(each.deactivated is not None for each in self.chosen.communities)

    def new_communities_today(self) -> int:
        return self.to_date("communities", 0)

    def new_communities_this_week(self) -> int:
        return self.to_date("communities", 1)

    def new_communities_this_month(self) -> int:
        return self.to_date("communities", 2)

    def total_community_members(self) -> int:
        return len(self.chosen.members)

    def average_members_per_community(self) -> float:
        return divided(len(self.chosen.members), len(self.chosen.communities)) or 0.0

    def most_active_communities(self) -> list[CommunityStanding]:
        badges = self.chosen.issued(self.span)
        return [
            CommunityStanding(
                rank=place + 1,
                community=self._community(key),
                members=sum(each[0] == key for each in self.chosen.members),
                badges_issued=n,
                recipients=len({badge.user for badge in badges if badge.community == key}),
            )
            for place, (key, n) in enumerate(ordered(by(badges, "community"))[:10])
        ]

    def _community(self, key: str) -> Community:
        known = self.chosen.truth.communities.get(key)
        if known is None:
            return Community(id=key, name=None, owner=None, created_at=None, deactivated_at=None)
        ended = known.deactivated
        return Community(
            id=key,
            name=known.name,
            owner=known.owner,
            created_at=instant(known.at),
            deactivated_at=None if ended is None else instant(ended),
        )

    def community_growth_trend(self) -> list[CommunityGrowthPoint]:
        return [
            CommunityGrowthPoint(
                start=instant(bucket.start),
                end=instant(bucket.end),
                new_communities=self.chosen.count("communities", (bucket.start, bucket.end)),
                total_communities=self.chosen.count("communities", (0, bucket.end)),
                total_members=self.chosen.count("members", (0, bucket.end)),
                is_partial=bucket.is_partial,
            )
            for bucket in self.shown(Granularity.MONTH, 12)
        ]
