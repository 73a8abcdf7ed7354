import { graphql } from '../generated';
import type { HourFragment, Weekday } from '../generated/graphql';
import { useCells } from '../hooks/useCells';
import { counted, ratio, weekday } from '../lib/format';
import { ChartFigure } from './ChartFigure';
import { GridCell } from './GridCell';

export const HOUR = graphql(`
  fragment Hour on PeakActivityCell {
    weekday
    hour
    value
    count
  }
`);

interface PeakActivityProps {
  /** All hours of the week, the first day of the week first. */
  cells: readonly HourFragment[];
  /** The IANA time zone of the hours. */
  timezone?: string;
  /** Called with the hour whose badges are to be listed. */
  open?: ((weekday: Weekday, hour: number) => void) | undefined;
}

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

/** When badges are issued: a dot for each hour of the week, its area the badges of such an hour. */
export function PeakActivity({ cells, timezone = 'UTC', open }: PeakActivityProps) {
  const days = [...new Set(cells.map((cell) => cell.weekday))];
  const at = new Map(cells.map((cell) => [keyOf(cell.weekday, cell.hour), cell]));
  const { shown, grid, cell } = useCells(days.map((day) => HOURS.map((hour) => keyOf(day, hour))));
  const most = Math.max(...cells.map(({ value }) => value ?? 0));
  const peak = cells.find(({ value }) => value === most);
  const told = shown === undefined ? undefined : at.get(shown);
  return (
    <ChartFigure
      label="Badges issued by hour of the week"
      summary={peak && most > 0 ? `The peak is ${said(peak)}.` : 'No badge was issued.'}
      table={() => ({
        head: ['Hour', ...days.map(weekday)],
        rows: HOURS.map((hour) => [
          clockHour(hour),
          ...days.map((day) => written(at.get(keyOf(day, hour))?.value)),
        ]),
      })}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: its cells are walked by the arrow keys */}
      <table className="week" role="grid" aria-label="Badges by hour of the week" {...grid}>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">Day</span>
            </th>
            {HOURS.map((hour) => (
              <th key={hour} scope="col">
                <span className={hour % 6 ? 'hidden' : undefined}>{clockHour(hour)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map((day) => (
            <tr key={day}>
              <th scope="row">
                <abbr title={weekday(day)}>{weekday(day).slice(0, 3)}</abbr>
              </th>
              {HOURS.map((hour) => {
                const key = keyOf(day, hour);
                const of = at.get(key);
                return (
                  <GridCell
                    key={hour}
                    label={of && said(of)}
                    place={cell(key)}
                    open={open && (() => open(day, hour))}
                  >
                    <Dot share={most > 0 ? (of?.value ?? 0) / most : 0} />
                  </GridCell>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="readout" aria-hidden="true">
        {told ? said(told) : `Hours of ${timezone}. The area of a dot is badges an hour.`}
      </p>
    </ChartFigure>
  );
}

/** Its area is the share, for one hour may well be many times another. */
const Dot = ({ share }: { share: number }) => (
  <svg viewBox="-10 -10 20 20" aria-hidden="true">
    <circle r={share > 0 ? Math.max(1.5, 9.5 * Math.sqrt(share)) : 0.75} data-none={share <= 0} />
  </svg>
);

const keyOf = (day: Weekday, hour: number) => `${day}-${hour}`;

const clockHour = (hour: number) => `${String(hour % 24).padStart(2, '0')}:00`;

const written = (value: number | null | undefined) =>
  typeof value === 'number' ? ratio(value) : '–';

function said({ weekday: day, hour, value, count: total }: HourFragment): string {
  const when = `${weekday(day)}, ${clockHour(hour)} to ${clockHour(hour + 1)}`;
  if (value === null) return `${when}: not in this range`;
  return `${when}: ${ratio(value)} badges an hour, ${counted(total, 'badges')} in all`;
}
