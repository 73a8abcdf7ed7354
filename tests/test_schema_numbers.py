"""Why no `Int` of the schema can pass 2^31 - 1, the largest that GraphQL knows.

A new field of type Int fails this test until it says why, or is a `BigInt` or a `Position`.
"""

from collections.abc import Iterator

from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type

from schema.schema import build

ARGUMENT = "an argument is checked when it is read, and is at most 2^31 - 1 by its type"
ROWS = "counts rows of the fact table or users, whose numbers have 32 bits in bitmaps and columns"
EVENTS = "counts events of the log, of which 2^31 would take some 7 TB (3.4 KB each)"
SETTING = "a limit of this service, a constant in its code"
NUMBER = "a number of a badge: the parser and `ingestEvents` refuse 2^31 and more"
HEIGHT = "the parser refuses a block of height 2^31 and more"
SMALL = "bounded by its meaning"

FIELDS = {
    **dict.fromkeys(
        [
            "BadgeStanding.issued", "BadgeStanding.recipients", "BadgeStanding.holders",
            "CategoryBadge.issued", "Cohort.size", "CohortCell.retained",
            "CommunityConnection.totalCount", "CommunityEdge.members",
            "CommunityEdge.badgesIssued", "CommunityGrowthPoint.newCommunities",
            "CommunityGrowthPoint.totalCommunities", "CommunityGrowthPoint.totalMembers",
            "CommunityMetrics.totalCommunities", "CommunityMetrics.deactivatedCommunities",
            "CommunityMetrics.newCommunitiesToday", "CommunityMetrics.newCommunitiesThisWeek",
            "CommunityMetrics.newCommunitiesThisMonth", "CommunityMetrics.totalCommunityMembers",
            "CommunityStanding.members", "CommunityStanding.badgesIssued",
            "CommunityStanding.recipients", "IssuanceMetrics.totalBadgesIssued",
            "IssuanceMetrics.totalBadgesRevoked", "IssuanceMetrics.badgesRevokedSoftly",
            "IssuanceMetrics.badgesRevokedHard", "IssuanceMetrics.badgesHeld",
            "IssuanceMetrics.badgesIssuedToday", "IssuanceMetrics.badgesIssuedThisWeek",
            "IssuanceMetrics.badgesIssuedThisMonth", "IssuanceMetrics.badgesIssued",
            "IssuedBadgeConnection.totalCount", "IssuerStanding.badges", "IssuerStanding.issued",
            "LifecyclePoint.active", "LifecyclePoint.new", "LifecyclePoint.returning",
            "LifecyclePoint.resurrected", "LifecyclePoint.dormant", "MeanRetention.retained",
            "MeanRetention.size", "Overview.totalBadgesIssued", "Overview.totalUsers",
            "Overview.totalCommunities", "PeakActivityCell.count", "Person.badgesIssued",
            "Person.badgesHeld", "PersonConnection.totalCount", "Slice.count",
            "TemplateConnection.totalCount", "TemplateEdge.issued", "TrendingBadge.last7Days",
            "TrendingBadge.previous23Days", "UserEngagement.usersWithBadges",
            "UserEngagement.usersWithMultipleBadges", "UserEngagement.usersWithNoBadges",
            "UserMetrics.totalUsers", "UserMetrics.newUsersToday", "UserMetrics.newUsersThisWeek",
            "UserMetrics.newUsersThisMonth", "UserMetrics.activeUsersToday",
            "UserMetrics.activeUsersThisWeek", "UserMetrics.activeUsersThisMonth",
            "Gap.implausible",
        ],
        ROWS,
    ),
    **dict.fromkeys(
        [
            "ActivityConnection.totalCount", "AnalyticsUpdate.undone", "AnalyticsUpdate.missed",
            "EventCount.count", "Refused.count", "ServiceStatus.eventsProcessed",
            "ServiceStatus.eventsWaiting", "ServiceStatus.quarantined",
        ],
        EVENTS,
    ),
    **dict.fromkeys(["Badge.level", "IssuedBadge.level"], NUMBER),
    **dict.fromkeys(["BlockReference.height", "BlockReference.burnHeight"], HEIGHT),
    "Gap.missing": "at most 1,000,000 above the number of known ids, which are rows",
    "BadgeStanding.rank": "a place in a list of at most `maxListSize`",
    "CategoryBadge.rank": "a place in a list of at most `maxListSize`",
    "CommunityStanding.rank": "a place in a list of at most `maxListSize`",
    "IssuerStanding.rank": "a place in a list of at most `maxListSize`",
    "CohortCell.offset": "buckets between two in a series of at most `maxBuckets`",
    "MeanRetention.offset": "buckets between two in a series of at most `maxBuckets`",
    "IngestEventsPayload.accepted": "events of one call, at most `maxEvents`",
    "IngestEventsPayload.duplicates": "events of one call, at most `maxEvents`",
    "Rejection.index": "a place in one call of at most `maxEvents`",
    "PeakActivityCell.hour": SMALL,
    "Slice.percentage": SMALL,
    "Snapshot.revision": "one for each time that a reorganisation moved a closed bucket",
    "SnapshotConnection.totalCount": "closed buckets since 2021, of four sizes",
}  # fmt: skip


def of_type_int() -> Iterator[tuple[str, str]]:
    """Yield every place of type Int, and `output` or `input`."""
    for name, each in build()._schema.type_map.items():  # noqa: SLF001  # has no public name
        if name.startswith("__"):
            continue
        if isinstance(each, GraphQLObjectType):
            for field, definition in each.fields.items():
                if get_named_type(definition.type).name == "Int":
                    yield f"{name}.{field}", "output"
                for argument, given in definition.args.items():
                    if get_named_type(given.type).name == "Int":
                        yield f"{name}.{field}({argument})", "input"
        elif isinstance(each, GraphQLInputObjectType):
            for field, given in each.fields.items():
                if get_named_type(given.type).name == "Int":
                    yield f"{name}.{field}", "input"


def test_every_int_says_why_it_cannot_pass_the_largest_one() -> None:
    reasons = {
        place: ARGUMENT if way == "input" else SETTING if place.startswith("Limits.") else None
        for place, way in of_type_int()
    }
    unexplained = {place for place, reason in reasons.items() if reason is None}
    assert unexplained == FIELDS.keys()
