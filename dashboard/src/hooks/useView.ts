import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { readView, type View, writeView } from '../lib/view';

const watchers = new Set<() => void>();

function watch(watcher: () => void) {
  watchers.add(watcher);
  window.addEventListener('popstate', watcher);
  return () => {
    watchers.delete(watcher);
    window.removeEventListener('popstate', watcher);
  };
}

/** The view that the address says, and how to change it; each change is a step of the history. */
export function useView() {
  const search = useSyncExternalStore(watch, () => window.location.search);
  const { view, complaints } = useMemo(() => readView(search), [search]);
  const change = useCallback((changed: Partial<View>) => {
    const { search: before, pathname, hash } = window.location;
    const after = writeView(before, { ...readView(before).view, ...changed });
    window.history.pushState(null, '', `${pathname}${after && `?${after}`}${hash}`);
    for (const watcher of watchers) watcher();
  }, []);
  return { view, complaints, change };
}
