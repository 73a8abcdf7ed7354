// The figures for pages of your own: `new Service(endpoint)` and one of these.
import { graphql } from '../generated';
import type {
  AnalyticsDataQuery,
  Granularity,
  MetricName,
  MetricsTrendQuery,
  RangeInput,
  SnapshotPeriod,
  SnapshotsQuery,
} from '../generated/graphql';
import type { Service } from './service';

const ANALYTICS_DATA = graphql(`
  query AnalyticsData(
    $range: RangeInput
    $timezone: TimeZone!
    $compareTo: CompareInput
    $where: WhereInput
  ) {
    aggregated(range: $range, timezone: $timezone, compareTo: $compareTo, where: $where) {
      timestamp
      position
      metrics {
        totalBadgesIssued
        totalUsers
        totalCommunities
        averageBadgesPerUser
        engagementRate
      }
      issuance {
        range {
          start
          end
          timezone
        }
        totalBadgesRevoked
        badgesHeld
        badgesIssuedToday
        badgesIssuedThisWeek
        badgesIssuedThisMonth
        badgesIssued
        revocationRate
        dailyIssuance {
          start
          end
          value
          isPartial
        }
        byCategory {
          ...Part
        }
        byLevel {
          ...Part
        }
        topBadges {
          ...Standing
        }
      }
    }
  }
`);

const METRICS_TREND = graphql(`
  query MetricsTrend(
    $metric: MetricName!
    $granularity: Granularity!
    $range: RangeInput
    $timezone: TimeZone!
  ) {
    trends(metric: $metric, granularity: $granularity, range: $range, timezone: $timezone) {
      position
      metric {
        title
        unit
        formula
      }
      points {
        start
        end
        value
        isPartial
      }
    }
  }
`);

const SNAPSHOTS = graphql(`
  query Snapshots($period: SnapshotPeriod!, $first: Int!) {
    snapshots(period: $period, first: $first) {
      edges {
        node {
          id
          period
          start
          end
          revision
          recordedAt
          figures {
            metric {
              name
              title
              unit
            }
            value
          }
        }
      }
    }
  }
`);

export interface WindowOptions {
  /** Without it, all time. */
  range?: RangeInput | undefined;
  /** The IANA time zone in which days begin; UTC by default. */
  timezone?: string | undefined;
}

export type AnalyticsData = NonNullable<AnalyticsDataQuery['aggregated']>;
export type AnalyticsSnapshot = NonNullable<SnapshotsQuery['snapshots']>['edges'][number]['node'];
export type MetricsTrend = NonNullable<MetricsTrendQuery['trends']>;

/** Returns everything at once, all of it at one position. Rejects with `ServiceError`. */
export async function fetchAnalyticsData(
  service: Service,
  { range, timezone = 'UTC' }: WindowOptions = {},
): Promise<AnalyticsData> {
  const { aggregated } = await service.ask(ANALYTICS_DATA, { range: range ?? null, timezone });
  return aggregated as AnalyticsData;
}

/** Returns a metric as a series, by default by day over 30 days. Rejects with `ServiceError`. */
export async function getMetricsTrend(
  service: Service,
  metric: MetricName,
  {
    range = { preset: 'LAST_30_DAYS' },
    timezone = 'UTC',
    granularity = 'DAY',
  }: WindowOptions & { granularity?: Granularity } = {},
): Promise<MetricsTrend> {
  const { trends } = await service.ask(METRICS_TREND, { metric, granularity, range, timezone });
  return trends as MetricsTrend;
}

/** Returns snapshots of closed periods, the newest first, by default 30 days. Rejects with `ServiceError`. */
export async function getAnalyticsSnapshot(
  service: Service,
  period: SnapshotPeriod = 'DAILY',
  first = 30,
): Promise<AnalyticsSnapshot[]> {
  const { snapshots } = await service.ask(SNAPSHOTS, { period, first });
  return snapshots?.edges.map(({ node }) => node) ?? [];
}
