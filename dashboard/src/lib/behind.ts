// What the list behind a number asks for, and what it is called.
import type {
  Granularity,
  LifecycleState,
  PeopleInput,
  RangeInput,
  RetentionMode,
  Weekday,
} from '../generated/graphql';
import type { NameOf } from '../hooks/useNames';
import { clock, counted, days, inBucket, moment, weekday as nameOfDay, principal } from './format';
import type { List } from './list';
import { FILTERS, type Filters, questionOf, rangeTitle, type View } from './view';

const DAY_MS = 86_400_000;

/** Returns the arguments that the lists have in common. */
export function questionBehind(view: View, list: List) {
  const asked = questionOf({ ...view, filters: filtersOf(view, list) });
  const { compareTo: _, ...question } = { ...asked, range: rangeOf(list, asked.range) };
  return question;
}

function rangeOf({ range, from, to }: List, shown: RangeInput): RangeInput | null {
  const between = { from: from ?? null, to: to ?? null };
  if (from || to) return isDay(from ?? to) ? { dates: between } : { between };
  return range ? null : shown;
}

/** Returns the filters that the list is narrowed by. */
export function filtersOf(view: View, list: List): Filters {
  // Whoever is a member is one, and an event an event, whatever badges the page is about.
  const isApart = list.filters === 'none' || list.group === 'memberOf' || list.of === 'events';
  const filters = isApart ? {} : { ...view.filters };
  for (const name of FILTERS) {
    const key = list[name];
    if (key !== undefined) filters[name] = [key];
  }
  return filters;
}

/** Returns which people the list is of; null for all. */
export function groupOf(list: List): PeopleInput | null {
  const { group, least = '1', most, by, start, offset, mode, state, community } = list;
  const bucketOf = { by: by as Granularity, start: start ?? '' };
  const groups: Record<string, PeopleInput> = {
    joined: { joined: true },
    active: { active: true },
    waiting: { waiting: true },
    holding: { holding: { least: Number(least), most: most ? Number(most) : null } },
    memberOf: { memberOf: community ?? '' },
    cohort: {
      cohort: {
        ...bucketOf,
        offset: offset ? Number(offset) : null,
        mode: (mode ?? 'BOUNDED') as RetentionMode,
      },
    },
    lifecycle: { lifecycle: { ...bucketOf, state: state as LifecycleState } },
  };
  return groups[group ?? ''] ?? null;
}

const STATES: Record<string, string> = {
  ACTIVE: 'Active users',
  NEW: 'Users with their first badge',
  RETURNING: 'Returning users',
  RESURRECTED: 'Resurrected users',
  DORMANT: 'Dormant users',
};

/** Returns what is listed. */
export function titleOf(list: List): string {
  switch (list.of) {
    case 'badges':
      if (list.revoked) return list.revoked === 'yes' ? 'Badges revoked' : 'Badges held';
      return 'Badges issued';
    case 'people':
      return peopleTitle(list);
    case 'communities':
      return 'Communities';
    case 'templates':
      return 'Kinds of badges';
    case 'events':
      return 'Events';
  }
}

function peopleTitle({ group, badge, least = '1', most, offset, state = '' }: List): string {
  const titles: Record<string, string> = {
    joined: 'New users',
    active: badge ? 'Recipients' : 'Active users',
    waiting: 'Users who wait for their first badge',
    holding: badge ? 'Holders' : `Users who hold ${held(least, most)}`,
    memberOf: 'Members',
    cohort: offset ? 'Retained users' : 'Users of a cohort',
    lifecycle: STATES[state] ?? state,
  };
  return titles[group ?? ''] ?? 'Users';
}

function held(least: string, most: string | undefined): string {
  if (least === most) return least === '1' ? '1 badge' : `${least} badges`;
  if (most) return `${least} to ${most} badges`;
  return least === '1' ? 'a badge' : `${least} badges or more`;
}

/** Returns what the list is narrowed to, part by part. */
export function scopeOf(view: View, list: List, nameOf: NameOf): string[] {
  const { group, recipient, user, start, by, offset, mode, weekday, hour } = list;
  const filters = filtersOf(view, list);
  const parts = [
    when(view, list),
    start &&
      by &&
      `${group === 'cohort' ? 'joined ' : ''}${inBucket(start, by as Granularity, view.timezone)}`,
    offset && by && retained(Number(offset), by.toLowerCase(), mode),
    weekday && `on ${nameOfDay(weekday as Weekday)}s`,
    hour && `from ${hour.padStart(2, '0')}:00 to ${hour.padStart(2, '0')}:59`,
    recipient && `of ${principal(recipient)}`,
    user && `of ${principal(user)}`,
    ...FILTERS.flatMap((name) =>
      (filters[name] ?? []).map((key) => `${name} ${nameOf(name, key)}`),
    ),
  ];
  return parts.filter((part) => typeof part === 'string').filter((part) => part !== '');
}

function retained(offset: number, unit: string, mode = 'BOUNDED'): string {
  const later = `${counted(offset, `${unit}s`)} later`;
  if (mode === 'STREAK') return `active in each ${unit} until ${later}`;
  return mode === 'UNBOUNDED' ? `active ${later} or after that` : `active ${later}`;
}

// These are as they are now, or have a time of their own.
const TIMELESS = ['holding', 'memberOf', 'cohort', 'lifecycle'];

function when(view: View, { of, group, range, from, to }: List): string | null {
  // A day is the same in all zones.
  const timezone = isDay(from ?? to) ? 'UTC' : view.timezone;
  if (of === 'events' || (of === 'people' && (!group || TIMELESS.includes(group)))) return null;
  if (from && to) {
    return Date.parse(to) - Date.parse(from) < DAY_MS
      ? `${moment(from, timezone)} – ${clock(to, timezone)}`
      : days({ start: from, end: to }, timezone);
  }
  if (from || to)
    return from ? `from ${moment(from, timezone)}` : `until ${moment(to ?? '', timezone)}`;
  if (range) return 'All time';
  return typeof view.range === 'string'
    ? rangeTitle(view)
    : `${view.range.from} – ${view.range.to}`;
}

const isDay = (text: string | undefined) => text?.length === 10;
