import type { FigureFragment, Granularity, MetricName, PointFragment } from '../generated/graphql';
import { count } from '../lib/format';
import { Amount } from './Amount';
import { Delta } from './Delta';
import { Opener } from './Opener';
import { TimeSeriesChart } from './TimeSeriesChart';

export type GrowthName = 'NEW_USERS' | 'NEW_COMMUNITIES' | 'NEW_COMMUNITY_MEMBERS';
export type TotalName = 'TOTAL_USERS' | 'TOTAL_COMMUNITIES' | 'TOTAL_COMMUNITY_MEMBERS';

interface GrowthMetricsProps {
  /** The metrics of the range; those that are not shown here may be among them. */
  figures: readonly FigureFragment[];
  series: Readonly<Record<GrowthName, readonly PointFragment[]>>;
  granularity: Granularity;
  timezone?: string;
  /** When it was measured: nothing is drawn of what begins later. */
  asOf?: string | undefined;
  /** Returns how to open the list of a metric, of the range or of a bucket; undefined without one. */
  open?: (metric: GrowthName | TotalName, bucket?: PointFragment) => (() => void) | undefined;
}

interface Growth {
  name: GrowthName;
  label: string;
  unit: string;
  total: TotalName;
}

const GROWTHS: readonly Growth[] = [
  { name: 'NEW_USERS', label: 'New users', unit: 'users', total: 'TOTAL_USERS' },
  {
    name: 'NEW_COMMUNITIES',
    label: 'New communities',
    unit: 'communities',
    total: 'TOTAL_COMMUNITIES',
  },
  {
    name: 'NEW_COMMUNITY_MEMBERS',
    label: 'New members',
    unit: 'members',
    total: 'TOTAL_COMMUNITY_MEMBERS',
  },
];

/** What has come in the range: users, communities and their members, and how many there are then. */
export function GrowthMetrics({ figures, series, open, ...how }: GrowthMetricsProps) {
  const figure = (name: MetricName) => figures.find(({ metric }) => metric.name === name);
  return (
    <div className="growth">
      {GROWTHS.map(({ name, label, unit, total }) => {
        const { value, comparison } = figure(name) ?? {};
        const opener = open?.(name);
        return (
          <div key={name}>
            <h3>{label}</h3>
            <p className="figure">
              {typeof value === 'number' ? (
                <Opener open={opener}>
                  <Amount value={value} format={count} />
                </Opener>
              ) : (
                '–'
              )}{' '}
              {comparison && <Delta change={comparison} />}
            </p>
            <p className="detail">
              <Opener open={open?.(total)}>{count(figure(total)?.value ?? 0)}</Opener> at the end of
              the range
            </p>
            <TimeSeriesChart
              label={label}
              unit={unit}
              points={series[name]}
              open={opener && ((bucket) => open?.(name, bucket)?.())}
              {...how}
            />
          </div>
        );
      })}
    </div>
  );
}
