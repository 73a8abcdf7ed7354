import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { fetchAnalyticsData, getAnalyticsSnapshot, getMetricsTrend } from '../src/api/analytics';
import { Service, ServiceError } from '../src/api/service';
import { askIngest, badge, connect, ingest } from './helpers';

const service = connect();

beforeAll(async () => {
  const before = await fetchAnalyticsData(service);
  await ingest(badge(), badge());
  await vi.waitFor(
    async () =>
      expect((await fetchAnalyticsData(service)).metrics.totalBadgesIssued).toBe(
        before.metrics.totalBadgesIssued + 2,
      ),
    { timeout: 20_000 },
  );
});

describe('fetchAnalyticsData', () => {
  it('answers everything at one position', async () => {
    const { position, metrics, issuance } = await fetchAnalyticsData(service, {
      range: { preset: 'LAST_30_DAYS' },
      timezone: 'Asia/Kolkata',
    });
    expect(position).toBeGreaterThan(0);
    expect(issuance.badgesIssued).toBe(metrics.totalBadgesIssued);
    expect(issuance.dailyIssuance).toHaveLength(30);
    expect(issuance.range.timezone).toBe('Asia/Kolkata');
  });

  it('rejects with the code and the sentence of a refusal', async () => {
    const refused = fetchAnalyticsData(service, { timezone: 'Mars/Olympus' });
    await expect(refused).rejects.toThrow(ServiceError);
    await expect(refused).rejects.toThrow(/Mars\/Olympus/);
  });

  it('rejects with a code of its own where nobody answers', async () => {
    const nobody = new Service('http://127.0.0.1:9/graphql');
    await expect(fetchAnalyticsData(nobody)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('tells a wrong token from an outage', async () => {
    const refused = fetchAnalyticsData(new Service(inject('endpoint'), { token: 'wrong' }));
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED', isRefusal: true });
  });
});

describe('getMetricsTrend', () => {
  it('answers a metric by day over 30 days', async () => {
    const { metric, points } = await getMetricsTrend(service, 'BADGES_ISSUED');
    const { metrics } = await fetchAnalyticsData(service);
    expect(metric.unit).toBe('badges');
    expect(points).toHaveLength(30);
    expect(points.at(-1)?.isPartial).toBe(true);
    expect(points.reduce((sum, { value }) => sum + (value ?? 0), 0)).toBe(
      metrics.totalBadgesIssued,
    );
  });

  it('answers other ranges and granularities', async () => {
    const range = { last: { n: 3, unit: 'MONTH' as const } };
    const { points } = await getMetricsTrend(service, 'NEW_USERS', { range, granularity: 'MONTH' });
    expect(points).toHaveLength(3);
  });
});

describe('getAnalyticsSnapshot', () => {
  it('answers what was recorded of closed days', async () => {
    const yesterday = new Date(Date.now() - 24 * 3_600_000);
    await ingest(badge(yesterday));
    const issued = async () => {
      await askIngest(RECORD, { at: yesterday });
      const [newest] = await getAnalyticsSnapshot(service, 'DAILY', 1);
      return newest?.figures.find(({ metric }) => metric.name === 'BADGES_ISSUED')?.value;
    };
    await expect.poll(issued).toBe(1);
  });
});

const RECORD = `mutation Record($at: DateTime!) {
  recordSnapshot(input: { period: DAILY, at: $at }) { __typename }
}`;
