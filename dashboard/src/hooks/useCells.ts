import { type KeyboardEvent, useState } from 'react';

type Key = string | undefined;

/** What a cell is given: its place among the others. */
export type CellPlace = ReturnType<ReturnType<typeof useCells>['cell']>;

/**
 * The cells of a grid, one of them in the order of the tab key and the arrow keys from there, as
 * the pattern of WAI-ARIA has it. `rows` are the keys of the cells.
 */
export function useCells(rows: readonly (readonly string[])[]) {
  const [chosen, choose] = useState<Key>();
  const [pointed, point] = useState<Key>();
  const row = Math.max(
    0,
    rows.findIndex((keys) => chosen !== undefined && keys.includes(chosen)),
  );
  const column = Math.max(0, rows[row]?.indexOf(chosen ?? '') ?? 0);
  const current = rows[row]?.[column];

  const walk = (event: KeyboardEvent<HTMLElement>) => {
    const [down, right] = steps(event, rows[row]?.length ?? 0, rows.length);
    const keys = rows[clamp(row + down, rows.length)];
    const target = keys?.[clamp(column + right, keys.length)];
    if ((down === 0 && right === 0) || target === undefined) return;
    event.preventDefault();
    event.currentTarget.querySelector<HTMLElement>(`[data-cell="${target}"]`)?.focus();
  };
  return {
    /** The key of the cell that is pointed at or has the focus. */
    shown: pointed,
    /** What the grid itself is given. */
    grid: { onKeyDown: walk, onPointerLeave: () => point(undefined) },
    /** What each cell is given. */
    cell: (key: string) => ({
      'data-cell': key,
      tabIndex: key === current ? 0 : -1,
      onPointerEnter: () => point(key),
      onFocus: () => {
        choose(key);
        point(key);
      },
      onBlur: () => point(undefined),
    }),
  };
}

function steps({ key, ctrlKey }: KeyboardEvent, columns: number, rows: number): [number, number] {
  switch (key) {
    case 'ArrowUp':
      return [-1, 0];
    case 'ArrowDown':
      return [1, 0];
    case 'ArrowLeft':
      return [0, -1];
    case 'ArrowRight':
      return [0, 1];
    case 'Home':
      return [ctrlKey ? -rows : 0, -columns];
    case 'End':
      return [ctrlKey ? rows : 0, columns];
    default:
      return [0, 0];
  }
}

const clamp = (at: number, length: number) => Math.max(0, Math.min(length - 1, at));
