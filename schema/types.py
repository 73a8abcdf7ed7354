"""The types of the API: the services' value objects, lent to GraphQL."""

import strawberry

from resolvers.analytics import issuance_of_update
from resolvers.live import Position
from schema.lend import lend, lend_enum
from services import activity, analytics, answers, intake, issuance, live, overview, status, trends
from services.catalogue import METRICS, MetricName
from services.events import EventType
from services.families import MetricFamily
from services.window import Granularity, Preset, Weekday

for enum in (
    *(EventType, MetricFamily, Granularity, Preset, Weekday),
    *(live.UpdateReason, status.GapKind, intake.RejectionCode),
):
    lend_enum(enum)
lend_enum(
    MetricName,
    {name: f"{metric.title}: {metric.formula}." for name, (_, metric) in METRICS.items()},
)

for shared in (
    *(answers.ResolvedRange, answers.SeriesPoint, answers.Slice),
    *(answers.Badge, answers.BadgeStanding),
    *(overview.Overview, trends.MetricDefinition),
    *(activity.BlockReference, activity.PageInfo, activity.ActivityEntry, activity.ActivityEdge),
    *(status.Gap, status.Refused, intake.Rejection, live.EventCount),
):
    lend(shared)

for positioned in (
    issuance.IssuanceMetrics,
    analytics.AggregatedAnalytics,
    trends.Trend,
    activity.ActivityConnection,
    intake.IngestEventsPayload,
):
    lend(positioned, {"position": Position})

lend(status.ServiceStatus, {"position": Position})
lend(
    live.AnalyticsUpdate,
    {"position": Position},
    {"issuance": strawberry.field(issuance_of_update, description=issuance_of_update.__doc__)},
)
