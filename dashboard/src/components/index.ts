// The dashboard's parts, each usable on a page of your own.
export {
  type AnalyticsData,
  type AnalyticsSnapshot,
  fetchAnalyticsData,
  getAnalyticsSnapshot,
  getMetricsTrend,
  type MetricsTrend,
} from '../api/analytics';
export { Service, ServiceError } from '../api/service';
export type { AnalyticsUpdate, Connection, ConnectionState, UpdateEvent } from '../api/updates';
export { useAnalyticsUpdates } from '../hooks/useAnalyticsUpdates';
export { ServiceContext, useService } from '../hooks/useService';
export { BadgeDistributionChart } from './BadgeDistributionChart';
export { CohortGrid } from './CohortGrid';
export { CommunityStandings } from './CommunityStandings';
export { EngagementMetrics } from './EngagementMetrics';
export { GrowthMetrics } from './GrowthMetrics';
export { IssuerStandings } from './IssuerStandings';
export { LifecycleChart } from './LifecycleChart';
export { MostAwardedByCategory } from './MostAwardedByCategory';
export { Opener } from './Opener';
export { type Card, OverviewCards } from './OverviewCards';
export { PeakActivity } from './PeakActivity';
export { RecentActivity } from './RecentActivity';
export { TimeSeriesChart, type TimeSeriesChartProps } from './TimeSeriesChart';
export { TopBadges } from './TopBadges';
export { TrendingBadges } from './TrendingBadges';
