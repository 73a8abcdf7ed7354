// Figures and times as the page writes them. One language throughout: the page's own.
import type { Granularity, Weekday } from '../generated/graphql';

const LOCALE = 'en-GB';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const two = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const tenths = new Intl.NumberFormat(LOCALE, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const one = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat(LOCALE, { signDisplay: 'exceptZero' });
const percents = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 1 });
const rounded = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 2 });
const shares = new Intl.NumberFormat(LOCALE, {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number) => whole.format(value);
export const ratio = (value: number) => two.format(value);
export const rate = (value: number) => percents.format(value);
export const share = (value: number) => shares.format(value);
export const growth = (value: number) => `${whole.format(100 * value)}%`;
export const percent = (value: number | null) =>
  value === null ? '–' : `${whole.format(100 * value)}%`;
export const perDay = (value: number) => tenths.format(value);
export const points = (value: number) => `${one.format(value)} pp`;
export const difference = (value: number) => signed.format(value).replace('-', '−');
export const tick = (value: number) =>
  Math.abs(value) < 10_000 ? one.format(value) : compact.format(value);

/** Returns the count with its noun: `1 badge`, `2 badges`. */
export const counted = (value: number, plural: string) =>
  `${count(value)} ${value === 1 ? plural.replace(/ies$/, 'y').replace(/s$/, '') : plural}`;

/** Returns how often something comes by chance: `1 in 1,400`. */
export function chance(probability: number): string {
  if (probability < 1e-5) return '< 1 in 100,000';
  return `1 in ${rounded.format(1 / probability)}`;
}

/** Returns a principal short enough for a line: `ST1PQ…PGZGM`. */
export const principal = (address: string) =>
  address.length > 14 ? `${address.slice(0, 5)}…${address.slice(-5)}` : address;

const formats = new Map<string, Intl.DateTimeFormat>();

function inZone(at: string | Date, timeZone: string, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify([timeZone, options]);
  const format = formats.get(key) ?? new Intl.DateTimeFormat(LOCALE, { timeZone, ...options });
  formats.set(key, format);
  return format.format(new Date(at));
}

export const day = (at: string | Date, zone: string) =>
  inZone(at, zone, { day: 'numeric', month: 'short', year: 'numeric' });

export const shortDay = (at: string | Date, zone: string) =>
  inZone(at, zone, { day: 'numeric', month: 'short' });

export const clock = (at: string | Date, zone: string) =>
  inZone(at, zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export const moment = (at: string | Date, zone: string) => `${day(at, zone)}, ${clock(at, zone)}`;

/** Returns the days that a half-open range covers: `26 Oct – 24 Nov 2026`. */
export function days(range: { start: string; end: string }, zone: string): string {
  const last = new Date(Date.parse(range.end) - 1);
  const [from, to] = [day(range.start, zone), day(last, zone)];
  if (from === to) return to;
  return from.slice(-4) === to.slice(-4)
    ? `${shortDay(range.start, zone)} – ${to}`
    : `${from} – ${to}`;
}

const BUCKETS: Record<Granularity, (at: string, zone: string) => string> = {
  HOUR: (at, zone) => `${shortDay(at, zone)}, ${clock(at, zone)}`,
  DAY: (at, zone) => inZone(at, zone, { weekday: 'short', day: 'numeric', month: 'short' }),
  WEEK: (at, zone) => `week of ${shortDay(at, zone)}`,
  MONTH: (at, zone) => inZone(at, zone, { month: 'long', year: 'numeric' }),
  QUARTER: (at, zone) => `quarter from ${inZone(at, zone, { month: 'short', year: 'numeric' })}`,
  YEAR: (at, zone) => inZone(at, zone, { year: 'numeric' }),
};

/** Returns the name of the bucket that begins at `at`. */
export const bucket = (at: string, granularity: Granularity, zone: string) =>
  BUCKETS[granularity](at, zone);

/** Returns when something in the bucket that begins at `at` was: `in May 2026`. */
export function inBucket(at: string, granularity: Granularity, zone: string): string {
  const name = bucket(at, granularity, zone);
  if (granularity === 'WEEK' || granularity === 'QUARTER') return `in the ${name}`;
  return `${granularity === 'DAY' ? 'on' : 'in'} ${name}`;
}

/** Returns the name of the bucket that begins at `at`, short enough for an axis or a row. */
export function cohort(at: string, granularity: Granularity, zone: string): string {
  if (granularity === 'HOUR') return clock(at, zone);
  return granularity === 'MONTH'
    ? inZone(at, zone, { month: 'short', year: 'numeric' })
    : shortDay(at, zone);
}

export const UNITS: Record<Granularity, string> = {
  HOUR: 'hour',
  DAY: 'day',
  WEEK: 'week',
  MONTH: 'month',
  QUARTER: 'quarter',
  YEAR: 'year',
};

export const BY: Record<Granularity, string> = {
  HOUR: 'by hour',
  DAY: 'by day',
  WEEK: 'by week',
  MONTH: 'by month',
  QUARTER: 'by quarter',
  YEAR: 'by year',
};

/** Returns the name of a day of the week: `Monday`. */
export const weekday = (day: Weekday) => day.charAt(0) + day.slice(1).toLowerCase();

/** Returns how long something takes, in its largest unit: `3.5 h`. */
export function duration(seconds: number): string {
  const ms = 1000 * seconds;
  if (ms < MINUTE_MS) return ms > 0 ? 'under 1 min' : 'at once';
  if (ms < HOUR_MS) return `${one.format(ms / MINUTE_MS)} min`;
  return ms < 2 * DAY_MS ? `${one.format(ms / HOUR_MS)} h` : `${one.format(ms / DAY_MS)} d`;
}

/** Returns how long ago something was: `3 min ago`. */
export function ago(at: string, now: number): string {
  const passed = Math.max(0, now - Date.parse(at));
  if (passed < MINUTE_MS) return 'just now';
  if (passed < HOUR_MS) return `${Math.floor(passed / MINUTE_MS)} min ago`;
  if (passed < DAY_MS) return `${Math.floor(passed / HOUR_MS)} h ago`;
  return `${Math.floor(passed / DAY_MS)} d ago`;
}
