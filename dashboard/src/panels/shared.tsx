import { rangeTitle, type View } from '../lib/view';
import type { PanelProps } from './index';

/** Says that a range holds nothing, and offers all time. */
export function NothingInRange({ view, change }: PanelProps) {
  if (view.range === 'all') return <p>No badge was issued yet.</p>;
  return (
    <>
      <p>No badge was issued in this range ({rangeTitle(view).toLowerCase()}).</p>
      <button type="button" onClick={() => change({ range: 'all' })}>
        Show all time
      </button>
    </>
  );
}

/** What a panel is compared with, in words. */
export const comparedWith = ({ compare }: View) =>
  compare === 'year' ? 'a year before' : 'the period before';
