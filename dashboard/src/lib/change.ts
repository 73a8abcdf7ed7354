// How a figure differs from an earlier one, by the rules of the API's comparisons.

export interface Change {
  /** The earlier value. */
  value: number;
  /** Now minus then. */
  change: number;
  /** In percent of the earlier value; null if that is 0 and the later one is not. */
  changePercent: number | null;
  /** Whether the earlier value is 0 and the later one is not. */
  isNew: boolean;
}

export function compared(now: number, then: number): Change {
  const change = now - then;
  const isNew = then === 0 && now !== 0;
  const changePercent = then === 0 ? (isNew ? null : 0) : (100 * change) / Math.abs(then);
  return { value: then, change, changePercent, isNew };
}
