"""Community: how many communities and members there are, and how they grow."""

from collections.abc import Iterator

from services.facts import CommunityFacts, MembershipFacts
from services.families import Family, Measure, Metric, MetricFamily, Point

_NO_KEY = "-"


def _project_community(community: CommunityFacts) -> Iterator[Point]:
    yield Point("communities", _NO_KEY, community.created)
    if community.deactivated is not None:
        yield Point("communities.deactivated", _NO_KEY, community.deactivated)
    if community.on_chain:
        yield Point("chain.community", _NO_KEY, None)


def _project_membership(membership: MembershipFacts) -> Iterator[Point]:
    yield Point("members", _NO_KEY, membership.since)
    yield Point("members.community", membership.community, membership.since)


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
