import { Panel } from '../components/Panel';
import { TopBadges } from '../components/TopBadges';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { rangeInput } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesMost($range: RangeInput, $timezone: TimeZone!) {
    issuance(range: $range, timezone: $timezone) {
      topBadges {
        ...Standing
      }
    }
  }
`);
const SHOWN = 10;

/** The kinds of badges issued most in the range. */
export function BadgesMost({ view, change }: PanelProps) {
  const variables = { range: rangeInput(view), timezone: view.timezone };
  const answer = useQuery(QUERY, variables, ['ISSUANCE']);
  return (
    <Panel
      title="Top badges"
      answer={answer}
      isEmpty={({ issuance }) => !issuance?.topBadges.length}
      empty={<NothingInRange view={view} change={change} />}
      height={480}
    >
      {({ issuance }) => <TopBadges badges={issuance?.topBadges.slice(0, SHOWN) ?? []} />}
    </Panel>
  );
}
