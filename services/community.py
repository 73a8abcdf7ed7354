"""Community: how many communities and members there are, and how they grow."""

from collections.abc import Iterator

from services.facts import CommunityFacts, MembershipFacts
from services.families import Family, Measure, Metric, MetricFamily, Point



def _project_community(community: CommunityFacts) -> Iterator[Point]:
    yield Point("communities", None, community.created)
    if community.deactivated is not None:
        yield Point("communities.deactivated", None, community.deactivated)
    if community.on_chain:
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
            measure=Measure.FLOW,
            plus=("communities",),
        ),
        Metric(
            name="TOTAL_COMMUNITIES",
            title="Total communities",
            unit="communities",
            formula="communities created up to the end of the bucket",
            caveats="Deactivated communities are contained.",
            measure=Measure.STOCK,
            plus=("communities",),
        ),
        Metric(
            name="TOTAL_COMMUNITY_MEMBERS",
            title="Total community members",
            unit="memberships",
            formula="standing memberships begun up to the end of the bucket",
            caveats="A user in two communities is counted twice.",
            measure=Measure.STOCK,
            plus=("members",),
        ),
    ),
)
