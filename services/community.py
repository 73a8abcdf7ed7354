"""Community: how many communities and members there are, and how they grow."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.answers import instant
from services.facts import CommunityFacts, MembershipFacts
from services.families import Family, Metric, MetricFamily, Point, flow, ratio, stock, until
from services.view import Answer, View, figure
from services.window import Granularity

MOST_ACTIVE = 10
TREND_MONTHS = 12


def _project_community(community: CommunityFacts) -> Iterator[Point]:
    yield Point("communities", None, community.created)
    if community.deactivated is not None:
        yield Point("communities.deactivated", None, community.deactivated)
    if community.on_chain and community.community.isdecimal():
        yield Point("chain.community", None, None)


def _project_membership(membership: MembershipFacts) -> Iterator[Point]:
    yield Point("members", None, membership.since)
    yield Point("members.community", membership.community, None)


FAMILY = Family(
    name=MetricFamily.COMMUNITY,
    projections={CommunityFacts: _project_community, MembershipFacts: _project_membership},
    reads=frozenset({"communities", "members", "issued"}),
    metrics=(
        Metric(
            name="NEW_COMMUNITIES",
            title="New communities",
            unit="communities",
            formula="communities whose creation stands, by the time of creation",
            values=flow("communities"),
        ),
        Metric(
            name="TOTAL_COMMUNITIES",
            title="Total communities",
            unit="communities",
            formula="communities created up to the end of the bucket",
            caveats="Deactivated communities are contained.",
            values=stock("communities"),
        ),
        Metric(
            name="DEACTIVATED_COMMUNITIES",
            title="Deactivated communities",
            unit="communities",
            formula="communities deactivated up to the end of the bucket",
            values=stock("communities.deactivated"),
        ),
        Metric(
            name="NEW_COMMUNITY_MEMBERS",
            title="New community members",
            unit="memberships",
            formula="standing memberships, by the time of their beginning",
            values=flow("members"),
        ),
        Metric(
            name="TOTAL_COMMUNITY_MEMBERS",
            title="Total community members",
            unit="memberships",
            formula="standing memberships begun up to the end of the bucket",
            caveats="A user in two communities is counted twice.",
            values=stock("members"),
        ),
        Metric(
            name="AVERAGE_MEMBERS_PER_COMMUNITY",
            title="Average members per community",
            unit="memberships per community",
            formula="total community members divided by total communities",
            caveats="Null before the first community.",
            values=ratio(stock("members"), stock("communities")),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Community:
    """A community."""

    id: str
    """Its id."""
    name: str | None
    """Its name, if its creation gave one."""
    owner: str | None
    """The principal who owns it now."""
    created_at: datetime | None
    """When it was created; null if its creation was not seen."""
    deactivated_at: datetime | None
    """When it was deactivated; null if it is active."""


@dataclass(frozen=True, kw_only=True)
class CommunityStanding:
    """A community and its place among all, by badges issued."""

    rank: int
    """1 for the most active; ties go by id."""
    community: Community
    """The community."""
    members: int
    """Standing memberships, now."""
    badges_issued: int
    """Badges issued in it in the range."""
    recipients: int
    """Distinct users who received one of them in the range."""


@dataclass(frozen=True, kw_only=True)
class CommunityGrowthPoint:
    """A bucket of the growth of communities."""

    start: datetime
    """The first instant of the bucket."""
    end: datetime
    """The first instant after the bucket."""
    new_communities: int
    """Communities created in the bucket."""
    total_communities: int
    """Communities created up to the end of the bucket."""
    total_members: int
    """Standing memberships begun up to the end of the bucket."""
    is_partial: bool
    """Whether the bucket is less than its whole: cut by the range, or not ended yet."""


class CommunityMetrics(Answer):
    """How many communities and members there are, how active they are, and how they grow."""

    @figure
    async def total_communities(self) -> int:
        """Communities whose creation stands, deactivated ones contained."""
        return await self.view.figures.total("communities")

    @figure
    async def deactivated_communities(self) -> int:
        """Communities that were deactivated."""
        return await self.view.figures.total("communities.deactivated")

    @figure
    async def new_communities_today(self) -> int:
        """Communities created since the day began in the time zone."""
        return (await self.view.to_date("communities"))[0]

    @figure
    async def new_communities_this_week(self) -> int:
        """Communities created since the week began in the time zone."""
        return (await self.view.to_date("communities"))[1]

    @figure
    async def new_communities_this_month(self) -> int:
        """Communities created since the month began in the time zone."""
        return (await self.view.to_date("communities"))[2]

    @figure
    async def total_community_members(self) -> int:
        """Standing memberships; a user in two communities is counted twice."""
        return await self.view.figures.total("members")

    @figure
    async def average_members_per_community(self) -> float:
        """Standing memberships divided by communities; 0 if there is none."""
        communities = await self.view.figures.total("communities")
        return await self.view.figures.total("members") / communities if communities else 0.0

    @figure
    async def most_active_communities(self) -> list[CommunityStanding]:
        """The 10 communities in which the most badges were issued in the range."""
        figures, range_ = self.view.figures, self.view.range
        top = await figures.top("community", range_, MOST_ACTIVE)
        keys = [key for key, _ in top]
        found, members, recipients = await asyncio.gather(
            communities(self.view, keys),
            figures.members(keys),
            figures.recipients("community", keys, range_),
        )
        return [
            CommunityStanding(
                rank=place + 1,
                community=found[place],
                members=members[place],
                badges_issued=n,
                recipients=recipients[place],
            )
            for place, (_, n) in enumerate(top)
        ]

    @figure
    async def community_growth_trend(
        self, granularity: Annotated[Granularity, "The length of a bucket."] = Granularity.MONTH
    ) -> list[CommunityGrowthPoint]:
        """The growth by bucket: over the range, or the last 12 buckets of all time."""
        figures = self.view.figures
        buckets = self.view.buckets(granularity, TREND_MONTHS)
        ends = [bucket.end for bucket in buckets]
        new, created, members = await asyncio.gather(
            figures.counts("communities", [(bucket.start, bucket.end) for bucket in buckets]),
            until(figures, "communities", ends),
            until(figures, "members", ends),
        )
        return [
            CommunityGrowthPoint(
                start=instant(bucket.start),
                end=instant(bucket.end),
                new_communities=new[place],
                total_communities=created[place],
                total_members=members[place],
                is_partial=bucket.is_partial,
            )
            for place, bucket in enumerate(buckets)
        ]


async def communities(view: View, ids: list[str]) -> list[Community]:
    """Return communities by their ids, in the order of the ids."""
    reading = view.reading
    rows = await reading.find(reading.projection.communities, {"_id": {"$in": ids}})
    found = {row["_id"]: row for row in rows}
    return [community(id_, found.get(id_, {})) for id_ in ids]


def community(id_: str, row: dict[str, object]) -> Community:
    """Return a community as it is stored; nothing is known of one whose creation was not seen."""
    created, deactivated = row.get("created"), row.get("deactivated")
    return Community(
        id=id_,
        name=None if row.get("name") is None else str(row["name"]),
        owner=None if row.get("owner") is None else str(row["owner"]),
        created_at=instant(created) if isinstance(created, int) else None,
        deactivated_at=instant(deactivated) if isinstance(deactivated, int) else None,
    )
