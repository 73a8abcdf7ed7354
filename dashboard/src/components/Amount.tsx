import { useRef } from 'react';

/** A figure that is tinted for a moment when it changes. */
export function Amount({ value, format }: { value: number; format: (value: number) => string }) {
  const first = useRef(value);
  // A new key begins the animation anew.
  return (
    <span key={value} className="amount" data-moved={value === first.current ? undefined : ''}>
      {format(value)}
    </span>
  );
}
