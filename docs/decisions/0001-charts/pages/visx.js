import { AxisBottom, AxisLeft } from '@visx/axis';
import { HeatmapRect } from '@visx/heatmap';
import { scaleBand, scaleLinear, scaleUtc } from '@visx/scale';
import { Bar, LinePath, Pie } from '@visx/shape';
import { createElement as h } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { COLORS, HEIGHT, HOURS, MONTHS, PARTS, WIDTH, YEAR } from './data.js';
import { run } from './run.js';

const chart = (...children) =>
  h('svg', { width: WIDTH, height: HEIGHT, role: 'img', 'aria-label': 'a chart' }, ...children);
const highest = (items) => Math.max(...items.map((item) => item.value));
const axes = (x, y) => [
  h(AxisBottom, { key: 'x', scale: x, top: HEIGHT - 30 }),
  h(AxisLeft, { key: 'y', scale: y, left: 40 }),
];

const Line = ({ points }) => {
  const x = scaleUtc({ domain: [points[0].at, points.at(-1).at], range: [40, WIDTH] });
  const y = scaleLinear({ domain: [0, highest(points)], range: [HEIGHT - 30, 5], nice: true });
  return chart(
    h(LinePath, { data: points, x: (p) => x(p.at), y: (p) => y(p.value), stroke: COLORS[0] }),
    ...axes(x, y),
  );
};

const Bars = () => {
  const x = scaleBand({ domain: MONTHS.map((m) => m.name), range: [40, WIDTH], padding: 0.2 });
  const y = scaleLinear({ domain: [0, highest(MONTHS)], range: [HEIGHT - 30, 5], nice: true });
  return chart(
    ...MONTHS.map(({ name, value }) =>
      h(Bar, {
        key: name,
        x: x(name),
        y: y(value),
        width: x.bandwidth(),
        height: HEIGHT - 30 - y(value),
        fill: COLORS[0],
      }),
    ),
    ...axes(x, y),
  );
};

const Donut = () =>
  chart(
    h('g', { transform: `translate(${WIDTH / 2} ${HEIGHT / 2})` },
      h(Pie, {
        data: PARTS,
        pieValue: (part) => part.value,
        outerRadius: 110,
        innerRadius: 70,
        fill: (arc) => COLORS[arc.index],
      }),
    ),
  );

const Week = () => {
  const bins = Array.from({ length: 7 }, (_, day) => ({
    bins: HOURS.filter((cell) => cell.weekday === day).map((cell) => ({ count: cell.value })),
  }));
  const x = scaleLinear({ domain: [0, 7], range: [40, WIDTH] });
  const y = scaleLinear({ domain: [0, 24], range: [0, HEIGHT] });
  return chart(
    h(HeatmapRect, {
      data: bins,
      xScale: x,
      yScale: y,
      binWidth: (WIDTH - 40) / 7,
      binHeight: HEIGHT / 24,
      colorScale: () => COLORS[0],
      opacityScale: (count) => count / 50,
    }),
  );
};

run((places) => {
  const roots = Object.fromEntries(
    Object.entries(places).map(([name, place]) => [name, createRoot(place)]),
  );
  const line = (points) => flushSync(() => roots.line.render(h(Line, { points })));
  flushSync(() => {
    roots.line.render(h(Line, { points: YEAR }));
    roots.bar.render(h(Bars));
    roots.donut.render(h(Donut));
    roots.heatmap.render(h(Week));
  });
  return line;
});
