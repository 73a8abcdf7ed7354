import { BarChart, HeatmapChart, LineChart, PieChart } from 'echarts/charts';
import { AriaComponent, GridComponent, VisualMapComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { COLORS, HEIGHT, HOURS, MONTHS, PARTS, WIDTH, YEAR } from './data.js';
import { run } from './run.js';

use([
  BarChart, HeatmapChart, LineChart, PieChart,
  AriaComponent, GridComponent, VisualMapComponent, SVGRenderer,
]);

const common = { animation: false, aria: { enabled: true }, color: COLORS };
const pairs = (points) => points.map(({ at, value }) => [at, value]);

run((places) => {
  const draw = (name, option) => {
    const chart = init(places[name], null, { renderer: 'svg', width: WIDTH, height: HEIGHT });
    chart.setOption({ ...common, ...option });
    return chart;
  };
  const line = draw('line', {
    xAxis: { type: 'time' },
    yAxis: {},
    series: [{ type: 'line', symbol: 'none', data: pairs(YEAR) }],
  });
  draw('bar', {
    xAxis: { data: MONTHS.map((month) => month.name) },
    yAxis: {},
    series: [{ type: 'bar', data: MONTHS.map((month) => month.value) }],
  });
  draw('donut', { series: [{ type: 'pie', radius: [70, 110], data: PARTS }] });
  draw('heatmap', {
    xAxis: { type: 'category' },
    yAxis: { type: 'category' },
    visualMap: { min: 0, max: 50, show: false },
    series: [{ type: 'heatmap', data: HOURS.map((cell) => [cell.hour, cell.weekday, cell.value]) }],
  });
  return (points) => {
    line.setOption({ series: [{ data: pairs(points) }] });
    line.getZr().flush();
  };
});
