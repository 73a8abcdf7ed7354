import { graphql } from '../generated';
import type { Granularity, PointFragment } from '../generated/graphql';
import { BY, bucket, count, counted } from '../lib/format';
import { ChartFigure } from './ChartFigure';
import { Opener } from './Opener';
import { TimePlot } from './TimePlot';

export const POINT = graphql(`
  fragment Point on SeriesPoint {
    start
    end
    value
    isPartial
    comparison {
      value
    }
  }
`);

export interface TimeSeriesChartProps {
  /** What is shown, such as `Badges issued`. */
  label: string;
  /** What is counted, in the plural. */
  unit: string;
  points: readonly PointFragment[];
  granularity: Granularity;
  /** The IANA time zone in which the buckets begin. */
  timezone?: string;
  /** When it was measured: nothing is drawn of what begins later. */
  asOf?: string | undefined;
  /** Whether the values may be added up to a total of the period. */
  isSum?: boolean;
  /** Opens the list behind a point. */
  open?: ((point: PointFragment) => void) | undefined;
}

/** A series over time, the period before it behind it; the arrow keys walk along it. */
export function TimeSeriesChart(props: TimeSeriesChartProps) {
  const { label, unit, granularity, timezone = 'UTC', asOf, isSum = true, open } = props;
  const names = props.points.map(({ start }) => bucket(start, granularity, timezone));
  const points = begun(props.points, asOf);
  const isCompared = points.some(({ comparison }) => comparison);
  const title = `${label} ${BY[granularity]}`;
  return (
    <ChartFigure
      label={title}
      summary={summary(points, names, unit, isSum)}
      legend={isCompared && <Legend />}
      table={() => ({
        head: [
          granularity === 'HOUR' ? 'Hour' : 'Beginning',
          label,
          ...(isCompared ? ['Before'] : []),
        ],
        rows: points.map((point, at) => [
          `${names[at]}${point.isPartial ? ' (so far)' : ''}`,
          <Opener key="value" open={open && point.value ? () => open(point) : undefined}>
            {written(point.value)}
          </Opener>,
          ...(isCompared ? [written(point.comparison?.value)] : []),
        ]),
      })}
    >
      <TimePlot
        title={title}
        unit={unit}
        points={points}
        starts={props.points.map(({ start }) => start)}
        names={names}
        granularity={granularity}
        timezone={timezone}
        open={open}
      />
    </ChartFigure>
  );
}

function Legend() {
  return (
    <span className="key" aria-hidden="true">
      <svg viewBox="0 0 20 8" aria-hidden="true">
        <path d="M1 4H19" className="line" />
      </svg>
      shown
      <svg viewBox="0 0 20 8" aria-hidden="true">
        <path d="M1 4H19" className="earlier" />
      </svg>
      before
    </span>
  );
}

/** Returns the points of buckets that have begun. */
export const begun = <Point extends { start: string }>(
  points: readonly Point[],
  asOf: string | undefined,
): readonly Point[] =>
  asOf ? points.filter(({ start }) => Date.parse(start) <= Date.parse(asOf)) : points;

const written = (value: number | null | undefined) =>
  value === null || value === undefined ? '–' : count(value);

function summary(
  points: readonly PointFragment[],
  names: readonly string[],
  unit: string,
  isSum: boolean,
): string {
  const values = points.map((point) => point.value ?? 0);
  const most = Math.max(...values);
  if (most <= 0) return `No ${unit} in this range.`;
  const when = names[values.indexOf(most)]?.replace(/^week/, 'the week');
  const top = `the peak is ${when} with ${count(most)}`;
  if (!isSum) return `${counted(values.at(-1) ?? 0, unit)} at the end; ${top}.`;
  const sum = values.reduce((total, value) => total + value, 0);
  return `${counted(sum, unit)} in all; ${top}.`;
}
