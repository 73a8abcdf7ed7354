import { BadgeDistributionChart } from '../components/BadgeDistributionChart';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesByLevel($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    distribution(range: $range, timezone: $timezone, where: $where) {
      byLevel {
        ...Part
      }
    }
  }
`);

/** How the badges issued in the range share out among the levels. */
export function BadgesByLevel({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['DISTRIBUTION']);
  return (
    <Panel
      title="By level"
      answer={answer}
      isEmpty={({ distribution }) => !distribution?.byLevel.length}
      empty={<NothingInRange view={view} change={change} />}
      height={480}
    >
      {({ distribution }) => (
        <BadgeDistributionChart
          by="level"
          parts={distribution?.byLevel ?? []}
          select={(key) => change({ filters: toggled(view.filters, 'level', key) })}
          open={(level) => change({ list: { of: 'badges', level } })}
        />
      )}
    </Panel>
  );
}
