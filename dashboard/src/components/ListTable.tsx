import { type ReactNode, useRef } from 'react';
import { type ListAnswer, STEP } from '../hooks/useList';
import { count, counted } from '../lib/format';
import { Amount } from './Amount';
import { Failure, Skeleton } from './Panel';

export interface Column<Edge> {
  title: string;
  cell: (edge: Edge) => ReactNode;
  isNumber?: boolean;
  /** Whether a phone does without it. */
  isMinor?: boolean;
}

interface ListTableProps<Edge> {
  caption: string;
  /** What is listed, in the plural. */
  unit: string;
  answer: ListAnswer<Edge>;
  /** The first one names the row. */
  columns: readonly Column<Edge>[];
  /** How it can be sorted: a title for each name. */
  orders?: Record<string, string>;
  order?: string;
  sort?: (order: string) => void;
}

/** A list with the number of its entries, of which more are fetched on demand. */
export function ListTable<Edge extends { node: { id: string } }>({
  caption,
  unit,
  answer,
  columns,
  orders = {},
  order,
  sort,
}: ListTableProps<Edge>) {
  const { data, error, isFresh, retry, hasMore, more } = answer;
  const scroll = useRef<HTMLElement>(null);
  const rest = data ? data.totalCount - data.edges.length : 0;
  return (
    <>
      <div className="tally">
        <p role="status">
          {data && <Amount value={data.totalCount} format={(total) => counted(total, unit)} />}
        </p>
        {sort && (
          <label>
            <span>Sorted by</span>
            <select value={order} onChange={(event) => sort(event.target.value)}>
              {Object.entries(orders).map(([name, title]) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {error && <Failure error={error} isStale={data !== undefined} retry={retry} />}
      <section
        ref={scroll}
        className="scroll"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        aria-label={caption}
        aria-busy={!isFresh}
      >
        {!data && !error && <Skeleton height={320} />}
        {data?.edges.length === 0 && <p className="empty">There are none.</p>}
        {data && data.edges.length > 0 && (
          <table className="list">
            <caption className="hidden">{caption}</caption>
            <thead>
              <tr>
                {columns.map(({ title, isNumber, isMinor }) => (
                  <th key={title} scope="col" data-number={isNumber} data-minor={isMinor}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.edges.map((edge) => (
                <tr key={edge.node.id}>
                  {columns.map(({ title, cell, isNumber, isMinor }, at) => {
                    const Cell = at === 0 ? 'th' : 'td';
                    return (
                      <Cell
                        key={title}
                        scope={at === 0 ? 'row' : undefined}
                        data-number={isNumber}
                        data-minor={isMinor}
                      >
                        {cell(edge)}
                      </Cell>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {hasMore && (
          <button
            type="button"
            className="more"
            disabled={!isFresh}
            onClick={() => {
              // The button goes when there is no more, and the focus would go with it.
              if (rest <= STEP) scroll.current?.focus();
              more();
            }}
          >
            Show more <span>({count(rest)} left)</span>
          </button>
        )}
      </section>
    </>
  );
}
