import { Panel } from '../components/Panel';
import { TopBadges } from '../components/TopBadges';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import type { List } from '../lib/list';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesMost($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    distribution(range: $range, timezone: $timezone, where: $where) {
      topBadges(first: 10) {
        ...Standing
      }
    }
  }
`);

/** The kinds of badges issued most in the range. */
export function BadgesMost({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['DISTRIBUTION']);
  return (
    <Panel
      title="Top badges"
      answer={answer}
      isEmpty={({ distribution }) => !distribution?.topBadges.length}
      empty={<NothingInRange view={view} change={change} />}
      height={480}
    >
      {({ distribution }) => (
        <TopBadges
          badges={distribution?.topBadges ?? []}
          select={(id) => change({ filters: toggled(view.filters, 'badge', id) })}
          open={(badge, what) => change({ list: { ...LISTS[what], badge } })}
        />
      )}
    </Panel>
  );
}

const LISTS: Record<'issued' | 'recipients' | 'holders', List> = {
  issued: { of: 'badges' },
  recipients: { of: 'people', group: 'active' },
  holders: { of: 'people', group: 'holding' },
};
