import { useNames } from '../hooks/useNames';
import { FILTERS, type Filters, toggled } from '../lib/view';

interface FilterChipsProps {
  filters: Filters;
  choose: (filters: Filters) => void;
}

/** What the page is narrowed to; each chip takes itself away. */
export function FilterChips({ filters, choose }: FilterChipsProps) {
  const nameOf = useNames(filters);
  const chosen = FILTERS.flatMap((name) =>
    (filters[name] ?? []).map((key) => ({ name, key, id: `${name}=${key}` })),
  );
  if (chosen.length === 0) return null;
  return (
    <ul className="chips" aria-label="Filters">
      {chosen.map(({ name, key, id }) => (
        <li key={id}>
          <button type="button" onClick={() => choose(toggled(filters, name, key))}>
            <span className="hidden">Remove the filter </span>
            <span className="kind">{name}</span> <abbr title={key}>{nameOf(name, key)}</abbr>{' '}
            <span aria-hidden="true">✕</span>
          </button>
        </li>
      ))}
      {chosen.length > 1 && (
        <li>
          <button type="button" className="plain" onClick={() => choose({})}>
            Remove all
          </button>
        </li>
      )}
    </ul>
  );
}
