import { graphql } from '../generated';
import type { StatusFragment } from '../generated/graphql';
import { count, moment, rate } from '../lib/format';

export const STATUS = graphql(`
  fragment Status on ServiceStatus {
    position
    eventsProcessed
    eventsWaiting
    lastCommittedAt
    lastBlock {
      height
    }
    gaps {
      kind
      missing
      implausible
    }
    waiting {
      count
    }
    quarantined
    cacheHitRate
  }
`);

interface ServiceStatusProps {
  status: StatusFragment;
  timezone: string;
}

/** The foot of the page: where the service is, and what is known to be missing. */
export function ServiceStatus({ status, timezone }: ServiceStatusProps) {
  const { lastBlock, lastCommittedAt, cacheHitRate, gaps, quarantined } = status;
  const incomplete = status.waiting.reduce((sum, { count }) => sum + count, 0);
  const missing = gaps.flatMap(({ kind, missing, implausible }) => [
    ...(missing ? [`${count(missing)} of kind ${kind.toLowerCase()}`] : []),
    ...(implausible ? [`${count(implausible)} implausible ids of kind ${kind.toLowerCase()}`] : []),
  ]);
  const facts = [
    ['Position', count(status.position)],
    ['Events processed', count(status.eventsProcessed)],
    ['Events waiting', count(status.eventsWaiting)],
    ['Last block', lastBlock ? count(lastBlock.height) : '–'],
    ['Last commit', lastCommittedAt ? moment(lastCommittedAt, timezone) : '–'],
    ['Cache hits', cacheHitRate === null ? '–' : rate(cacheHitRate)],
    ['Known to be missing', missing.length ? missing.join(', ') : 'nothing'],
    ...(incomplete ? [['Events without effect yet', count(incomplete)]] : []),
    ...(quarantined ? [['Deliveries in quarantine', count(quarantined)]] : []),
  ];
  return (
    <footer>
      <h2 className="hidden">The service</h2>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </footer>
  );
}
