import { scaleLinear } from '@visx/scale';
import { AreaClosed, LinePath } from '@visx/shape';

const WIDTH = 120;
const HEIGHT = 32;

/** The shape of a series, for the eye only: the figure beside it says what matters. */
export function Sparkline({ values }: { values: readonly number[] }) {
  if (values.length < 2) return <div className="sparkline" />;
  const x = scaleLinear({ domain: [0, values.length - 1], range: [0, WIDTH] });
  const y = scaleLinear({ domain: [0, Math.max(...values, 1)], range: [HEIGHT - 1, 1] });
  const position = { x: (_: number, at: number) => x(at), y: (value: number) => y(value) };
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <AreaClosed data={[...values]} {...position} yScale={y} className="area" />
      <LinePath data={[...values]} {...position} className="line" />
    </svg>
  );
}
