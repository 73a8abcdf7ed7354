// Light or dark: as the system has it, unless it was chosen here.
export const THEMES = { system: 'System', light: 'Light', dark: 'Dark' };
export type Theme = keyof typeof THEMES;

const KEY = 'passportx-theme';

/** Returns the theme that was chosen on this machine. */
export function chosenTheme(): Theme {
  const stored = window.localStorage.getItem(KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

/** Shows the page in a theme, and remembers it. */
export function applyTheme(theme: Theme) {
  if (theme === 'system') {
    window.localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    window.localStorage.setItem(KEY, theme);
    document.documentElement.dataset.theme = theme;
  }
}
