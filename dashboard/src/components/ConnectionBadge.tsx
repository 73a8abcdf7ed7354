import type { Connection } from '../api/updates';
import { count, moment } from '../lib/format';

interface ConnectionBadgeProps {
  connection: Connection;
  timezone: string;
}

const WORDS: Record<Connection['state'], string> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
  refused: 'Refused',
};

/** Whether what is shown is what is: live, or as of when. */
export function ConnectionBadge({ connection, timezone }: ConnectionBadgeProps) {
  const { state, latest } = connection;
  const committed = latest?.committedAt;
  return (
    <div className="connection" data-state={state}>
      <span className="state" role="status">
        <span className="dot" aria-hidden="true" />
        {WORDS[state]}
      </span>
      {latest && committed && (
        <span className="as-of" title={`Position ${count(latest.position)}`}>
          {state === 'live' ? 'updated ' : 'data as of '}
          <time dateTime={committed}>{moment(committed, timezone)}</time>
        </span>
      )}
    </div>
  );
}
