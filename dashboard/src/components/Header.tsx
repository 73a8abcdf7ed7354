import { useState } from 'react';
import { useAnalyticsUpdates } from '../hooks/useAnalyticsUpdates';
import { applyTheme, chosenTheme, THEMES, type Theme } from '../lib/theme';
import { ConnectionBadge } from './ConnectionBadge';

interface HeaderProps {
  timezone: string;
}

/** The head of the page: what it is, whether it is live, light or dark. */
export function Header({ timezone }: HeaderProps) {
  const { connection } = useAnalyticsUpdates();
  return (
    <header className="top">
      <a className="brand" href="./">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect x="4" y="2" width="16" height="20" rx="3" />
          <circle cx="12" cy="10" r="3.6" />
          <path d="M8.5 17.5H15.5" />
        </svg>
        PassportX <span>Analytics</span>
      </a>
      <ConnectionBadge connection={connection} timezone={timezone} />
      <nav>
        <a href="graphql">GraphiQL</a>
        <ThemeControl />
      </nav>
    </header>
  );
}

function ThemeControl() {
  const [theme, setTheme] = useState(chosenTheme);
  const choose = (chosen: Theme) => {
    applyTheme(chosen);
    setTheme(chosen);
  };
  return (
    <label className="theme">
      <span className="hidden">Appearance</span>
      <select value={theme} onChange={(event) => choose(event.target.value as Theme)}>
        {Object.entries(THEMES).map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
