import './dom';
import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AnalyticsUpdates, useAnalyticsUpdates } from '../src/hooks/useAnalyticsUpdates';
import { ServiceContext } from '../src/hooks/useService';
import { badge, connect, ingest } from './helpers';

let seen: AnalyticsUpdates;
let unmount: () => void;

function Watcher(): ReactNode {
  seen = useAnalyticsUpdates();
  return null;
}

beforeEach(async () => {
  const root = createRoot(document.createElement('div'));
  const service = connect();
  root.render(
    <ServiceContext value={service}>
      <Watcher />
      <Watcher />
    </ServiceContext>,
  );
  unmount = () => root.unmount();
  // What is seen may still be what the test before saw.
  const isOurs = () => seen?.subscribeToEvent === service.updates.listen;
  await expect.poll(() => isOurs() && seen.isConnected).toBe(true);
});

afterEach(() => unmount());

describe('useAnalyticsUpdates', () => {
  it('begins with the state as it is', () => {
    expect(seen.latestUpdate).toMatchObject({ reason: 'CURRENT', missed: 0 });
    expect(seen.latestUpdate?.families).toContain('ISSUANCE');
  });

  it('brings each commit', async () => {
    const before = seen.latestUpdate;
    await ingest(badge());
    await expect.poll(() => seen.latestUpdate?.reason).toBe('BATCH');
    expect(seen.latestUpdate?.metrics.totalBadgesIssued).toBe(
      (before?.metrics.totalBadgesIssued ?? 0) + 1,
    );
  });

  it('calls back at the events that were asked for, until told to stop', async () => {
    const called: string[] = [];
    const stop = seen.subscribeToEvent('batch-update', () => called.push('batch-update'));
    seen.subscribeToEvent('BADGE_ISSUED', ({ events }) => called.push(`${events[0]?.count} badge`));
    seen.subscribeToEvent('reorg', () => called.push('reorg'));
    await ingest(badge());
    await expect.poll(() => called).toEqual(['batch-update', '1 badge']);
    stop();
    await ingest(badge());
    await expect.poll(() => called).toEqual(['batch-update', '1 badge', '1 badge']);
  });
});
