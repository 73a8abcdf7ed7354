// The list that lies open over the page, as the address says it.
export const LISTS = ['badges', 'people', 'communities', 'templates', 'events'] as const;
export type ListName = (typeof LISTS)[number];

const WORDS = [
  /** How it is sorted, as the API calls it. */
  'order',
  /** `ever` instead of the page's range. */
  'range',
  // From when and until when, instead of the page's range: instants, or the first day and the first
  // day after.
  'from',
  'to',
  /** `none`: the page's filters do not apply. */
  'filters',
  // Each a key that stands instead of the page's filter of that name.
  'category',
  'level',
  'issuer',
  'community',
  'badge',
  // Of badges.
  'recipient',
  'revoked',
  'weekday',
  'hour',
  // Of people: which field of `PeopleInput`, and what is in it.
  'group',
  'least',
  'most',
  'by',
  'start',
  'offset',
  'mode',
  'state',
  // Of events; `badge` is there the badge that they are about.
  'user',
] as const;
type Word = (typeof WORDS)[number];

/** A list of what the page is about, unless its words say otherwise. */
export type List = { of: ListName } & Partial<Record<Word, string>>;

const PREFIX = 'list.';
const among = (pattern: RegExp) => (text: string) => pattern.test(text);
const isNumber = among(/^\d+$/);
const isTime = (text: string) => /^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text));

// What the service would not refuse by itself, and what the page says of a list.
const MEANT: Partial<Record<Word, (text: string) => boolean>> = {
  range: among(/^ever$/),
  from: isTime,
  to: isTime,
  filters: among(/^none$/),
  revoked: among(/^(yes|no)$/),
  hour: isNumber,
  group: among(/^(joined|active|waiting|holding|memberOf|cohort|lifecycle)$/),
  least: isNumber,
  most: isNumber,
  by: among(/^(HOUR|DAY|WEEK|MONTH|QUARTER|YEAR)$/),
  start: isTime,
  offset: isNumber,
};

/** Reads the list from an address; what means nothing is handed to `complain`. */
export function readList(
  parameters: URLSearchParams,
  complain: (text: string) => void,
): List | null {
  const of = parameters.get('list');
  if (of === null) return null;
  if (!(LISTS as readonly string[]).includes(of)) {
    complain(`list=${of}`);
    return null;
  }
  const list: List = { of: of as ListName };
  for (const [name, text] of parameters) {
    if (!name.startsWith(PREFIX)) continue;
    const word = name.slice(PREFIX.length) as Word;
    if (WORDS.includes(word) && (MEANT[word]?.(text) ?? true)) list[word] = text;
    else complain(`${name}=${text}`);
  }
  return list;
}

/** Writes the list into an address, instead of the one that is there. */
export function writeList(parameters: URLSearchParams, list: List | null) {
  for (const name of [...parameters.keys()])
    if (name === 'list' || name.startsWith(PREFIX)) parameters.delete(name);
  if (!list) return;
  parameters.set('list', list.of);
  for (const word of WORDS) {
    const text = list[word];
    if (text !== undefined) parameters.set(PREFIX + word, text);
  }
}
