import { describe, expect, it } from 'vitest';
import { groupOf, questionBehind, scopeOf } from '../src/lib/behind';
import { cohortsOf, cohortUnits, questionOf, readView, toggled, writeView } from '../src/lib/view';

describe('the address', () => {
  it.each([
    '',
    'range=7d',
    'range=2026-01-01..2026-02-28&tz=Asia/Kolkata&compare=year',
    'tz=Asia/Kolkata&week=sunday&cohorts=month&retained=streak',
    'compare=none&category=skill&category=unknown+(9)&level=3&badge=12',
    'range=7d&list=people&list.by=MONTH&list.start=2026-01-01T00:00:00Z&list.offset=2',
  ])('"%s" is written as it was read', (search) => {
    const { view, complaints } = readView(search);
    expect(complaints).toEqual([]);
    expect(decodeURIComponent(writeView('', view))).toBe(decodeURIComponent(search));
  });

  it('keeps what is not its own', () => {
    const { view } = readView('?theme=x&range=7d');
    expect(writeView('?theme=x&range=7d', { ...view, range: '30d' })).toBe('theme=x');
  });

  it.each([
    'range=yesteryear',
    'range=2026-02-01..2026-01-01',
    'range=2026-13-01..2026-13-02',
    'list=dreams',
  ])('"%s" is complained about and left at its default', (search) => {
    expect(readView(search)).toMatchObject({
      view: { range: '30d', list: null },
      complaints: [search],
    });
  });

  it.each([
    'list.hour=late',
    'list.group=everybody',
    'list.start=2026-13-01',
    'list.by=MOON',
    'list.x=1',
  ])('complains of "%s" and opens the list without it', (word) => {
    expect(readView(`list=people&${word}`)).toMatchObject({
      view: { list: { of: 'people' } },
      complaints: [word],
    });
  });

  it('complains of a time zone that does not exist', () => {
    expect(readView('tz=Mars/Olympus')).toMatchObject({
      view: { timezone: 'UTC' },
      complaints: ['tz=Mars/Olympus'],
    });
  });
});

describe('the question', () => {
  it('asks for the days between two, the last one contained', () => {
    const { view } = readView('range=2026-02-01..2026-02-28');
    expect(questionOf(view).range).toEqual({ dates: { from: '2026-02-01', to: '2026-03-01' } });
  });

  it('compares all time with nothing before it', () => {
    expect(questionOf(readView('range=all').view).compareTo).toBeNull();
    expect(questionOf(readView('').view).compareTo).toEqual({ period: 'PREVIOUS_PERIOD' });
  });

  it('filters by what was chosen, and by nothing if nothing was', () => {
    const filters = toggled({}, 'level', '3');
    const { view } = readView('');
    expect(questionOf({ ...view, filters }).where).toEqual({ levels: ['3'] });
    expect(questionOf({ ...view, filters: toggled(filters, 'level', '3') }).where).toBeNull();
  });
});

describe('the list behind a number', () => {
  it.each([
    ['list=badges', { range: { preset: 'LAST_7_DAYS' }, where: { categories: ['skill'] } }],
    ['list=badges&list.range=ever&list.filters=none', { range: null, where: null }],
    [
      'list=badges&list.category=other&list.level=2',
      { where: { categories: ['other'], levels: ['2'] } },
    ],
    [
      'list=badges&list.from=2026-01-01T00:00:00Z&list.to=2026-01-02T00:00:00Z',
      { range: { between: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' } } },
    ],
  ])('"%s" is of what the page is about, unless it says otherwise', (search, asked) => {
    const { view } = readView(`range=7d&category=skill&${search}`);
    expect(view.list && questionBehind(view, view.list)).toMatchObject(asked);
  });

  it.each([
    ['joined', '', { joined: true }],
    ['holding', '&list.least=3&list.most=5', { holding: { least: 3, most: 5 } }],
    ['memberOf', '&list.community=7', { memberOf: '7' }],
    [
      'cohort',
      '&list.by=WEEK&list.start=2026-01-05T00:00:00Z&list.offset=0',
      { cohort: { by: 'WEEK', start: '2026-01-05T00:00:00Z', offset: 0, mode: 'BOUNDED' } },
    ],
  ])('is of the people of the group %s', (group, words, asked) => {
    const { view } = readView(`list=people&list.group=${group}${words}`);
    expect(view.list && groupOf(view.list)).toEqual(asked);
  });

  it('says what it is narrowed to', () => {
    const { view } = readView('range=7d&level=2&list=badges&list.weekday=MONDAY&list.hour=9');
    expect(view.list && scopeOf(view, view.list, (_, key) => key)).toEqual([
      'Last 7 days',
      'on Mondays',
      'from 09:00 to 09:59',
      'level 2',
    ]);
  });
});

describe('the cohorts', () => {
  it.each([
    ['range=today', 'day', ['day']],
    ['range=7d', 'day', ['day', 'week']],
    ['', 'week', ['day', 'week', 'month']],
    ['range=12m', 'month', ['week', 'month']],
    ['range=2026-01-01..2026-01-10', 'day', ['day', 'week']],
    ['range=12m&cohorts=week', 'week', ['week', 'month']],
    ['range=12m&cohorts=day', 'month', ['week', 'month']],
  ])('of "%s" join by %s, of what suits the range', (search, unit, units) => {
    const { view } = readView(search);
    expect(cohortsOf(view).unit).toBe(unit);
    expect(cohortUnits(view)).toEqual(units);
  });
});
