import { ListTable } from '../components/ListTable';
import { graphql } from '../generated';
import type { CommunityOrder } from '../generated/graphql';
import { useList } from '../hooks/useList';
import { questionBehind, titleOf } from '../lib/behind';
import { Count, type ListProps, NEWEST, Principal, Time } from './shared';

const QUERY = graphql(`
  query CommunityList(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
    $orderBy: CommunityOrder!
    $first: Int!
    $after: String
  ) {
    list: communities(
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
        members
        badgesIssued
        node {
          id
          name
          owner
          createdAt
          deactivatedAt
        }
      }
    }
  }
`);

const ORDERS = { ...NEWEST, MOST_MEMBERS: 'Most members', MOST_BADGES: 'Most badges' };

/** Communities one by one. */
export function Communities({ view, list, open }: ListProps) {
  const { order = 'NEWEST' } = list;
  const variables = { ...questionBehind(view, list), orderBy: order as CommunityOrder };
  const answer = useList(QUERY, variables, ['COMMUNITY', 'ISSUANCE']);
  return (
    <ListTable
      caption={titleOf(list)}
      unit="communities"
      answer={answer}
      orders={ORDERS}
      order={order}
      sort={(order) => open({ ...list, order })}
      columns={[
        { title: 'Community', cell: ({ node }) => node.name ?? `Community ${node.id}` },
        {
          title: 'Owner',
          cell: ({ node }) => (node.owner ? <Principal id={node.owner} open={open} /> : '–'),
          isMinor: true,
        },
        {
          title: 'Created',
          cell: ({ node }) => <Time at={node.createdAt} timezone={view.timezone} />,
        },
        {
          title: 'Members',
          cell: ({ node, members }) => (
            <Count
              value={members}
              open={() => open({ of: 'people', group: 'memberOf', community: node.id })}
            />
          ),
          isNumber: true,
        },
        {
          title: 'Badges',
          cell: ({ node, badgesIssued }) => (
            <Count
              value={badgesIssued}
              open={() => open({ of: 'badges', range: 'ever', community: node.id })}
            />
          ),
          isNumber: true,
        },
        {
          title: 'Now',
          cell: ({ node }) => (node.deactivatedAt ? 'deactivated' : 'active'),
          isMinor: true,
        },
      ]}
    />
  );
}
