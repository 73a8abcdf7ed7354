import { type ReactNode, useState } from 'react';
import { DataTable, type Table } from './DataTable';

interface ChartFigureProps {
  /** What the chart shows: names its table. */
  label: string;
  /** One sentence that says what there is to see. */
  summary: string;
  table: () => Table;
  /** What the lines mean, where there are several. */
  legend?: ReactNode;
  children: ReactNode;
}

/** A chart with the sentence that sums it up and the table of its figures. */
export function ChartFigure({ label, summary, table, legend, children }: ChartFigureProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <figure className="chart">
      <figcaption>
        <span>{summary}</span>
        {legend}
      </figcaption>
      {children}
      <details className="figures" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          Figures<span className="hidden"> of {label}</span>
        </summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <section className="scroll" tabIndex={0} aria-label={`Figures of ${label}`}>
          {isOpen && <DataTable caption={label} {...table()} />}
        </section>
      </details>
    </figure>
  );
}
