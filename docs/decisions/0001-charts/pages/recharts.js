// Recharts has no heat map: a scatter of squares stands for it.
import { createElement as h } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import {
  Bar, BarChart, Cell, Line, LineChart, Pie, PieChart, Scatter, ScatterChart, XAxis, YAxis,
} from 'recharts';
import { COLORS, HEIGHT, HOURS, MONTHS, PARTS, WIDTH, YEAR } from './data.js';
import { run } from './run.js';

const size = { width: WIDTH, height: HEIGHT };
const still = { isAnimationActive: false };

run((places) => {
  const roots = Object.fromEntries(
    Object.entries(places).map(([name, place]) => [name, createRoot(place)]),
  );
  const line = (data) =>
    h(LineChart, { ...size, data },
      h(Line, { dataKey: 'value', dot: false, stroke: COLORS[0], ...still }),
      h(XAxis, { dataKey: 'at' }),
      h(YAxis),
    );
  flushSync(() => {
    roots.line.render(line(YEAR));
    roots.bar.render(
      h(BarChart, { ...size, data: MONTHS },
        h(Bar, { dataKey: 'value', fill: COLORS[0], ...still }), h(XAxis, { dataKey: 'name' }), h(YAxis)),
    );
    roots.donut.render(
      h(PieChart, size,
        h(Pie, { data: PARTS, dataKey: 'value', innerRadius: 70, outerRadius: 110, ...still },
          ...PARTS.map((part, at) => h(Cell, { key: part.name, fill: COLORS[at] })))),
    );
    roots.heatmap.render(
      h(ScatterChart, size,
        h(Scatter, { data: HOURS, fill: COLORS[0], shape: 'square', ...still }),
        h(XAxis, { dataKey: 'weekday', type: 'number' }), h(YAxis, { dataKey: 'hour', type: 'number' })),
    );
  });
  return (points) => flushSync(() => roots.line.render(line(points)));
});
