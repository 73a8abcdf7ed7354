import type { ReactNode, TdHTMLAttributes } from 'react';
import type { CellPlace } from '../hooks/useCells';

interface GridCellProps extends TdHTMLAttributes<HTMLTableCellElement> {
  /** What it says in words. */
  label: string | undefined;
  place: CellPlace;
  /** Opens the list behind it. */
  open: (() => void) | undefined;
  children: ReactNode;
}

/** A cell of a grid that the arrow keys walk; a button where there is a list behind it. */
export function GridCell({ label, place, open, children, ...look }: GridCellProps) {
  if (!open) {
    return (
      <td {...look} {...place} aria-label={label}>
        {children}
      </td>
    );
  }
  return (
    <td {...look}>
      <button
        type="button"
        className="opener"
        aria-haspopup="dialog"
        aria-label={label}
        onClick={open}
        {...place}
      >
        {children}
      </button>
    </td>
  );
}
