import type { List } from '../lib/list';
import { rangeTitle } from '../lib/view';
import type { PanelProps } from './index';

interface NothingProps extends PanelProps {
  /** What did not happen. */
  what?: string;
}

/** Says that a range holds nothing, and offers what may hold something. */
export function NothingInRange({ view, change, what = 'No badge was issued' }: NothingProps) {
  const isFiltered = Object.keys(view.filters).length > 0;
  return (
    <>
      <p>
        {what} in this range ({rangeTitle(view).toLowerCase()})
        {isFiltered && ' that passes the filters'}.
      </p>
      {isFiltered ? (
        <button type="button" onClick={() => change({ filters: {} })}>
          Remove the filters
        </button>
      ) : (
        view.range !== 'all' && (
          <button type="button" onClick={() => change({ range: 'all' })}>
            Show all time
          </button>
        )
      )}
    </>
  );
}

/** Returns the words that narrow a list to a bucket, if one is given. */
export const within = (bucket?: { start: string; end: string }): Pick<List, 'from' | 'to'> =>
  bucket ? { from: bucket.start, to: bucket.end } : {};
