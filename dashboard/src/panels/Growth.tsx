import { GrowthMetrics, type GrowthName, type TotalName } from '../components/GrowthMetrics';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import type { GrowthQuery } from '../generated/graphql';
import { useQuery } from '../hooks/useQuery';
import type { List } from '../lib/list';
import { granularityOf, questionOf } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange, within } from './shared';

const QUERY = graphql(`
  query Growth(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $compareTo: CompareInput
    $where: WhereInput
    $granularity: Granularity!
  ) {
    aggregated(range: $range, timezone: $timezone, compareTo: $compareTo, where: $where) {
      figures {
        ...Figure
      }
    }
    users: trends(
      metric: NEW_USERS
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      compareTo: $compareTo
      where: $where
      granularity: $granularity
    ) {
      ...Course
    }
    communities: trends(
      metric: NEW_COMMUNITIES
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      compareTo: $compareTo
      where: $where
      granularity: $granularity
    ) {
      ...Course
    }
    members: trends(
      metric: NEW_COMMUNITY_MEMBERS
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      compareTo: $compareTo
      where: $where
      granularity: $granularity
    ) {
      ...Course
    }
  }
  fragment Course on Trend {
    asOf
    points {
      ...Point
    }
  }
`);

/** What has come in the range: users, communities, members. */
export function Growth({ view, change }: PanelProps) {
  const granularity = granularityOf(view);
  const answer = useQuery(QUERY, { ...questionOf(view), granularity }, ['USERS', 'COMMUNITY']);
  return (
    <Panel
      title="Growth"
      answer={answer}
      isEmpty={({ users, communities, members }) =>
        ![users, communities, members].some((trend) => points(trend).some(({ value }) => value))
      }
      empty={<NothingInRange view={view} change={change} what="Nobody joined" />}
      height={330}
    >
      {({ aggregated, users, communities, members }) => (
        <GrowthMetrics
          figures={aggregated?.figures ?? []}
          series={{
            NEW_USERS: points(users),
            NEW_COMMUNITIES: points(communities),
            NEW_COMMUNITY_MEMBERS: points(members),
          }}
          granularity={granularity}
          timezone={view.timezone}
          asOf={users?.asOf}
          open={(name, bucket) => {
            const list = LISTS[name];
            const to = points(users).at(-1)?.end;
            const narrowed = name.startsWith('TOTAL') && to ? { to } : within(bucket);
            return list && (() => change({ list: { ...list, ...narrowed } }));
          }}
        />
      )}
    </Panel>
  );
}

const points = (trend: GrowthQuery['users']) => trend?.points ?? [];

// Memberships have no list: they are members of this community or that.
const LISTS: Partial<Record<GrowthName | TotalName, List>> = {
  NEW_USERS: { of: 'people', group: 'joined' },
  NEW_COMMUNITIES: { of: 'communities' },
  TOTAL_USERS: { of: 'people', group: 'joined' },
  TOTAL_COMMUNITIES: { of: 'communities' },
};
