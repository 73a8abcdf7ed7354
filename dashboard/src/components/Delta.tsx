import { graphql } from '../generated';
import type { ChangeFragment } from '../generated/graphql';
import { count, difference, points, rate } from '../lib/format';

export const CHANGE = graphql(`
  fragment Change on ValueComparison {
    value
    change
    changePercent
    isNew
  }
`);

interface DeltaProps {
  change: ChangeFragment;
  /** How the figure is written. */
  format?: (value: number) => string;
  /** Whether the figure is a rate, whose change is told in percentage points. */
  isRate?: boolean;
}

const MARKS = { up: '▲ ', down: '▼ ', same: '' };
const WORDS = { up: 'up ', down: 'down ', same: '' };

/** How a figure differs from an earlier one, by a sign and a word and not by colour alone. */
export function Delta({ change, format = count, isRate = false }: DeltaProps) {
  const { value, change: by, changePercent, isNew } = change;
  if (by === null) return null;
  const direction = by > 0 ? 'up' : by < 0 ? 'down' : 'same';
  const size = isRate
    ? points(Math.abs(by))
    : isNew || changePercent === null
      ? 'new'
      : rate(Math.abs(changePercent) / 100);
  const before = `before: ${value === null ? '–' : format(value)}`;
  return (
    <span
      className="delta"
      data-direction={direction}
      title={isRate ? before : `${difference(by)}, ${before}`}
    >
      <span aria-hidden="true">{MARKS[direction]}</span>
      <span className="hidden">{WORDS[direction]}</span>
      {direction === 'same' ? 'no change' : size}
    </span>
  );
}
