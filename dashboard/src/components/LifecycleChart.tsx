import { scaleLinear } from '@visx/scale';
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { graphql } from '../generated';
import type { Granularity, LifecycleFragment } from '../generated/graphql';
import { useSize } from '../hooks/useSize';
import { bucket, cohort, count, counted, inBucket, tick } from '../lib/format';
import { ChartFigure } from './ChartFigure';
import { Opener } from './Opener';
import { clamp, labelled, steps } from './TimePlot';

export const LIFECYCLE = graphql(`
  fragment Lifecycle on LifecyclePoint {
    start
    active
    new
    returning
    resurrected
    dormant
    isPartial
  }
`);

export type LifecycleState = 'ACTIVE' | 'NEW' | 'RETURNING' | 'RESURRECTED' | 'DORMANT';

interface LifecycleChartProps {
  points: readonly LifecycleFragment[];
  granularity: Granularity;
  timezone?: string;
  /** Called with the start of a bucket and the state whose users are to be listed. */
  open?: ((start: string, state: LifecycleState) => void) | undefined;
}

interface State {
  name: 'returning' | 'resurrected' | 'new' | 'dormant';
  state: LifecycleState;
  title: string;
  note: string;
}

/** From the zero line upwards; dormant ones hang below it. */
const ABOVE: readonly State[] = [
  { name: 'returning', state: 'RETURNING', title: 'Returning', note: 'active before, too' },
  { name: 'resurrected', state: 'RESURRECTED', title: 'Resurrected', note: 'back after a pause' },
  { name: 'new', state: 'NEW', title: 'New', note: 'first badge ever' },
];
const BELOW: State = {
  name: 'dormant',
  state: 'DORMANT',
  title: 'Dormant',
  note: 'active before, not now',
};
const STATES: readonly State[] = [...[...ABOVE].reverse(), BELOW];

const TOP = 10;
const BOTTOM = 26;

/** Active users by what they did before, above the line; who ceased to be active, below it. */
export function LifecycleChart(props: LifecycleChartProps) {
  const { points, granularity, timezone = 'UTC', open } = props;
  const closed = points.map(({ isPartial }) => isPartial).lastIndexOf(false);
  const [chosen, setChosen] = useState<string | null>(null);
  const found = points.findIndex(({ start }) => start === chosen);
  const at = found < 0 ? Math.max(0, closed) : found;
  const point = points[at];
  if (!point) return null;
  const name = ({ start }: LifecycleFragment) => bucket(start, granularity, timezone);
  return (
    <ChartFigure
      label="Users by lifecycle"
      summary={summary(points[closed] ?? point, granularity, timezone)}
      table={() => ({
        head: ['Beginning', 'Active', ...STATES.map(({ title }) => title)],
        rows: points.map((each) => [
          `${name(each)}${each.isPartial ? ' (so far)' : ''}`,
          count(each.active),
          ...STATES.map(({ name: state }) => count(each[state])),
        ]),
      })}
    >
      <Bars
        points={points}
        at={at}
        granularity={granularity}
        timezone={timezone}
        choose={(to) => setChosen(points[to]?.start ?? null)}
      />
      <dl className="states">
        <div>
          <dt>
            {name(point)}
            {point.isPartial && ' so far'}
          </dt>
          <dd>
            <Opener open={open && (() => open(point.start, 'ACTIVE'))}>
              {count(point.active)}
            </Opener>{' '}
            active
          </dd>
        </div>
        {STATES.map(({ name: state, state: key, title, note }) => (
          <div key={key}>
            <dt>
              <span className={`swatch ${state}`} /> {title} <span className="note">{note}</span>
            </dt>
            <dd>
              <Opener open={open && (() => open(point.start, key))}>{count(point[state])}</Opener>
            </dd>
          </div>
        ))}
      </dl>
    </ChartFigure>
  );
}

interface BarsProps {
  points: readonly LifecycleFragment[];
  at: number;
  granularity: Granularity;
  timezone: string;
  choose: (at: number) => void;
}

