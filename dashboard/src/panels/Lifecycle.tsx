import { LifecycleChart } from '../components/LifecycleChart';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { cohortsOf, questionOf } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query Lifecycle(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
    $by: Granularity!
  ) {
    users(range: $range, timezone: $timezone, weekStart: $weekStart, where: $where) {
      lifecycle(by: $by) {
        ...Lifecycle
      }
    }
  }
`);

/** Who is new, who returns, who is back after a pause, and who is not. */
export function Lifecycle({ view, change }: PanelProps) {
  const { range, timezone, weekStart, where } = questionOf(view);
  const { by } = cohortsOf(view);
  const answer = useQuery(QUERY, { range, timezone, weekStart, where, by }, ['USERS']);
  return (
    <Panel
      title="Lifecycle"
      answer={answer}
      isEmpty={({ users }) => !users?.lifecycle.some(({ active, dormant }) => active + dormant > 0)}
      empty={<NothingInRange view={view} change={change} what="Nobody was active" />}
      height={420}
    >
      {({ users }) => (
        <LifecycleChart
          points={users?.lifecycle ?? []}
          granularity={by}
          timezone={view.timezone}
          open={(start, state) =>
            change({ list: { of: 'people', group: 'lifecycle', by, start, state } })
          }
        />
      )}
    </Panel>
  );
}
