// Observable Plot has no donut: a bar of parts stands for it. A plot is made anew for each update.
import { barX, barY, cell, lineY, plot } from '@observablehq/plot';
import { COLORS, HEIGHT, HOURS, MONTHS, PARTS, WIDTH, YEAR } from './data.js';
import { run } from './run.js';

const size = { width: WIDTH, height: HEIGHT };

run((places) => {
  const line = (points) =>
    places.line.replaceChildren(
      plot({ ...size, marks: [lineY(points, { x: 'at', y: 'value', stroke: COLORS[0] })] }),
    );
  line(YEAR);
  places.bar.append(plot({ ...size, marks: [barY(MONTHS, { x: 'name', y: 'value', fill: COLORS[0] })] }));
  places.donut.append(plot({ ...size, marks: [barX(PARTS, { x: 'value', fill: 'name' })] }));
  places.heatmap.append(plot({ ...size, marks: [cell(HOURS, { x: 'hour', y: 'weekday', fill: 'value' })] }));
  return line;
});
