import { ListTable } from '../components/ListTable';
import { Summary } from '../components/RecentActivity';
import { graphql } from '../generated';
import { useList } from '../hooks/useList';
import { titleOf } from '../lib/behind';
import { count } from '../lib/format';
import { type ListProps, Time } from './shared';

const QUERY = graphql(`
  query EventList($user: String, $badge: ID, $first: Int!, $after: String) {
    list: events(user: $user, badge: $badge, first: $first, after: $after) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          ...Activity
        }
      }
    }
  }
`);

/** What happened, the newest first. */
export function Events({ view, list }: ListProps) {
  const { user = null, badge = null } = list;
  const families = ['ISSUANCE', 'COMMUNITY', 'USERS', 'DISTRIBUTION'] as const;
  const answer = useList(QUERY, { user, badge }, families);
  return (
    <ListTable
      caption={titleOf(list)}
      unit="events"
      answer={answer}
      columns={[
        { title: 'Event', cell: ({ node }) => <Summary text={node.summary} /> },
        {
          title: 'Block',
          cell: ({ node }) => (node.block ? count(node.block.height) : '–'),
          isNumber: true,
          isMinor: true,
        },
        {
          title: 'At',
          cell: ({ node }) => <Time at={node.occurredAt} timezone={view.timezone} />,
        },
      ]}
    />
  );
}
