import { Panel } from '../components/Panel';
import { TimeSeriesChart } from '../components/TimeSeriesChart';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { BY } from '../lib/format';
import { granularityOf, questionOf } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange, within } from './shared';

const QUERY = graphql(`
  query BadgesIssued(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $compareTo: CompareInput
    $where: WhereInput
    $granularity: Granularity!
  ) {
    trends(
      metric: BADGES_ISSUED
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      compareTo: $compareTo
      where: $where
      granularity: $granularity
    ) {
      asOf
      points {
        ...Point
      }
    }
  }
`);

/** Badges issued over the range, the period before it behind. */
export function BadgesIssued({ view, change }: PanelProps) {
  const granularity = granularityOf(view);
  const answer = useQuery(QUERY, { ...questionOf(view), granularity }, ['ISSUANCE']);
  return (
    <Panel
      title={`Badges issued ${BY[granularity]}`}
      answer={answer}
      isEmpty={({ trends }) => !trends?.points.some((point) => point.value)}
      empty={<NothingInRange view={view} change={change} />}
      height={330}
    >
      {({ trends }) => (
        <TimeSeriesChart
          label="Badges issued"
          unit="badges"
          points={trends?.points ?? []}
          granularity={granularity}
          timezone={view.timezone}
          asOf={trends?.asOf}
          open={(bucket) => change({ list: { of: 'badges', ...within(bucket) } })}
        />
      )}
    </Panel>
  );
}
