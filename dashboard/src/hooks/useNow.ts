import { useSyncExternalStore } from 'react';

const TICK_MS = 15_000;
let now = Date.now();

function watch(watcher: () => void) {
  now = Date.now();
  const timer = setInterval(() => {
    now = Date.now();
    watcher();
  }, TICK_MS);
  return () => clearInterval(timer);
}

/** The time, in milliseconds since 1970, moving on four times a minute. */
export const useNow = () => useSyncExternalStore(watch, () => now);
