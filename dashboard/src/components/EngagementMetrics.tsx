import { graphql } from '../generated';
import type {
  EngagementFragment,
  FigureFragment,
  MetricName,
  PartFragment,
} from '../generated/graphql';
import { count, counted, duration, rate, ratio } from '../lib/format';
import { Amount } from './Amount';
import { ChartFigure } from './ChartFigure';
import { Delta } from './Delta';
import { Opener } from './Opener';

export const FIGURE = graphql(`
  fragment Figure on MetricValue {
    metric {
      name
    }
    value
    comparison {
      ...Change
    }
  }
`);

export const ENGAGEMENT = graphql(`
  fragment Engagement on UserMetrics {
    timeToFirstBadge {
      median
      p90
      stillWaiting
    }
    userEngagement {
      histogram {
        ...Part
      }
    }
  }
`);

interface EngagementMetricsProps {
  /** The metrics of the range; those that are not shown here may be among them. */
  figures: readonly FigureFragment[];
  users: EngagementFragment;
  /** Returns how to open the list of a metric, of users without a badge for WAITING; or undefined. */
  open?: (metric: MetricName | 'WAITING') => (() => void) | undefined;
  /** Called with the key of a bar: how many badges its users hold. */
  openHeld?: ((key: string) => void) | undefined;
}

interface Row {
  name: MetricName;
  title: string;
  note: string;
  format: (value: number) => string;
  isRate: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: 'ENGAGEMENT_RATE',
    title: 'Engagement rate',
    note: 'of all users hold a badge',
    format: rate,
    isRate: true,
  },
  {
    name: 'ACTIVE_USERS',
    title: 'Active users',
    note: 'received a badge in the range',
    format: count,
    isRate: false,
  },
  {
    name: 'RETENTION_RATE',
    title: 'Retention rate',
    note: 'of those active in the period before are active again',
    format: rate,
    isRate: true,
  },
  {
    name: 'AVERAGE_BADGES_PER_USER',
    title: 'Badges per user',
    note: 'held at the end of the range',
    format: ratio,
    isRate: false,
  },
];

/** How many users take part, how many come back, how soon they begin and how much they hold. */
export function EngagementMetrics({ figures, users, open, openHeld }: EngagementMetricsProps) {
  const { timeToFirstBadge, userEngagement } = users;
  return (
    <>
      <dl className="metrics">
        {ROWS.map(({ name, title, note, format, isRate }) => {
          const { value, comparison } = figures.find(({ metric }) => metric.name === name) ?? {};
          return (
            <div key={name}>
              <dt>
                {title} <span className="note">{note}</span>
              </dt>
              <dd className="figure">
                {typeof value === 'number' ? (
                  <Opener open={open?.(name)}>
                    <Amount value={value} format={format} />
                  </Opener>
                ) : (
                  '–'
                )}
              </dd>
              <dd className="detail">
                {comparison && <Delta change={comparison} format={format} isRate={isRate} />}
              </dd>
            </div>
          );
        })}
        <div>
          <dt>
            Time to first badge{' '}
            <span className="note">
              median of those who joined in the range{spread(timeToFirstBadge.p90)}
              {typeof timeToFirstBadge.stillWaiting === 'number' && (
                <>
                  ; <Opener open={open?.('WAITING')}>{rate(timeToFirstBadge.stillWaiting)}</Opener>{' '}
                  still wait
                </>
              )}
            </span>
          </dt>
          <dd className="figure">
            {timeToFirstBadge.median === null ? '–' : duration(timeToFirstBadge.median)}
          </dd>
          <dd className="detail" />
        </div>
      </dl>
      <Held parts={userEngagement.histogram} open={openHeld} />
    </>
  );
}

/** Says how long most wait at most. */
const spread = (p90: number | null) =>
  p90 === null ? '' : `; of nine in ten ${p90 > 0 ? 'up to ' : ''}${duration(p90)}`;

interface HeldProps {
  parts: readonly PartFragment[];
  open: ((key: string) => void) | undefined;
}

/** How many users hold how many badges. */
function Held({ parts, open }: HeldProps) {
  const users = parts.reduce((sum, part) => sum + part.count, 0);
  const several = parts.slice(2).reduce((sum, part) => sum + part.count, 0);
  const most = Math.max(...parts.map((part) => part.count), 1);
  return (
    <ChartFigure
      label="Users by badges held"
      summary={`${counted(several, 'users')} of ${count(users)} hold two badges or more.`}
      table={() => ({
        head: ['Badges held', 'Users', 'Share'],
        rows: parts.map((part) => [part.label, count(part.count), rate(part.share)]),
      })}
    >
      <ul className="bars">
        {parts.map((part) => (
          <li key={part.key}>
            <span className="name">{part.label}</span>
            <span className="track">
              <span className="bar" style={{ inlineSize: `${(100 * part.count) / most}%` }} />
            </span>
            <span className="number">
              <Opener open={open && (() => open(part.key))}>{count(part.count)}</Opener>
            </span>
            <span className="number share">{part.percentage}%</span>
          </li>
        ))}
      </ul>
    </ChartFigure>
  );
}
