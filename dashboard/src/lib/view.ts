// What the page shows, as its address says it: a link shows the same page to everybody.
import type {
  CompareInput,
  Comparison,
  Granularity,
  Preset,
  RangeInput,
  WhereInput,
} from '../generated/graphql';
import { type List, readList, writeList } from './list';

export type RangeName = 'today' | '7d' | '30d' | '90d' | '12m' | 'all';
export type CompareTo = 'previous' | 'year' | 'none';
export type FilterName = 'category' | 'level' | 'issuer' | 'community' | 'badge';

export interface CustomRange {
  /** The first day, such as 2026-03-01. */
  from: string;
  /** The last day, which is contained. */
  to: string;
}

/** The keys of the parts that are shown, by what they are parts of; without any, all are. */
export type Filters = Partial<Record<FilterName, readonly string[]>>;

export interface View {
  range: RangeName | CustomRange;
  /** The IANA time zone in which days begin. */
  timezone: string;
  compare: CompareTo;
  filters: Filters;
  /** The list that lies open over the page; null if none does. */
  list: List | null;
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

const PERIODS: Partial<Record<CompareTo, Comparison>> = {
  previous: 'PREVIOUS_PERIOD',
  year: 'YEAR_BEFORE',
};

export const FILTERS: readonly FilterName[] = ['category', 'level', 'issuer', 'community', 'badge'];

const DEFAULT: View = {
  range: '30d',
  timezone: 'UTC',
  compare: 'previous',
  filters: {},
  list: null,
};
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
  const view: View = {
    range: read('range', DEFAULT.range, parseRange),
    timezone: read('tz', DEFAULT.timezone, (zone) => (isTimeZone(zone) ? zone : undefined)),
    compare: read('compare', DEFAULT.compare, (name) =>
      Object.hasOwn(COMPARISONS, name) ? (name as CompareTo) : undefined,
    ),
    filters: {},
    list: readList(parameters, (text) => complaints.push(text)),
  };
  for (const name of FILTERS) {
    const keys = parameters.getAll(name);
    if (keys.length > 0) view.filters[name] = keys;
  }
  return { view, complaints };
}

/** Returns `search` with the view written into it; what is not the view's own stays as it is. */
export function writeView(search: string, view: View): string {
  const parameters = new URLSearchParams(search);
  const write = (name: string, value: string, fallback: string) =>
    value === fallback ? parameters.delete(name) : parameters.set(name, value);
  const { range } = view;
  write('range', typeof range === 'string' ? range : `${range.from}..${range.to}`, '30d');
  write('tz', view.timezone, DEFAULT.timezone);
  write('compare', view.compare, DEFAULT.compare);
  for (const name of FILTERS) {
    parameters.delete(name);
    for (const key of view.filters[name] ?? []) parameters.append(name, key);
  }
  writeList(parameters, view.list);
  // Slashes and colons may stand in a query as they are, and read better.
  return parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':');
}

/** Returns the filters with one key more, or without it if it was among them. */
export function toggled(filters: Filters, name: FilterName, key: string): Filters {
  const { [name]: keys = [], ...others } = filters;
  const left = keys.includes(key) ? keys.filter((each) => each !== key) : [...keys, key];
  return left.length > 0 ? { ...others, [name]: left } : others;
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

export interface Question {
  range: RangeInput;
  timezone: string;
  compareTo: CompareInput | null;
  where: WhereInput | null;
}

/** Returns the view as the API takes it: the arguments that all its answers have in common. */
export function questionOf(view: View): Question {
  const { range, timezone } = view;
  return {
    range:
      typeof range === 'string'
        ? { preset: RANGES[range].preset }
        : { dates: { from: range.from, to: nextDay(range.to) } },
    timezone,
    compareTo: compareTo(view),
    where: where(view.filters),
  };
}

function compareTo({ range, compare }: View): CompareInput | null {
  const period = PERIODS[compare];
  // Nothing is before all time.
  return period && !(range === 'all' && compare === 'previous') ? { period } : null;
}

function where({ category, level, issuer, community, badge }: Filters): WhereInput | null {
  const asked: WhereInput = {
    ...(category && { categories: [...category] }),
    ...(level && { levels: [...level] }),
    ...(issuer && { issuers: [...issuer] }),
    ...(community && { communities: [...community] }),
    ...(badge && { badges: [...badge] }),
  };
  return Object.keys(asked).length > 0 ? asked : null;
}

const nextDay = (day: string) =>
  new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);

export const rangeTitle = ({ range }: View): string =>
  typeof range === 'string' ? RANGES[range].title : 'Chosen days';

/** Whether the range ends with what is now, and not before it. */
export const reachesNow = ({ range }: View): boolean =>
  typeof range === 'string' || Date.parse(nextDay(range.to)) > Date.now();

/** Says what the view is compared with; null if it is with nothing. */
export function comparedWith(view: View): string | null {
  if (!compareTo(view)) return null;
  return view.compare === 'year' ? 'the year before' : 'the period before';
}

/** Returns the length of a bucket that gives a series of the range a readable number of points. */
export function granularityOf({ range }: View): Granularity {
  if (range === 'today') return 'HOUR';
  if (range === '12m' || range === 'all') return 'WEEK';
  if (typeof range === 'string') return 'DAY';
  const days = (Date.parse(range.to) - Date.parse(range.from)) / DAY_MS + 1;
  if (days <= 2) return 'HOUR';
  return days <= DAYS_BY_DAY ? 'DAY' : 'WEEK';
}
