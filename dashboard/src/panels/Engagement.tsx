import { EngagementMetrics } from '../components/EngagementMetrics';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import type { MetricName } from '../generated/graphql';
import { useQuery } from '../hooks/useQuery';
import type { List } from '../lib/list';
import { questionOf, reachesNow } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query Engagement(
    $range: RangeInput
    $timezone: TimeZone!
    $compareTo: CompareInput
    $where: WhereInput
  ) {
    aggregated(range: $range, timezone: $timezone, compareTo: $compareTo, where: $where) {
      figures {
        ...Figure
      }
      users {
        totalUsers
        ...Engagement
      }
    }
  }
`);

/** How many users take part, how many come back, and how soon they begin. */
export function Engagement({ view, change }: PanelProps) {
  const { range, timezone, compareTo, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, compareTo, where }, ['USERS']);
  const lists: Partial<Record<MetricName | 'WAITING', List>> = {
    WAITING: { of: 'people', group: 'waiting' },
    ACTIVE_USERS: { of: 'people', group: 'active' },
    // Who held a badge at another time, no list says.
    ...(reachesNow(view) && { ENGAGEMENT_RATE: { of: 'people', group: 'holding' } }),
  };
  return (
    <Panel
      title="Engagement"
      answer={answer}
      isEmpty={({ aggregated }) => !aggregated?.users.totalUsers}
      empty={<NothingInRange view={view} change={change} what="There is no user" />}
      height={520}
    >
      {({ aggregated }) =>
        aggregated && (
          <EngagementMetrics
            figures={aggregated.figures}
            users={aggregated.users}
            open={(name) => {
              const list = lists[name];
              return list && (() => change({ list }));
            }}
            openHeld={(key) => {
              const [least = '0', most] = key.split(/[-+]/);
              const list: List = { of: 'people', group: 'holding', least };
              change({ list: key.endsWith('+') ? list : { ...list, most: most ?? least } });
            }}
          />
        )
      }
    </Panel>
  );
}