/** The drawing, and a slider that walks along its bars. */
function Bars({ points, at, granularity, timezone, choose }: BarsProps) {
  const { ref, width, height } = useSize();
  const last = points.length - 1;
  const y = scaleLinear({
    domain: [
      -Math.max(...points.map(({ dormant }) => dormant), 1),
      Math.max(...points.map(({ active }) => active), 4),
    ],
    range: [height - BOTTOM, TOP],
  });
  const ticks = y.ticks(5);
  const left = 12 + 7 * Math.max(...ticks.map((value) => tick(Math.abs(value)).length));
  const step = Math.max(1, (width - left) / points.length);
  const bar = Math.max(1, Math.min(step - 3, 36));
  const middle = (of: number) => left + (of + 0.5) * step;
  const point = points[at];

  const follow = (event: PointerEvent<HTMLElement>) => {
    const place = event.clientX - event.currentTarget.getBoundingClientRect().left;
    choose(clamp(Math.floor((place - left) / step), last));
  };
  const walk = (event: KeyboardEvent) => {
    const target = steps(at, last)[event.key];
    if (typeof target !== 'number') return;
    event.preventDefault();
    choose(target);
  };
  return (
    <div
      ref={ref}
      className="plot lifecycle"
      role="slider"
      tabIndex={0}
      aria-label="Users by lifecycle"
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={at}
      aria-valuetext={point && said(point, bucket(point.start, granularity, timezone))}
      onPointerMove={follow}
      onPointerDown={follow}
      onKeyDown={walk}
    >
      {width > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          {ticks.map((value) => (
            <g key={value} className="tick">
              <line x1={left} x2={width} y1={y(value)} y2={y(value)} data-zero={value === 0} />
              <text x={left - 8} y={y(value)} dy="0.32em" textAnchor="end">
                {tick(Math.abs(value))}
              </text>
            </g>
          ))}
          {points.map((each, place) => (
            <g key={each.start} data-chosen={place === at} data-partial={each.isPartial}>
              {stacked(each).map(({ name, from, to }) => (
                <rect
                  key={name}
                  className={name}
                  x={middle(place) - bar / 2}
                  width={bar}
                  y={y(Math.max(from, to))}
                  height={Math.max(0, y(Math.min(from, to)) - y(Math.max(from, to)))}
                />
              ))}
              {place === at && (
                <line
                  className="chosen"
                  x1={middle(place) - bar / 2}
                  x2={middle(place) + bar / 2}
                  y1={height - BOTTOM + 3}
                  y2={height - BOTTOM + 3}
                />
              )}
            </g>
          ))}
          {labelled(points.length, width - left).map((place) => (
            <text
              key={place}
              x={place === last ? width : middle(place)}
              y={height - BOTTOM + 20}
              textAnchor={place === last ? 'end' : 'middle'}
            >
              {cohort(points[place]?.start ?? '', granularity, timezone)}
            </text>
          ))}
        </svg>
      )}
    </div>
  );
}

/** Returns from where to where each part of a bar reaches. */
function stacked(point: LifecycleFragment) {
  let from = 0;
  const above = ABOVE.map(({ name }) => {
    const part = { name, from, to: from + point[name] };
    from = part.to;
    return part;
  });
  return [...above, { name: BELOW.name, from: 0, to: -point.dormant }];
}

const parts = (point: LifecycleFragment) =>
  [...ABOVE]
    .reverse()
    .map(({ name }) => `${count(point[name])} ${name}`)
    .join(', ');

const said = (point: LifecycleFragment, name: string) =>
  `${name}${point.isPartial ? ' so far' : ''}: ${counted(point.active, 'users')} active, ${parts(point)}; ${count(point.dormant)} dormant`;

function summary(point: LifecycleFragment, granularity: Granularity, timezone: string): string {
  const when = inBucket(point.start, granularity, timezone);
  const active = `${counted(point.active, 'users')} ${point.active === 1 ? 'was' : 'were'} active`;
  return `${when.charAt(0).toUpperCase()}${when.slice(1)} ${active}: ${parts(point)}; ${count(point.dormant)} went dormant.`;
}
