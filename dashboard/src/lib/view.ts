// What the page shows, as its address says it: a link shows the same page to everybody.
import type { Granularity, Preset, RangeInput } from '../generated/graphql';

export type RangeName = 'today' | '7d' | '30d' | '90d' | '12m' | 'all';
export type CompareTo = 'previous' | 'year' | 'none';

export interface CustomRange {
  /** The first day, such as 2026-03-01. */
  from: string;
  /** The last day, which is contained. */
  to: string;
}

export interface View {
  range: RangeName | CustomRange;
  /** The IANA time zone in which days begin. */
  timezone: string;
  compare: CompareTo;
}

export const RANGES: Record<RangeName, { label: string; title: string; preset: Preset }> = {
  today: { label: 'Today', title: 'Today', preset: 'TODAY' },
  '7d': { label: '7 days', title: 'Last 7 days', preset: 'LAST_7_DAYS' },
  '30d': { label: '30 days', title: 'Last 30 days', preset: 'LAST_30_DAYS' },
  '90d': { label: '90 days', title: 'Last 90 days', preset: 'LAST_90_DAYS' },
  '12m': { label: '12 months', title: 'Last 12 months', preset: 'LAST_12_MONTHS' },
  all: { label: 'All time', title: 'All time', preset: 'ALL_TIME' },
};

export const COMPARISONS: Record<CompareTo, string> = {
  previous: 'Previous period',
  year: 'Year before',
  none: 'Nothing',
};

export const DEFAULT_VIEW: View = { range: '30d', timezone: 'UTC', compare: 'previous' };

const DAY_MS = 86_400_000;
const DAYS_BY_DAY = 100;

/** Reads an address; what it does not understand is left at its default and complained about. */
export function readView(search: string): { view: View; complaints: string[] } {
  const parameters = new URLSearchParams(search);
  const complaints: string[] = [];
  const read = <T>(name: string, fallback: T, parse: (text: string) => T | undefined): T => {
    const text = parameters.get(name);
    if (text === null) return fallback;
    const value = parse(text);
    if (value === undefined) complaints.push(`${name}=${text}`);
    return value ?? fallback;
  };
  const view = {
    range: read('range', DEFAULT_VIEW.range, parseRange),
    timezone: read('tz', DEFAULT_VIEW.timezone, (zone) => (isTimeZone(zone) ? zone : undefined)),
    compare: read('compare', DEFAULT_VIEW.compare, (name) =>
      name in COMPARISONS ? (name as CompareTo) : undefined,
    ),
  };
  return { view, complaints };
}

/** Returns `search` with the view written into it; defaults and other parameters stay as they are. */
export function writeView(search: string, view: View): string {
  const parameters = new URLSearchParams(search);
  const values = {
    range: typeof view.range === 'string' ? view.range : `${view.range.from}..${view.range.to}`,
    tz: view.timezone,
    compare: view.compare,
  };
  const defaults = { range: DEFAULT_VIEW.range, tz: 'UTC', compare: DEFAULT_VIEW.compare };
  for (const [name, value] of Object.entries(values)) {
    if (value === defaults[name as keyof typeof defaults]) parameters.delete(name);
    else parameters.set(name, value);
  }
  // Slashes and colons may stand in a query as they are, and read better.
  return parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':');
}

function parseRange(text: string): View['range'] | undefined {
  if (Object.hasOwn(RANGES, text)) return text as RangeName;
  const [from, to, ...rest] = text.split('..');
  if (!from || !to || rest.length > 0 || !isDay(from) || !isDay(to) || from > to) return undefined;
  return { from, to };
}

const isDay = (text: string) =>
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Returns the day after a day such as 2026-03-01. */
export const nextDay = (day: string) =>
  new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);

/** Returns the range as the API takes it. */
export const rangeInput = ({ range }: View): RangeInput =>
  typeof range === 'string'
    ? { preset: RANGES[range].preset }
    : { dates: { start: range.from, end: nextDay(range.to) } };

export const rangeTitle = ({ range }: View): string =>
  typeof range === 'string' ? RANGES[range].title : 'Chosen days';

/** Returns the length of a bucket that gives a series of the range a readable number of points. */
export function granularityOf({ range }: View): Granularity {
  if (range === 'today') return 'HOUR';
  if (range === '12m' || range === 'all') return 'WEEK';
  if (typeof range === 'string') return 'DAY';
  const days = (Date.parse(range.to) - Date.parse(range.from)) / DAY_MS + 1;
  if (days <= 2) return 'HOUR';
  return days <= DAYS_BY_DAY ? 'DAY' : 'WEEK';
}

export interface Earlier {
  /** Up to the same moment, if the range is open. */
  range: { between: Bounds };
  /** Up to its own end. */
  whole: { between: Bounds };
}

interface Bounds {
  start: string;
  end: string;
}

/**
 * Returns the range that an answer's range is compared with; null where nothing is to be compared.
 */
export function earlier(
  view: View,
  resolved: { start: string; end: string },
  asOf: string,
): Earlier | null {
  if (view.compare === 'none' || view.range === 'all') return null;
  const start = Date.parse(resolved.start);
  const end = Date.parse(resolved.end);
  const moved = (instant: number) => {
    if (view.compare === 'previous') return instant - (end - start);
    const date = new Date(instant);
    date.setUTCFullYear(date.getUTCFullYear() - 1);
    return date.getTime();
  };
  const between = (until: number) => ({
    between: { start: iso(moved(start)), end: iso(moved(until)) },
  });
  return { range: between(Math.min(end, Date.parse(asOf))), whole: between(end) };
}

const iso = (instant: number) => new Date(instant).toISOString();
