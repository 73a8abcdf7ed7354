import { Panel } from '../components/Panel';
import { TrendingBadges } from '../components/TrendingBadges';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { questionOf, toggled } from '../lib/view';
import type { PanelProps } from './index';

const DAY_MS = 86_400_000;

const QUERY = graphql(`
  query BadgesTrending($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    distribution(range: $range, timezone: $timezone, where: $where) {
      trendingBadges(first: 10) {
        ...Trending
      }
    }
  }
`);

/** The kinds of badges whose issues rise now, whatever the range. */
export function BadgesTrending({ view, change }: PanelProps) {
  const { range, timezone, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, ['DISTRIBUTION']);
  return (
    <Panel
      title="Trending"
      answer={answer}
      isEmpty={({ distribution }) => !distribution?.trendingBadges.length}
      empty={
        <p>
          No badge was issued five times or more in the last 7 days and more often than chance
          explains.
        </p>
      }
      height={480}
    >
      {({ distribution }) => (
        <TrendingBadges
          badges={distribution?.trendingBadges ?? []}
          select={(id) => change({ filters: toggled(view.filters, 'badge', id) })}
          open={(badge, days) => {
            const [from, to] = days === 'last7Days' ? [6, -1] : [29, 6];
            const between = { from: day(from, timezone), to: day(to, timezone) };
            change({ list: { of: 'badges', badge, ...between } });
          }}
        />
      )}
    </Panel>
  );
}

/** Returns the day that was so many days ago, as the address has it. */
function day(ago: number, timeZone: string): string {
  const today = new Intl.DateTimeFormat('sv', { timeZone }).format();
  return new Date(Date.parse(today) - ago * DAY_MS).toISOString().slice(0, 10);
}
