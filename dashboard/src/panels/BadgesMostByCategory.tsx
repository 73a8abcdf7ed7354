import { MostAwardedByCategory } from '../components/MostAwardedByCategory';
import { Panel } from '../components/Panel';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesMostByCategory($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    distribution(range: $range, timezone: $timezone, where: $where) {
      mostAwardedByCategory {
        ...CategoryStandings
      }
    }
  }
`);

/** The kinds of badges issued most in each category. */
export function BadgesMostByCategory({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['DISTRIBUTION']);
  return (
    <Panel
      title="Most awarded by category"
      answer={answer}
      isEmpty={({ distribution }) => !distribution?.mostAwardedByCategory.length}
      empty={<NothingInRange view={view} change={change} />}
      height={420}
    >
      {({ distribution }) => (
        <MostAwardedByCategory
          categories={distribution?.mostAwardedByCategory ?? []}
          select={(id) => change({ filters: toggled(view.filters, 'badge', id) })}
          selectCategory={(key) => change({ filters: toggled(view.filters, 'category', key) })}
          open={(badge, category) => change({ list: { of: 'badges', badge, category } })}
        />
      )}
    </Panel>
  );
}
