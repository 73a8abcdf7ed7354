import type { ReactNode } from 'react';

interface OpenableProps {
  /** Opens the list behind the number; without it, there is none to open. */
  open: (() => void) | undefined;
  children: ReactNode;
}

/** A number, and the button that opens the list behind it. */
export function Openable({ open, children }: OpenableProps) {
  if (!open) return children;
  return (
    <button type="button" className="opener" onClick={open}>
      {children}
    </button>
  );
}
