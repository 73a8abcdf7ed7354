import { Delta } from '../components/Delta';
import { Opener } from '../components/Opener';
import { type Card, OverviewCards } from '../components/OverviewCards';
import { Panel } from '../components/Panel';
import { begun } from '../components/TimeSeriesChart';
import { graphql } from '../generated';
import type { ChangeFragment, MetricName, OverviewQuery } from '../generated/graphql';
import { useAnalyticsUpdates } from '../hooks/useAnalyticsUpdates';
import { useQuery } from '../hooks/useQuery';
import { count, rate, ratio } from '../lib/format';
import type { List } from '../lib/list';
import { granularityOf, questionOf, reachesNow } from '../lib/view';
import type { PanelProps } from './index';

const QUERY = graphql(`
  query Overview(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $compareTo: CompareInput
    $where: WhereInput
    $granularity: Granularity!
  ) {
    aggregated(range: $range, timezone: $timezone, compareTo: $compareTo, where: $where) {
      position
      asOf
      metrics {
        totalBadgesIssued
        totalUsers
        totalCommunities
        averageBadgesPerUser
        engagementRate
      }
      figures {
        metric {
          name
        }
        value
        comparison {
          ...Change
        }
      }
    }
    badges: trends(
      metric: BADGES_ISSUED
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      granularity: $granularity
    ) {
      ...Trace
    }
    users: trends(
      metric: NEW_USERS
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      granularity: $granularity
    ) {
      ...Trace
    }
    active: trends(
      metric: ACTIVE_USERS
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      granularity: $granularity
    ) {
      ...Trace
    }
    communities: trends(
      metric: NEW_COMMUNITIES
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      granularity: $granularity
    ) {
      ...Trace
    }
    average: trends(
      metric: AVERAGE_BADGES_PER_USER
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      granularity: $granularity
    ) {
      ...Trace
    }
    engagement: trends(
      metric: ENGAGEMENT_RATE
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      granularity: $granularity
    ) {
      ...Trace
    }
  }
  fragment Trace on Trend {
    asOf
    points {
      start
      value
    }
  }
`);

/** The figures of the whole, each with what the range added to it and how that has changed. */
export function Overview({ view, change }: PanelProps) {
  const { latestUpdate } = useAnalyticsUpdates();
  const families = ['ISSUANCE', 'USERS', 'COMMUNITY'] as const;
  const variables = { ...questionOf(view), granularity: granularityOf(view) };
  const answer = useQuery(QUERY, variables, families);
  return (
    <Panel title="Overview" answer={answer} isEmpty={() => false} empty={null} height={132}>
      {(data) => {
        const { aggregated } = data;
        if (!aggregated) return null;
        // What is pushed is of the whole: it stands for an answer only where nothing is left out.
        const isNewer =
          !variables.where && latestUpdate && latestUpdate.position > aggregated.position;
        const totals = isNewer ? latestUpdate : aggregated;
        const open = (list: List) => () => change({ list });
        return <OverviewCards cards={cards(data, totals, open, reachesNow(view))} />;
      }}
    </Panel>
  );
}

type Totals = Pick<NonNullable<OverviewQuery['aggregated']>, 'metrics'>;

function cards(
  data: OverviewQuery,
  { metrics }: Totals,
  open: (list: List) => () => void,
  isNow: boolean,
): Card[] {
  const figure = (name: MetricName) =>
    data.aggregated?.figures.find(({ metric }) => metric.name === name);
  const total = (
    label: string,
    value: number,
    all: List,
    name: MetricName,
    added: List,
    trace: Trace,
  ): Card => ({
    label,
    value,
    format: count,
    open: open(all),
    detail: (
      <>
        <Opener open={open(added)}>+{count(figure(name)?.value ?? 0)}</Opener>{' '}
        <Change change={figure(name)?.comparison} />
      </>
    ),
    series: values(trace),
  });
  return [
    total(
      'Badges issued',
      metrics.totalBadgesIssued,
      { of: 'badges', range: 'ever' },
      'BADGES_ISSUED',
      { of: 'badges' },
      data.badges,
    ),
    total(
      'Users',
      metrics.totalUsers,
      { of: 'people' },
      'NEW_USERS',
      { of: 'people', group: 'joined' },
      data.users,
    ),
    {
      label: 'Active users',
      value: figure('ACTIVE_USERS')?.value ?? null,
      format: count,
      open: open({ of: 'people', group: 'active' }),
      detail: (
        <>
          got a badge <Change change={figure('ACTIVE_USERS')?.comparison} />
        </>
      ),
      series: values(data.active),
    },
    total(
      'Communities',
      metrics.totalCommunities,
      { of: 'communities', range: 'ever' },
      'NEW_COMMUNITIES',
      { of: 'communities' },
      data.communities,
    ),
    {
      label: 'Badges per user',
      value: metrics.averageBadgesPerUser,
      format: ratio,
      detail: (
        <>
          {/* Which badges were held at another time, no list says. */}
          <Opener open={isNow ? open({ of: 'badges', range: 'ever', revoked: 'no' }) : undefined}>
            {count(figure('BADGES_HELD')?.value ?? 0)} held
          </Opener>{' '}
          <Change change={figure('AVERAGE_BADGES_PER_USER')?.comparison} format={ratio} />
        </>
      ),
      series: values(data.average),
    },
    {
      label: 'Engagement',
      value: metrics.engagementRate,
      format: rate,
      open: open({ of: 'people', group: 'holding' }),
      detail: (
        <>
          hold a badge{' '}
          <Change change={figure('ENGAGEMENT_RATE')?.comparison} format={rate} isRate />
        </>
      ),
      series: values(data.engagement),
    },
  ];
}

interface ChangeProps {
  change: ChangeFragment | null | undefined;
  format?: (value: number) => string;
  isRate?: boolean;
}

const Change = ({ change, ...how }: ChangeProps) => change && <Delta change={change} {...how} />;

type Trace = OverviewQuery['badges'];

const values = (trace: Trace) =>
  trace ? begun(trace.points, trace.asOf).map((point) => point.value ?? 0) : [];
