import type { ReactNode } from 'react';
import { Amount } from './Amount';
import { Opener } from './Opener';
import { Sparkline } from './Sparkline';

export interface Card {
  label: string;
  /** Null if it is undefined. */
  value: number | null;
  format: (value: number) => string;
  /** Opens the list behind the figure. */
  open?: (() => void) | undefined;
  /** What stands under the figure: where it comes from, how it has changed. */
  detail: ReactNode;
  /** The series behind the figure. */
  series?: readonly number[] | undefined;
}

/** The few figures that stand above everything else. */
export function OverviewCards({ cards }: { cards: readonly Card[] }) {
  return (
    <dl className="cards">
      {cards.map(({ label, value, format, open, detail, series }) => (
        <div className="card" key={label}>
          <dt>{label}</dt>
          <dd className="figure">
            {value === null ? (
              '–'
            ) : (
              <Opener open={open}>
                <Amount value={value} format={format} />
              </Opener>
            )}
          </dd>
          <dd className="detail">{detail}</dd>
          {series && (
            <dd className="trace">
              <Sparkline values={series} />
            </dd>
          )}
        </div>
      ))}
    </dl>
  );
}
