import { Panel } from '../components/Panel';
import { TimeSeriesChart } from '../components/TimeSeriesChart';
import { graphql } from '../generated';
import { useQuery } from '../hooks/useQuery';
import { BY } from '../lib/format';
import { earlier, granularityOf, rangeInput } from '../lib/view';
import type { PanelProps } from './index';
import { NothingInRange } from './shared';

const QUERY = graphql(`
  query BadgesIssued($range: RangeInput, $timezone: TimeZone!, $granularity: Granularity!) {
    trends(
      metric: BADGES_ISSUED
      range: $range
      timezone: $timezone
      granularity: $granularity
    ) {
      asOf
      range {
        start
        end
      }
      points {
        start
        value
        isPartial
      }
    }
  }
`);

/** Badges issued over the range, the period before it behind. */
export function BadgesIssued({ view, change }: PanelProps) {
  const { timezone } = view;
  const granularity = granularityOf(view);
  const variables = { range: rangeInput(view), timezone, granularity };
  const answer = useQuery(QUERY, variables, ['ISSUANCE']);
  const trend = answer.isFresh ? answer.data?.trends : undefined;
  const before = trend && earlier(view, trend.range, trend.asOf);
  const then = useQuery(QUERY, before ? { range: before.whole, timezone, granularity } : null, [
    'ISSUANCE',
  ]);
  return (
    <Panel
      title={`Badges issued ${BY[granularity]}`}
      answer={answer}
      isEmpty={({ trends }) => !trends?.points.some((point) => point.value > 0)}
      empty={<NothingInRange view={view} change={change} />}
      height={330}
    >
      {({ trends }) => (
        <TimeSeriesChart
          label="Badges issued"
          unit="badges"
          points={trends?.points ?? []}
          granularity={granularity}
          timezone={timezone}
          asOf={trends?.asOf}
          earlier={then.data?.trends?.points.map((point) => point.value)}
        />
      )}
    </Panel>
  );
}
