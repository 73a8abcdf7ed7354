// One and the same page for every library: a year by day, twelve months, six categories, a week by hour.
export const YEAR = Array.from({ length: 365 }, (_, day) => ({
  at: new Date(Date.UTC(2026, 0, 1 + day)),
  value: Math.round(40 + 25 * Math.sin(day / 20) + ((day * 7919) % 23)),
}));
export const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'
  .split(' ')
  .map((name, month) => ({ name, value: 400 + ((month * 313) % 500) }));
export const PARTS = 'achievement participation contribution leadership skill recognition'
  .split(' ')
  .map((name, part) => ({ name, value: 600 - 90 * part }));
export const HOURS = Array.from({ length: 7 * 24 }, (_, cell) => ({
  weekday: Math.floor(cell / 24),
  hour: cell % 24,
  value: (cell * 31) % 50,
}));
export const COLORS = ['#4c51bf', '#2b6cb0', '#2c7a7b', '#2f855a', '#b7791f', '#9b2c2c'];
export const WIDTH = 640;
export const HEIGHT = 240;

// The year after `n` more badges: what an update brings.
export const grown = (n) =>
  YEAR.map((point, day) => (day === 364 ? { ...point, value: point.value + n } : point));
