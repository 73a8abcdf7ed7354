import { graphql } from '../generated';
import type { ActivityFragment, EventType } from '../generated/graphql';
import { useNow } from '../hooks/useNow';
import { ago, moment, principal } from '../lib/format';

export const ACTIVITY = graphql(`
  fragment Activity on ActivityEntry {
    id
    type
    occurredAt
    summary
    block {
      height
    }
  }
`);

// Drawn on a grid of 16 by 16.
const MARKS: Record<EventType, string> = {
  BADGE_ISSUED: 'M8 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8M5.5 9.5L4.5 14L8 12L11.5 14L10.5 9.5',
  BADGE_REVOKED: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M4.2 4.2L11.8 11.8',
  BADGE_UPDATED: 'M3 13L3.7 10.2L10.5 3.4L12.6 5.5L5.8 12.3Z',
  COMMUNITY_CREATED:
    'M6 3a2.2 2.2 0 1 1 0 4.4a2.2 2.2 0 1 1 0-4.4M2 13c0-5 8-5 8 0M10.5 3.4a2 2 0 0 1 0 3.8M11.5 9.4c1.6.4 2.5 1.7 2.5 3.6',
  COMMUNITY_DEACTIVATED:
    'M6 3a2.2 2.2 0 1 1 0 4.4a2.2 2.2 0 1 1 0-4.4M2 13c0-5 8-5 8 0M10.5 5L14 8.5M14 5L10.5 8.5',
  COMMUNITY_TRANSFERRED: 'M2.5 5.5H12M9.5 3L12 5.5L9.5 8M13.5 10.5H4M6.5 8L4 10.5L6.5 13',
  MEMBER_ADDED:
    'M6.5 3a2.3 2.3 0 1 1 0 4.6a2.3 2.3 0 1 1 0-4.6M2.5 13c0-5 8-5 8 0M12.5 4.5V8.5M10.5 6.5H14.5',
  TEMPLATE_REGISTERED: 'M3 2.5H13V13.5H3ZM5.5 5.5H10.5M5.5 8H10.5M5.5 10.5H8.5',
  USER_JOINED: 'M8 2.5a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 1 1 0-5.2M3 13.5c0-5.6 10-5.6 10 0',
};
const PRINCIPAL = /\b(S[A-Z0-9]{30,}(?:\.[a-z0-9-]+)?)/;

interface RecentActivityProps {
  activities: readonly ActivityFragment[];
  timezone?: string;
}

/** What happened and stands, the newest first. */
export function RecentActivity({ activities, timezone = 'UTC' }: RecentActivityProps) {
  const now = useNow();
  return (
    <ol className="activity">
      {activities.map(({ id, type, occurredAt, summary, block }) => (
        <li key={id}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={MARKS[type]} />
          </svg>
          <span className="text">
            <Summary text={summary} />
          </span>
          <time dateTime={occurredAt} title={moment(occurredAt, timezone)}>
            {ago(occurredAt, now)}
            {block && <span className="hidden">, block {block.height}</span>}
          </time>
        </li>
      ))}
    </ol>
  );
}

/** A sentence, with its principals short. */
export function Summary({ text }: { text: string }) {
  return text.split(PRINCIPAL).map((part, at) =>
    at % 2 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one sentence stay in their places
      <abbr key={at} title={part}>
        {principal(part)}
      </abbr>
    ) : (
      part
    ),
  );
}
