// What the page shows, as its address says it: a link shows the same page to everybody.
import type {
  CompareInput,
  Comparison,
  Granularity,
  Preset,
  RangeInput,
  RetentionMode,
  Weekday,
  WhereInput,
} from '../generated/graphql';
import { type List, readList, writeList } from './list';

export type RangeName = 'today' | '7d' | '30d' | '90d' | '12m' | 'all';
export type CompareTo = 'previous' | 'year' | 'none';
export type WeekStart = 'monday' | 'saturday' | 'sunday';
export type CohortUnit = 'day' | 'week' | 'month';
export type Retained = 'bounded' | 'unbounded' | 'streak';
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
  weekStart: WeekStart;
  compare: CompareTo;
  /** The bucket in which a cohort joins; null leaves it to the range. */
  cohorts: CohortUnit | null;
  /** When a user of a cohort counts as retained. */
  retained: Retained;
  filters: Filters;
  /** The list that lies open over the page; null if none does. */
  list: List | null;
}

interface NamedRange {
  label: string;
  title: string;
  preset: Preset;
  /** How many days it has, roughly. */
  days: number;
}

export const RANGES: Record<RangeName, NamedRange> = {
  today: { label: 'Today', title: 'Today', preset: 'TODAY', days: 1 },
  '7d': { label: '7 days', title: 'Last 7 days', preset: 'LAST_7_DAYS', days: 7 },
  '30d': { label: '30 days', title: 'Last 30 days', preset: 'LAST_30_DAYS', days: 30 },
  '90d': { label: '90 days', title: 'Last 90 days', preset: 'LAST_90_DAYS', days: 90 },
  '12m': { label: '12 months', title: 'Last 12 months', preset: 'LAST_12_MONTHS', days: 365 },
  all: { label: 'All time', title: 'All time', preset: 'ALL_TIME', days: Number.POSITIVE_INFINITY },
};

export const COMPARISONS: Record<CompareTo, string> = {
  previous: 'Previous period',
  year: 'Year before',
  none: 'Nothing',
};

export const WEEK_STARTS: Record<WeekStart, { label: string; weekday: Weekday }> = {
  monday: { label: 'Monday', weekday: 'MONDAY' },
  saturday: { label: 'Saturday', weekday: 'SATURDAY' },
  sunday: { label: 'Sunday', weekday: 'SUNDAY' },
};

const UNITS: Record<CohortUnit, { granularity: Granularity; days: [number, number] }> = {
  day: { granularity: 'DAY', days: [1, 31] },
  week: { granularity: 'WEEK', days: [7, 400] },
  month: { granularity: 'MONTH', days: [28, Number.POSITIVE_INFINITY] },
};

const MODES: Record<Retained, RetentionMode> = {
  bounded: 'BOUNDED',
  unbounded: 'UNBOUNDED',
  streak: 'STREAK',
};

const PERIODS: Partial<Record<CompareTo, Comparison>> = {
  previous: 'PREVIOUS_PERIOD',
  year: 'YEAR_BEFORE',
};

export const FILTERS: readonly FilterName[] = ['category', 'level', 'issuer', 'community', 'badge'];

const DEFAULT: View = {
  range: '30d',
  timezone: 'UTC',
  weekStart: 'monday',
  compare: 'previous',
  cohorts: null,
  retained: 'bounded',
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
    weekStart: read('week', DEFAULT.weekStart, among(WEEK_STARTS)),
    compare: read('compare', DEFAULT.compare, among(COMPARISONS)),
    cohorts: read('cohorts', DEFAULT.cohorts, among(UNITS)),
    retained: read('retained', DEFAULT.retained, among(MODES)),
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
  write('week', view.weekStart, DEFAULT.weekStart);
  write('compare', view.compare, DEFAULT.compare);
  write('cohorts', view.cohorts ?? '', '');
  write('retained', view.retained, DEFAULT.retained);
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

const among =
  <Name extends string>(names: Record<Name, unknown>) =>
  (text: string) =>
    Object.hasOwn(names, text) ? (text as Name) : undefined;

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
  weekStart: Weekday;
  compareTo: CompareInput | null;
  where: WhereInput | null;
}

/** Returns the view as the API takes it: the arguments that all its answers have in common. */
export function questionOf(view: View): Question {
  const { range, timezone, weekStart } = view;
  return {
    range:
      typeof range === 'string'
        ? { preset: RANGES[range].preset }
        : { dates: { from: range.from, to: nextDay(range.to) } },
    timezone,
    weekStart: WEEK_STARTS[weekStart].weekday,
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
  const days = daysIn(range);
  if (days <= 1 || (typeof range !== 'string' && days <= 2)) return 'HOUR';
  return days <= DAYS_BY_DAY ? 'DAY' : 'WEEK';
}

/** Returns the units by which the users of the range make a readable number of cohorts. */
export function cohortUnits({ range }: View): CohortUnit[] {
  const units = Object.keys(UNITS) as CohortUnit[];
  // Of all time the service gives the last ones, few enough of each unit.
  if (range === 'all') return units;
  const length = daysIn(range);
  return units.filter((unit) => length >= UNITS[unit].days[0] && length <= UNITS[unit].days[1]);
}

export interface CohortQuestion {
  unit: CohortUnit;
  by: Granularity;
  mode: RetentionMode;
}

/** Returns what the cohorts are asked by: what was chosen if it suits the range. */
export function cohortsOf(view: View): CohortQuestion {
  const units = cohortUnits(view);
  const days = daysIn(view.range);
  const fitting: CohortUnit = days <= 14 ? 'day' : days <= DAYS_BY_DAY ? 'week' : 'month';
  const unit = view.cohorts && units.includes(view.cohorts) ? view.cohorts : fitting;
  return { unit, by: UNITS[unit].granularity, mode: MODES[view.retained] };
}

function daysIn(range: View['range']): number {
  if (typeof range === 'string') return RANGES[range].days;
  return (Date.parse(range.to) - Date.parse(range.from)) / DAY_MS + 1;
}
