import type { ReactNode } from 'react';

interface OpenerProps {
  /** Opens the list behind the number; without it, the number stands alone. */
  open?: (() => void) | undefined;
  children: ReactNode;
}

/** A number that opens the list behind it. */
export function Opener({ open, children }: OpenerProps) {
  if (!open) return <>{children}</>;
  return (
    <button
      type="button"
      className="opener"
      aria-haspopup="dialog"
      title="Show the list"
      onClick={open}
    >
      {children}
    </button>
  );
}
