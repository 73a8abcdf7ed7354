import { scaleLinear } from '@visx/scale';
import { AreaClosed, LinePath } from '@visx/shape';
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import type { Granularity, PointFragment } from '../generated/graphql';
import { useSize } from '../hooks/useSize';
import { clock, count, counted, shortDay, tick } from '../lib/format';

interface TimePlotProps {
  title: string;
  unit: string;
  /** What is drawn: the first ones of all buckets. */
  points: readonly PointFragment[];
  /** When each bucket begins, and what it is called. */
  starts: readonly string[];
  names: readonly string[];
  granularity: Granularity;
  timezone: string;
  /** Opens the list behind a point. */
  open?: ((point: PointFragment) => void) | undefined;
}

type Scale = ReturnType<typeof scaleLinear<number>>;

interface Scales {
  x: Scale;
  y: Scale;
}

const TOP = 10;
const BOTTOM = 26;
const RIGHT = 12;
const LABEL_WIDTH = 84;

/** The drawing of a time series, and a slider that walks along its points. */
export function TimePlot(props: TimePlotProps) {
  const { title, unit, points, names, open } = props;
  const { ref, width, height } = useSize();
  const [cursor, setCursor] = useState<number | null>(null);
  const last = Math.max(0, points.length - 1);
  const at = Math.min(cursor ?? last, last);
  const scales = scalesOf(props, width, height);
  const point = points[at];

  const follow = (event: PointerEvent<HTMLElement>) => {
    const place = event.clientX - event.currentTarget.getBoundingClientRect().left;
    setCursor(clamp(Math.round(scales.x.invert(place)), last));
  };
  const show = () => point?.value && open?.(point);
  const walk = (event: KeyboardEvent) => {
    if (event.key === 'Enter') show();
    const target = steps(at, last)[event.key];
    if (target === undefined) return;
    event.preventDefault();
    setCursor(target);
  };
  return (
    <div
      ref={ref}
      className="plot"
      role="slider"
      tabIndex={0}
      aria-label={title}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={at}
      aria-valuetext={
        point && `${names[at]}: ${said(point, unit)}${point.isPartial ? ' so far' : ''}`
      }
      onPointerMove={follow}
      onPointerDown={follow}
      onPointerLeave={() => setCursor(null)}
      onFocus={() => setCursor((before) => before ?? last)}
      onBlur={() => setCursor(null)}
      onKeyDown={walk}
      onClick={show}
      data-opens={open && ''}
    >
      {width > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          <Axes {...props} {...scales} />
          <Lines points={points} {...scales} />
          {cursor !== null && point && point.value !== null && (
            <g className="cursor">
              <line x1={scales.x(at)} x2={scales.x(at)} y1={TOP} y2={height - BOTTOM} />
              <circle cx={scales.x(at)} cy={scales.y(point.value)} r={4} />
            </g>
          )}
        </svg>
      )}
      {cursor !== null && point && (
        <div
          className="tooltip"
          data-side={scales.x(at) > width / 2 ? 'left' : 'right'}
          style={{ left: scales.x(at) }}
          aria-hidden="true"
        >
          <span>{names[at]}</span>
          <strong>{said(point, unit)}</strong>
          {point.isPartial && <span>so far</span>}
          {typeof point.comparison?.value === 'number' && (
            <span>before: {count(point.comparison.value)}</span>
          )}
        </div>
      )}
    </div>
  );
}

function scalesOf({ points, starts }: TimePlotProps, width: number, height: number) {
  const highest = Math.max(
    ...points.flatMap(({ value, comparison }) => [value ?? 0, comparison?.value ?? 0]),
    4,
  );
  const y = scaleLinear({ domain: [0, highest], range: [height - BOTTOM, TOP], nice: 4 });
  const left = 12 + 7 * Math.max(...y.ticks(4).map((value) => tick(value).length));
  const domain = [0, Math.max(starts.length - 1, 1)];
  return { x: scaleLinear({ domain, range: [left, width - RIGHT] }), y };
}

function Axes({ starts, granularity, timezone, x, y }: TimePlotProps & Scales) {
  const [left = 0, right = 0] = x.range();
  const [bottom = 0] = y.range();
  const last = starts.length - 1;
  const name = granularity === 'HOUR' ? clock : shortDay;
  return (
    <>
      {y.ticks(4).map((value) => (
        <g key={value} className="tick">
          <line x1={left} x2={right} y1={y(value)} y2={y(value)} />
          <text x={left - 8} y={y(value)} dy="0.32em" textAnchor="end">
            {tick(value)}
          </text>
        </g>
      ))}
      {labelled(starts.length, right - left).map((at) => (
        <text key={at} x={x(at)} y={bottom + 20} textAnchor={anchor(at, last)}>
          {name(starts[at] ?? '', timezone)}
        </text>
      ))}
    </>
  );
}

function Lines({ points, x, y }: Scales & { points: readonly PointFragment[] }) {
  const values = points.map(({ value }) => value);
  const open = points.findIndex(({ isPartial }, at) => isPartial && at > 0);
  const closed = open < 0 ? values : values.slice(0, open);
  const place = (from: number) => ({
    x: (_: number | null, at: number) => x(from + at),
    y: (value: number | null) => y(value ?? 0),
    defined: (value: number | null) => value !== null,
  });
  const before = points.map(({ comparison }) => comparison?.value ?? null);
  return (
    <>
      <AreaClosed data={values} {...place(0)} yScale={y} className="area" />
      <LinePath data={before} {...place(0)} className="earlier" />
      <LinePath data={closed} {...place(0)} className="line" />
      {open > 0 && (
        <LinePath data={values.slice(open - 1)} {...place(open - 1)} className="line open" />
      )}
      {values.length === 1 && <circle cx={x(0)} cy={y(values[0] ?? 0)} r={4} className="dot" />}
    </>
  );
}

const said = ({ value }: PointFragment, unit: string) =>
  value === null ? 'undefined' : counted(value, unit);

export const clamp = (at: number, last: number) => Math.max(0, Math.min(last, at));

const anchor = (at: number, last: number) =>
  last > 0 && at === last ? 'end' : last > 0 && at === 0 ? 'start' : 'middle';

export const steps = (at: number, last: number): Record<string, number | null> => ({
  ArrowLeft: clamp(at - 1, last),
  ArrowDown: clamp(at - 1, last),
  ArrowRight: clamp(at + 1, last),
  ArrowUp: clamp(at + 1, last),
  PageDown: clamp(at - 7, last),
  PageUp: clamp(at + 7, last),
  Home: 0,
  End: last,
  Escape: null,
});

/** Returns which of n buckets have room for a label, the last one among them. */
export function labelled(n: number, width: number): number[] {
  const step = Math.max(1, Math.ceil(n / Math.max(2, Math.floor(width / LABEL_WIDTH))));
  return Array.from({ length: n }, (_, at) => at).filter((at) => (n - 1 - at) % step === 0);
}
