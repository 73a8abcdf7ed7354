import { Pie } from '@visx/shape';
import { useState } from 'react';
import { graphql } from '../generated';
import type { PartFragment } from '../generated/graphql';
import { count, counted, rate } from '../lib/format';
import { ChartFigure } from './ChartFigure';
import { Opener } from './Opener';

export const PART = graphql(`
  fragment Part on Slice {
    key
    label
    count
    share
    percentage
  }
`);

interface BadgeDistributionChartProps {
  /** What the whole is divided by, such as `category`. */
  by: string;
  parts: readonly PartFragment[];
  /** Called with the key of a part that is chosen. */
  select?: (key: string) => void;
  /** Opens the list of the badges of a part. */
  open?: (key: string) => void;
}

const MOST_PARTS = 6;
const OTHERS = 'others';
const SIZE = 176;

/** How badges share the whole: a ring, and beside it each part by name, count and percentage. */
export function BadgeDistributionChart({ by, parts, select, open }: BadgeDistributionChartProps) {
  const [pointed, setPointed] = useState<string | null>(null);
  const shown = shownParts(parts);
  const whole = shown.reduce((sum, part) => sum + part.count, 0);
  const [largest] = [...parts].sort((one, other) => other.count - one.count);
  if (!largest) return null;
  const opener = (key: string) => (open && key !== OTHERS ? () => open(key) : undefined);
  const dim = (key: string) => (pointed !== null && pointed !== key ? '' : undefined);
  return (
    <ChartFigure
      label={`Badges by ${by}`}
      summary={`The largest share is ${largest.label}, ${largest.percentage}% of ${counted(whole, 'badges')}.`}
      table={() => ({
        head: [by.charAt(0).toUpperCase() + by.slice(1), 'Badges', 'Share'],
        rows: parts.map((part) => [
          part.label,
          <Opener key="count" open={opener(part.key)}>
            {count(part.count)}
          </Opener>,
          rate(part.share),
        ]),
      })}
    >
      <div className="ring">
        <svg viewBox={`${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`} aria-hidden="true">
          <Pie
            data={shown}
            pieValue={(part) => part.count}
            pieSort={null}
            pieSortValues={null}
            outerRadius={SIZE / 2}
            innerRadius={SIZE / 2 - 26}
            padAngle={0.016}
          >
            {({ arcs, path }) =>
              arcs.map((arc) => (
                // biome-ignore lint/a11y/noStaticElementInteractions: the legend's button does the same
                <path
                  key={arc.data.key}
                  d={path(arc) ?? ''}
                  className={`part-${arc.index + 1}`}
                  data-dim={dim(arc.data.key)}
                  onPointerEnter={() => setPointed(arc.data.key)}
                  onPointerLeave={() => setPointed(null)}
                  onClick={() => arc.data.key !== OTHERS && select?.(arc.data.key)}
                />
              ))
            }
          </Pie>
          <text className="whole" dy="0.05em">
            {count(whole)}
          </text>
          <text className="unit" dy="1.7em">
            badges
          </text>
        </svg>
        <ul className="legend">
          {shown.map((part, at) => (
            <li
              key={part.key}
              data-dim={dim(part.key)}
              onPointerEnter={() => setPointed(part.key)}
              onPointerLeave={() => setPointed(null)}
            >
              <span className={`swatch part-${at + 1}`} />
              <Name part={part} select={part.key === OTHERS ? undefined : select} />
              <span className="number">
                <Opener open={opener(part.key)}>{count(part.count)}</Opener>
              </span>
              <span className="number share">{part.percentage}%</span>
            </li>
          ))}
        </ul>
      </div>
    </ChartFigure>
  );
}

interface NameProps {
  part: PartFragment;
  select: ((key: string) => void) | undefined;
}

function Name({ part, select }: NameProps) {
  if (!select) return <span className="name">{part.label}</span>;
  return (
    <button type="button" className="name pick" onClick={() => select(part.key)}>
      {part.label}
    </button>
  );
}

/** Returns at most six parts, the smallest ones as one where there are more. */
function shownParts(parts: readonly PartFragment[]): PartFragment[] {
  if (parts.length <= MOST_PARTS) return [...parts];
  const rest = parts.slice(MOST_PARTS - 1);
  const sum = (of: (part: PartFragment) => number) =>
    rest.reduce((total, part) => total + of(part), 0);
  const others = {
    key: OTHERS,
    label: `${rest.length} others`,
    count: sum((part) => part.count),
    share: sum((part) => part.share),
    percentage: sum((part) => part.percentage),
  };
  return [...parts.slice(0, MOST_PARTS - 1), others];
}
