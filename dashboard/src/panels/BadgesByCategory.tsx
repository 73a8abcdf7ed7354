import { BadgeDistributionChart } from '../components/BadgeDistributionChart';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesByCategory($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    distribution(range: $range, timezone: $timezone, where: $where) {
      byCategory {
        ...Part
      }
    }
  }
`);

/** How the badges issued in the range share out among the categories. */
export function BadgesByCategory({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['DISTRIBUTION']);
  return (
    <Panel
      title="By category"
      answer={answer}
      isEmpty={({ distribution }) => !distribution?.byCategory.length}
      empty={<NothingInRange view={view} change={change} />}
      height={330}
    >
      {({ distribution }) => (
        <BadgeDistributionChart
          by="category"
          parts={distribution?.byCategory ?? []}
          select={(key) => change({ filters: toggled(view.filters, 'category', key) })}
          open={(category) => change({ list: { of: 'badges', category } })}
        />
      )}
    </Panel>
  );
}
