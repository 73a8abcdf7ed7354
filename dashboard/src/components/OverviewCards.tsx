import type { ReactNode } from 'react';
import { Amount } from './Amount';
import { Sparkline } from './Sparkline';

export interface Card {
  label: string;
  /** Null if it is undefined. */
  value: number | null;
  format: (value: number) => string;
  /** What stands under the figure: where it comes from, how it has changed. */
  detail: ReactNode;
  /** The series behind the figure. */
  series?: readonly number[] | undefined;
}

/** The few figures that stand above everything else. */
export function OverviewCards({ cards }: { cards: readonly Card[] }) {
  return (
    <dl className="cards">
      {cards.map(({ label, value, format, detail, series }) => (
        <div className="card" key={label}>
          <dt>{label}</dt>
          <dd className="figure">
            {value === null ? '–' : <Amount value={value} format={format} />}
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
