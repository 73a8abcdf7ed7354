import { describe, expect, it } from 'vitest';
import { cohortsOf, cohortUnits, questionOf, readView, toggled, writeView } from '../src/lib/view';

describe('the address', () => {
  it.each([
    '',
    'range=7d',
    'range=2026-01-01..2026-02-28&tz=Asia/Kolkata&compare=year',
    'tz=Asia/Kolkata&week=sunday&cohorts=month&retained=streak',
    'compare=none&category=skill&category=unknown+(9)&level=3&badge=12',
  ])('"%s" is written as it was read', (search) => {
    const { view, complaints } = readView(search);
    expect(complaints).toEqual([]);
    expect(decodeURIComponent(writeView('', view))).toBe(decodeURIComponent(search));
  });

  it('keeps what is not its own', () => {
    const { view } = readView('?theme=x&range=7d');
    expect(writeView('?theme=x&range=7d', { ...view, range: '30d' })).toBe('theme=x');
  });

  it.each(['range=yesteryear', 'range=2026-02-01..2026-01-01', 'range=2026-13-01..2026-13-02'])(
    '"%s" is complained about and left at its default',
    (search) => {
      expect(readView(search)).toMatchObject({ view: { range: '30d' }, complaints: [search] });
    },
  );

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
