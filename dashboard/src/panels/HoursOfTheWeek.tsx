import { Panel } from '../components/Panel';
import { PeakActivity } from '../components/PeakActivity';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { questionOf } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query HoursOfTheWeek(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
  ) {
    users(range: $range, timezone: $timezone, weekStart: $weekStart, where: $where) {
      peakActivity {
        ...Hour
      }
    }
  }
`);

/** In which hours of the week badges were issued. */
export function HoursOfTheWeek({ view, change }: PanelProps) {
  const { range, timezone, weekStart, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, weekStart, where }, ['USERS']);
  return (
    <Panel
      title="Peak activity"
      answer={answer}
      isEmpty={({ users }) => !users?.peakActivity.some((cell) => cell.count > 0)}
      empty={<NothingInRange view={view} change={change} />}
      height={520}
    >
      {({ users }) => (
        <PeakActivity
          cells={users?.peakActivity ?? []}
          timezone={view.timezone}
          open={(weekday, hour) => change({ list: { of: 'badges', weekday, hour: String(hour) } })}
        />
      )}
    </Panel>
  );
}
