import './dom';
import type { ReactElement } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CohortGrid,
  CommunityStandings,
  EngagementMetrics,
  GrowthMetrics,
  IssuerStandings,
  LifecycleChart,
  MostAwardedByCategory,
  PeakActivity,
  TrendingBadges,
} from '../src/components';

const place = document.createElement('div');
document.body.append(place);
let unmount = () => {};

/** Renders a component by itself, and clicks each of its numbers that opens a list. */
async function clickAll(component: ReactElement) {
  const root = createRoot(place);
  unmount = () => root.unmount();
  root.render(component);
  await expect.poll(() => place.querySelectorAll('.opener').length).toBeGreaterThan(0);
  for (const opener of place.querySelectorAll<HTMLElement>('.opener')) opener.click();
}

afterEach(() => unmount());

const opened: unknown[][] = [];
const open = (...key: unknown[]) => opened.push(key);
afterEach(() => opened.splice(0));
const opens =
  (...key: unknown[]) =>
  () =>
    open(...key);

const START = '2026-11-16T00:00:00+00:00';
const badge = { id: '7', name: 'Builder', category: 'skill' };
const change = { value: 1, change: 1, changePercent: 100, isNew: false };
const figure = <Name extends string>(name: Name) => ({
  metric: { name },
  value: 2,
  comparison: change,
});

describe('each number opens the list behind it', () => {
  it('in CohortGrid', async () => {
    const cells = [
      { offset: 0, retained: 2, rate: 1, isComplete: true },
      { offset: 1, retained: 1, rate: 0.5, isComplete: false },
    ];
    const cohorts = [{ start: START, size: 2, isComplete: true, cells }];
    const mean = [{ offset: 0, retained: 2, size: 2, rate: 1 }];
    const retention = { mode: 'BOUNDED' as const, cohorts, mean };
    await clickAll(<CohortGrid retention={retention} by="WEEK" open={open} />);
    expect(opened).toEqual([[START], [START, 0], [START, 1]]);
  });

  it('in LifecycleChart', async () => {
    const point = { start: START, active: 6, new: 1, returning: 2, resurrected: 3, dormant: 4 };
    const points = [{ ...point, isPartial: false }];
    await clickAll(<LifecycleChart points={points} granularity="WEEK" open={open} />);
    const states = ['ACTIVE', 'NEW', 'RESURRECTED', 'RETURNING', 'DORMANT'];
    expect(opened).toEqual(states.map((state) => [START, state]));
  });

  it('in PeakActivity', async () => {
    const hour = { weekday: 'MONDAY' as const, hour: 8, value: 1, count: 1 };
    await clickAll(<PeakActivity cells={[hour]} open={open} />);
    expect(opened).toHaveLength(24);
    expect(opened).toContainEqual(['MONDAY', 8]);
  });

  it('in GrowthMetrics', async () => {
    const names = ['USERS', 'COMMUNITIES', 'COMMUNITY_MEMBERS'] as const;
    const pairs = names.map((name) => [`NEW_${name}`, `TOTAL_${name}`] as const);
    await clickAll(
      <GrowthMetrics
        figures={pairs.flat().map(figure)}
        series={{ NEW_USERS: [], NEW_COMMUNITIES: [], NEW_COMMUNITY_MEMBERS: [] }}
        granularity="DAY"
        open={opens}
      />,
    );
    expect(opened.flat()).toEqual(pairs.flat());
  });

  it('in EngagementMetrics', async () => {
    const names = ['ENGAGEMENT_RATE', 'ACTIVE_USERS', 'RETENTION_RATE'] as const;
    const part = { key: '1', label: '1', count: 2, share: 1, percentage: 100 };
    const users = {
      timeToFirstBadge: { median: 60, p90: 3600, stillWaiting: 0.5 },
      userEngagement: { histogram: [part] },
    };
    await clickAll(
      <EngagementMetrics figures={names.map(figure)} users={users} open={opens} openHeld={open} />,
    );
    expect(opened.flat()).toEqual([...names, 'WAITING', '1']);
  });

  it('in the standings', async () => {
    const trend = { last7Days: 9, previous23Days: 1, growth: 28.6, pValue: 1e-5, isNew: false };
    const issuer = { rank: 1, issuer: 'ST1ISSUER', badges: 2, issued: 3 };
    const community = { id: '5', name: null, createdAt: null, deactivatedAt: null };
    const standing = { rank: 1, community, members: 1, badgesIssued: 2, recipients: 2 };
    const category = { category: 'skill', badges: [{ badge, issued: 3 }] };
    await clickAll(
      <>
        <TrendingBadges badges={[{ badge, ...trend }]} open={open} />
        <IssuerStandings issuers={[issuer]} open={open} />
        <CommunityStandings communities={[standing]} open={open} />
        <MostAwardedByCategory categories={[category]} open={open} />
      </>,
    );
    expect(opened).toEqual([
      ['7', 'last7Days'],
      ['7', 'previous23Days'],
      ['ST1ISSUER', 'issued'],
      ['ST1ISSUER', 'kinds'],
      ['5', 'badges'],
      ['5', 'recipients'],
      ['5', 'members'],
      ['7', 'skill'],
    ]);
  });
});
