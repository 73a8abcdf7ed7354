import { ListTable } from '../components/ListTable';
import { graphql } from '../generated';
import type { PersonOrder } from '../generated/graphql';
import { useList } from '../hooks/useList';
import { groupOf, questionBehind, titleOf } from '../lib/behind';
import { Count, type ListProps, NEWEST, Principal, Time } from './shared';

const QUERY = graphql(`
  query PersonList(
    $group: PeopleInput
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
    $orderBy: PersonOrder!
    $first: Int!
    $after: String
  ) {
    list: people(
      group: $group
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      orderBy: $orderBy
      first: $first
      after: $after
    ) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          joinedAt
          firstBadgeAt
          badgesIssued
          badgesHeld
        }
      }
    }
  }
`);

const ORDERS = { ...NEWEST, MOST_HELD: 'Most held', MOST_ISSUED: 'Most received' };

/** Users one by one. */
export function People({ view, list, open }: ListProps) {
  const { order = 'NEWEST' } = list;
  const variables = {
    ...questionBehind(view, list),
    group: groupOf(list),
    orderBy: order as PersonOrder,
  };
  const answer = useList(QUERY, variables, ['USERS', 'ISSUANCE', 'COMMUNITY']);
  const { timezone } = view;
  return (
    <ListTable
      caption={titleOf(list)}
      unit="users"
      answer={answer}
      orders={ORDERS}
      order={order}
      sort={(order) => open({ ...list, order })}
      columns={[
        { title: 'User', cell: ({ node }) => <Principal id={node.id} open={open} /> },
        { title: 'Joined', cell: ({ node }) => <Time at={node.joinedAt} timezone={timezone} /> },
        {
          title: 'First badge',
          cell: ({ node }) => <Time at={node.firstBadgeAt} timezone={timezone} />,
          isMinor: true,
        },
        {
          title: 'Received',
          cell: ({ node }) => (
            <Count
              value={node.badgesIssued}
              open={() => open({ ...ALL_BADGES, recipient: node.id })}
            />
          ),
          isNumber: true,
        },
        {
          title: 'Held',
          cell: ({ node }) => (
            <Count
              value={node.badgesHeld}
              open={() => open({ ...ALL_BADGES, recipient: node.id, revoked: 'no' })}
            />
          ),
          isNumber: true,
        },
      ]}
    />
  );
}

// The figures of a user are of everything ever, whatever the page is about.
const ALL_BADGES = { of: 'badges', range: 'ever', filters: 'none' } as const;
