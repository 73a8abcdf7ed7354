import type { CSSProperties } from 'react';
import { graphql } from '../generated';
import type { CohortFragment, Granularity, RetentionFragment } from '../generated/graphql';
import { useCells } from '../hooks/useCells';
import { cohort, count, counted, inBucket, percent, UNITS } from '../lib/format';
import { ChartFigure } from './ChartFigure';
import { GridCell } from './GridCell';

export const RETENTION = graphql(`
  fragment Retention on RetentionCohorts {
    mode
    cohorts {
      ...Cohort
    }
    mean {
      offset
      retained
      size
      rate
    }
  }
  fragment Cohort on Cohort {
    start
    size
    isComplete
    cells {
      offset
      retained
      rate
      isComplete
    }
  }
`);

interface CohortGridProps {
  retention: RetentionFragment;
  /** The bucket in which a cohort joins. */
  by: Granularity;
  timezone?: string;
  /** Called with the start of a cohort, and the offset of a cell; without that, all of it is meant. */
  open?: ((start: string, offset?: number) => void) | undefined;
}

const MEAN = 'mean';
const SIZE = 'size';

/** How many users come back after joining: a row for each cohort, a column for each bucket since. */
export function CohortGrid({ retention, by, timezone = 'UTC', open }: CohortGridProps) {
  const { mean, mode } = retention;
  const first = retention.cohorts.findIndex(({ size }) => size > 0);
  const cohorts = first < 0 ? [] : retention.cohorts.slice(first);
  const offsets = cohorts[0]?.cells.map(({ offset }) => offset) ?? [];
  const means = mean.filter(({ offset, size }) => size > 0 && offset < offsets.length);
  const { shown, grid, cell } = useCells([
    means.map(({ offset }) => key(MEAN, offset)),
    ...cohorts.map(({ start, cells }) => [
      key(start, SIZE),
      ...cells.map(({ offset }) => key(start, offset)),
    ]),
  ]);
  const unit = UNITS[by];
  const name = ({ start }: Pick<CohortFragment, 'start'>) => cohort(start, by, timezone);
  const saying: Saying = { by, timezone, mode };
  const said = new Map<string, string>([
    ...means.map((each) => [key(MEAN, each.offset), saidOfMean(each, saying)] as const),
    ...cohorts.flatMap((each) => [
      [key(each.start, SIZE), saidOfSize(each, saying)] as const,
      ...each.cells.map(
        (of) => [key(each.start, of.offset), saidOfCell(each, of, saying)] as const,
      ),
    ]),
  ]);
  return (
    <ChartFigure
      label={`Retention by ${unit} of joining`}
      summary={summary(means, saying)}
      table={() => ({
        head: ['Joined', 'Users', ...offsets.map((offset) => `${unit} ${offset}`)],
        rows: cohorts.map((each) => [
          `${name(each)}${each.isComplete ? '' : ' (so far)'}`,
          count(each.size),
          ...each.cells.map((of) => `${count(of.retained)}${of.isComplete ? '' : ' (so far)'}`),
        ]),
      })}
    >
      <div className="scroll">
        {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: its cells are walked by the arrow keys */}
        <table className="cohorts" role="grid" aria-label="Retention of cohorts" {...grid}>
          <thead>
            <tr>
              <th scope="col">Joined</th>
              <th scope="col">Users</th>
              {offsets.map((offset) => (
                <th key={offset} scope="col">
                  <span className="hidden">{unit} </span>
                  {offset}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr className="mean">
              <th scope="row">
                <abbr title="The retained of all cohorts over their users, without what has not ended">
                  Mean
                </abbr>
              </th>
              <td />
              {means.map(({ offset, rate }) => (
                <GridCell
                  key={offset}
                  label={said.get(key(MEAN, offset))}
                  place={cell(key(MEAN, offset))}
                  open={undefined}
                  {...heat(rate)}
                >
                  {percent(rate)}
                </GridCell>
              ))}
            </tr>
            {cohorts.map((each) => (
              <tr key={each.start}>
                <th scope="row">{name(each)}</th>
                <GridCell
                  label={said.get(key(each.start, SIZE))}
                  data-open={each.isComplete ? undefined : ''}
                  open={open && (() => open(each.start))}
                  place={cell(key(each.start, SIZE))}
                >
                  {count(each.size)}
                </GridCell>
                {each.cells.map(({ offset, rate, isComplete }) => (
                  <GridCell
                    key={offset}
                    label={said.get(key(each.start, offset))}
                    data-open={isComplete ? undefined : ''}
                    open={open && (() => open(each.start, offset))}
                    place={cell(key(each.start, offset))}
                    {...heat(rate)}
                  >
                    {percent(rate)}
                  </GridCell>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="readout" aria-hidden="true">
        {(shown && said.get(shown)) ||
          `Columns count ${unit}s since joining. In italics with a dotted line: has not ended, and may rise.`}
      </p>
    </ChartFigure>
  );
}

/** Tints a cell. The root spreads the low rates, among which most of them lie. */
const heat = (rate: number | null | undefined) =>
  typeof rate === 'number'
    ? { style: { '--heat': `${(45 * Math.sqrt(rate)).toFixed(1)}%` } as CSSProperties }
    : {};

const key = (row: string, column: string | number) => `${row} ${column}`;

interface Saying {
  by: Granularity;
  timezone: string;
  mode: RetentionFragment['mode'];
}

type Cell = CohortFragment['cells'][number];
type Mean = RetentionFragment['mean'][number];

// Each begins with what the cell shows, so that who speaks to the page can name what is seen.
function saidOfCell(of: CohortFragment, cell: Cell, saying: Saying): string {
  const joined = `${counted(of.size, 'users')} who joined ${inBucket(of.start, saying.by, saying.timezone)}`;
  return `${share(cell, joined, saying)}${cell.isComplete ? '' : ' so far'}`;
}

const saidOfSize = ({ start, size, isComplete }: CohortFragment, { by, timezone }: Saying) =>
  `${counted(size, 'users')} joined ${inBucket(start, by, timezone)}${isComplete ? '' : ' so far'}`;

const saidOfMean = (mean: Mean, saying: Saying) =>
  share(mean, `${counted(mean.size, 'users')} of all cohorts`, saying);

const share = ({ rate, retained, offset }: Cell | Mean, whole: string, saying: Saying) =>
  `${percent(rate)}: ${count(retained)} of ${whole} were active ${when(offset, saying)}`;

/** Says when users are active to count as retained at an offset. */
function when(offset: number, { by, mode }: Saying): string {
  const unit = UNITS[by];
  const then =
    offset === 0 ? `in the ${unit} of joining` : `${counted(offset, `${unit}s`)} after joining`;
  if (mode === 'STREAK' && offset > 0)
    return `in each ${unit} up to ${counted(offset, `${unit}s`)} after joining`;
  return mode === 'UNBOUNDED' ? `${then} or later` : then;
}

function summary(means: readonly Mean[], saying: Saying): string {
  const after = means.find(({ offset }) => offset === 1);
  if (!after) return `No cohort is old enough to have come back in a later ${UNITS[saying.by]}.`;
  return `On average ${percent(after.rate)} of users are active ${when(1, saying)}.`;
}
