"""The types of the API: the services' value objects and answers, lent to GraphQL."""

import strawberry

from resolvers import analytics as resolvers
from schema.lend import lend, lend_answer, lend_enum
from services import (
    activity,
    analytics,
    answers,
    badges,
    community,
    directory,
    distribution,
    intake,
    issuance,
    limits,
    live,
    overview,
    paging,
    people,
    retention,
    snapshots,
    status,
    trends,
    users,
    window,
)
from services.catalogue import METRICS, MetricName
from services.events import EventType
from services.families import MetricFamily

for enum in (
    *(EventType, MetricFamily, window.Granularity, window.Preset, window.Weekday),
    *(window.Comparison, retention.RetentionMode, people.LifecycleState),
    *(badges.BadgeOrder, people.PersonOrder, directory.CommunityOrder, directory.TemplateOrder),
    *(snapshots.SnapshotPeriod, snapshots.SnapshotProblem),
    *(live.UpdateReason, status.GapKind, intake.RejectionCode),
):
    lend_enum(enum)
lend_enum(
    MetricName,
    {name: f"{metric.title}: {metric.formula}." for name, (_, metric) in METRICS.items()},
)

for shared in (
    *(answers.ResolvedRange, window.ValueComparison, answers.SeriesPoint, answers.Slice),
    *(answers.Badge, answers.BadgeStanding),
    *(community.Community, community.CommunityStanding, community.CommunityGrowthPoint),
    *(retention.CohortCell, retention.Cohort, retention.MeanRetention, retention.RetentionCohorts),
    *(retention.LifecyclePoint, users.UserEngagement, users.TimeToFirstBadge),
    users.PeakActivityCell,
    *(distribution.TrendingBadge, distribution.CategoryBadge, distribution.CategoryBadges),
    distribution.IssuerStanding,
    *(trends.MetricDefinition, trends.MetricValue, trends.Trend),
    *(activity.BlockReference, paging.PageInfo, activity.ActivityEntry, activity.ActivityEdge),
    activity.ActivityConnection,
    *(badges.IssuedBadge, badges.IssuedBadgeEdge, badges.IssuedBadgeConnection),
    *(people.Person, people.PersonEdge, people.PersonConnection),
    *(directory.CommunityEdge, directory.CommunityConnection),
    *(directory.TemplateEdge, directory.TemplateConnection),
    *(snapshots.SnapshotValue, snapshots.Snapshot, snapshots.SnapshotEdge),
    *(snapshots.SnapshotConnection, snapshots.RecordSnapshotPayload),
    *(status.Gap, status.Refused, status.ServiceStatus, limits.Limits),
    *(intake.Rejection, intake.IngestEventsPayload, live.EventCount),
):
    lend(shared)

for family in (
    *(issuance.IssuanceMetrics, community.CommunityMetrics, users.UserMetrics),
    *(distribution.BadgeDistribution, overview.Overview, analytics.AggregatedAnalytics),
):
    lend_answer(family)

lend(
    live.AnalyticsUpdate,
    {
        name: strawberry.field(resolver, description=resolver.__doc__)
        for name, resolver in resolvers.OF_UPDATE.items()
    },
)
