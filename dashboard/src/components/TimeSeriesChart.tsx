import type { Granularity } from '../generated/graphql';
import { BY, bucket, count, counted } from '../lib/format';
import { ChartFigure } from './ChartFigure';
import { TimePlot } from './TimePlot';

export interface TimePoint {
  start: string;
  value: number;
  /** Whether the bucket is less than its whole: it has not ended, or the range cuts it. */
  isPartial: boolean;
}

export interface TimeSeriesChartProps {
  /** What is shown, such as `Badges issued`. */
  label: string;
  /** What is counted, in the plural. */
  unit: string;
  points: readonly TimePoint[];
  granularity: Granularity;
  /** The IANA time zone in which the buckets begin. */
  timezone?: string;
  /** The values of an earlier period, bucket by bucket. */
  earlier?: readonly number[] | undefined;
  /** When it was measured: nothing is drawn of what begins later. */
  asOf?: string | undefined;
  /** Whether the values may be added up to a total of the period. */
  isSum?: boolean;
}

/** A series over time, the period before it behind it; the arrow keys walk along it. */
export function TimeSeriesChart(props: TimeSeriesChartProps) {
  const { label, unit, granularity, timezone = 'UTC', earlier, asOf, isSum = true } = props;
  const names = props.points.map(({ start }) => bucket(start, granularity, timezone));
  const points = begun(props.points, asOf);
  const title = `${label} ${BY[granularity]}`;
  return (
    <ChartFigure
      label={title}
      summary={summary(points, names, unit, isSum)}
      table={() => ({
        head: [
          granularity === 'HOUR' ? 'Hour' : 'Beginning',
          label,
          ...(earlier ? ['Before'] : []),
        ],
        rows: points.map(({ value, isPartial }, at) => [
          `${names[at]}${isPartial ? ' (so far)' : ''}`,
          count(value),
          ...(earlier ? [earlier[at] === undefined ? '–' : count(earlier[at])] : []),
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
        earlier={earlier}
      />
    </ChartFigure>
  );
}

/** Returns the points of buckets that have begun. */
export const begun = <Point extends { start: string }>(
  points: readonly Point[],
  asOf: string | undefined,
): readonly Point[] =>
  asOf ? points.filter(({ start }) => Date.parse(start) <= Date.parse(asOf)) : points;

function summary(
  points: readonly TimePoint[],
  names: readonly string[],
  unit: string,
  isSum: boolean,
): string {
  const values = points.map((point) => point.value);
  const most = Math.max(...values);
  if (most <= 0) return `No ${unit} in this range.`;
  const top = `the peak is ${names[values.indexOf(most)]} with ${count(most)}`;
  if (!isSum) return `${counted(values.at(-1) ?? 0, unit)} at the end; ${top}.`;
  const sum = values.reduce((total, value) => total + value, 0);
  return `${counted(sum, unit)} in all; ${top}.`;
}
