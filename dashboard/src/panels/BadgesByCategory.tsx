import { BadgeDistributionChart } from '../components/BadgeDistributionChart';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { rangeInput } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesByCategory($range: RangeInput, $timezone: TimeZone!) {
    issuance(range: $range, timezone: $timezone) {
      byCategory {
        ...Part
      }
    }
  }
`);

/** How the badges issued in the range share out among the categories. */
export function BadgesByCategory({ view, change }: PanelProps) {
  const variables = { range: rangeInput(view), timezone: view.timezone };
  const answer = useQuery(QUERY, variables, ['ISSUANCE']);
  return (
    <Panel
      title="By category"
      answer={answer}
      isEmpty={({ issuance }) => !issuance?.byCategory.length}
      empty={<NothingInRange view={view} change={change} />}
      height={330}
    >
      {({ issuance }) => (
        <BadgeDistributionChart by="category" parts={issuance?.byCategory ?? []} />
      )}
    </Panel>
  );
}
