// uPlot has neither a donut nor a heat map: they would be ours.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { COLORS, HEIGHT, MONTHS, WIDTH, YEAR } from './data.js';
import { run } from './run.js';

const size = { width: WIDTH, height: HEIGHT, legend: { show: false } };
const columns = (points) => [points.map((p) => p.at / 1000), points.map((p) => p.value)];

run((places) => {
  const line = new uPlot({ ...size, series: [{}, { stroke: COLORS[0] }] }, columns(YEAR), places.line);
  new uPlot(
    {
      ...size,
      scales: { x: { time: false } },
      series: [{}, { fill: COLORS[0], paths: uPlot.paths.bars({ size: [0.8] }) }],
    },
    [MONTHS.map((_, at) => at), MONTHS.map((month) => month.value)],
    places.bar,
  );
  return (points) => line.setData(columns(points));
});
