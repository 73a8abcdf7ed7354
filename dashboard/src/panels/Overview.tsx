import { Delta } from '../components/Delta';
import { type Card, OverviewCards } from '../components/OverviewCards';
import { Panel } from '../components/Panel';
import { begun } from '../components/TimeSeriesChart';
import { graphql } from '../generated';
import type { OverviewQuery } from '../generated/graphql';
import { useAnalyticsUpdates } from '../hooks/useAnalyticsUpdates';
import { useQuery } from '../hooks/useQuery';
import { compared } from '../lib/change';
import { count, counted, rate, ratio } from '../lib/format';
import { earlier, granularityOf, rangeInput } from '../lib/view';
import type { PanelProps } from './index';

const QUERY = graphql(`
  query Overview($range: RangeInput, $timezone: TimeZone!, $granularity: Granularity!) {
    aggregated(range: $range, timezone: $timezone) {
      position
      timestamp
      metrics {
        totalBadgesIssued
        totalUsers
        totalCommunities
        averageBadgesPerUser
        engagementRate
      }
      issuance {
        badgesHeld
        range {
          start
          end
        }
      }
    }
    badges: trends(
      metric: BADGES_ISSUED
      range: $range
      timezone: $timezone
      granularity: $granularity
    ) {
      ...Values
    }
    users: trends(
      metric: NEW_USERS
      range: $range
      timezone: $timezone
      granularity: $granularity
    ) {
      ...Values
    }
    held: trends(
      metric: BADGES_HELD
      range: $range
      timezone: $timezone
      granularity: $granularity
    ) {
      ...Values
    }
    joined: trends(
      metric: TOTAL_USERS
      range: $range
      timezone: $timezone
      granularity: $granularity
    ) {
      ...Values
    }
    communities: trends(
      metric: NEW_COMMUNITIES
      range: $range
      timezone: $timezone
      granularity: $granularity
    ) {
      ...Values
    }
  }
  fragment Values on Trend {
    points {
      start
      value
    }
  }
`);

type Flow = OverviewQuery['badges'];

/** The figures of the whole, each with what the range added to it. */
export function Overview({ view }: PanelProps) {
  const { timezone } = view;
  const granularity = granularityOf(view);
  const { latestUpdate } = useAnalyticsUpdates();
  const families = ['ISSUANCE', 'USERS', 'COMMUNITY'] as const;
  const answer = useQuery(QUERY, { range: rangeInput(view), timezone, granularity }, families);
  const now = answer.isFresh ? answer.data?.aggregated : undefined;
  const before = now && earlier(view, now.issuance.range, now.timestamp);
  const then = useQuery(QUERY, before ? { range: before.range, timezone, granularity } : null, []);

  const cards = (data: OverviewQuery): Card[] => {
    const { aggregated, badges, users, communities, held, joined } = data;
    if (!aggregated) return [];
    const isNewer = latestUpdate && latestUpdate.position > aggregated.position;
    const metrics = isNewer ? latestUpdate.metrics : aggregated.metrics;
    const flow = (label: string, value: number, flows: Flow, earlierFlows: Flow | undefined) => ({
      label,
      value,
      format: count,
      series: values(flows, aggregated.timestamp),
      detail: <Added flow={flows} earlier={earlierFlows} />,
    });
    return [
      flow('Badges issued', metrics.totalBadgesIssued, badges, then.data?.badges),
      flow('Users', metrics.totalUsers, users, then.data?.users),
      flow('Communities', metrics.totalCommunities, communities, then.data?.communities),
      {
        label: 'Badges per user',
        value: metrics.averageBadgesPerUser,
        format: ratio,
        series: quotients(values(held, aggregated.timestamp), values(joined, aggregated.timestamp)),
        detail: `${counted(aggregated.issuance.badgesHeld, 'badges')} held`,
      },
      {
        label: 'Engagement',
        value: metrics.engagementRate,
        format: rate,
        share: metrics.engagementRate,
        detail: 'of users hold a badge',
      },
    ];
  };
  return (
    <Panel title="Overview" answer={answer} isEmpty={() => false} empty={null} height={132}>
      {(data) => <OverviewCards cards={cards(data)} />}
    </Panel>
  );
}

const values = (flow: Flow, asOf: string) =>
  begun(flow?.points ?? [], asOf).map((point) => point.value);

const quotients = (over: readonly number[], under: readonly number[]) =>
  over.map((value, at) => value / Math.max(1, under[at] ?? 1));

const total = (flow: Flow | undefined) =>
  flow?.points.reduce((sum, point) => sum + point.value, 0) ?? 0;

function Added({ flow, earlier }: { flow: Flow; earlier: Flow | undefined }) {
  const added = total(flow);
  return (
    <>
      +{count(added)} {earlier && <Delta change={compared(added, total(earlier))} />}
    </>
  );
}
