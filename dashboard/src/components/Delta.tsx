import type { Change } from '../lib/change';
import { count, difference, rate } from '../lib/format';

interface DeltaProps {
  change: Change;
  /** What the earlier value is written as. */
  format?: (value: number) => string;
}

/** How a figure differs from an earlier one, by a sign and a word and not by colour alone. */
export function Delta({ change, format = count }: DeltaProps) {
  const { value, change: by, changePercent, isNew } = change;
  const direction = by > 0 ? 'up' : by < 0 ? 'down' : 'same';
  const mark = { up: '▲', down: '▼', same: '＝' }[direction];
  const size = isNew || changePercent === null ? 'new' : rate(Math.abs(changePercent) / 100);
  return (
    <span
      className="delta"
      data-direction={direction}
      title={`${difference(by)}, from ${format(value)}`}
    >
      <span aria-hidden="true">{mark} </span>
      <span className="hidden">{{ up: 'up', down: 'down', same: 'unchanged' }[direction]} </span>
      {direction === 'same' ? 'no change' : size}
    </span>
  );
}
