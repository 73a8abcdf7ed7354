import { ListTable } from '../components/ListTable';
import { Opener } from '../components/Opener';
import { graphql } from '../generated';
import type { BadgeOrder, Weekday } from '../generated/graphql';
import { useList } from '../hooks/useList';
import { questionBehind, titleOf } from '../lib/behind';
import { type ListProps, NEWEST, Principal, Time } from './shared';

const QUERY = graphql(`
  query BadgeList(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
    $recipient: String
    $isRevoked: Boolean
    $hourOfWeek: HourOfWeekInput
    $orderBy: BadgeOrder!
    $first: Int!
    $after: String
  ) {
    list: badges(
      range: $range
      timezone: $timezone
      weekStart: $weekStart
      where: $where
      recipient: $recipient
      isRevoked: $isRevoked
      hourOfWeek: $hourOfWeek
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
          badge {
            name
          }
          recipient
          issuer
          category
          level
          issuedAt
          revokedAt
          isBurned
        }
      }
    }
  }
`);

/** Badges one by one. */
export function Badges({ view, list, open }: ListProps) {
  const { recipient = null, revoked, weekday, hour, order = 'NEWEST' } = list;
  const variables = {
    ...questionBehind(view, list),
    recipient,
    isRevoked: revoked ? revoked === 'yes' : null,
    hourOfWeek:
      weekday || hour
        ? { weekday: (weekday ?? null) as Weekday | null, hour: hour ? parseInt(hour, 10) : null }
        : null,
    orderBy: order as BadgeOrder,
  };
  const answer = useList(QUERY, variables, ['ISSUANCE', 'DISTRIBUTION']);
  return (
    <ListTable
      caption={titleOf(list)}
      unit="badges"
      answer={answer}
      orders={NEWEST}
      order={order}
      sort={(order) => open({ ...list, order })}
      columns={[
        {
          title: 'Badge',
          cell: ({ node }) => (
            <>
              {node.badge?.name && `${node.badge.name} `}
              <Opener open={() => open({ of: 'events', badge: node.id })}>#{node.id}</Opener>
            </>
          ),
        },
        { title: 'Recipient', cell: ({ node }) => <Principal id={node.recipient} open={open} /> },
        {
          title: 'Issuer',
          cell: ({ node }) => (node.issuer ? <Principal id={node.issuer} open={open} /> : '–'),
          isMinor: true,
        },
        { title: 'Category', cell: ({ node }) => node.category ?? '–', isMinor: true },
        { title: 'Level', cell: ({ node }) => node.level ?? '–', isNumber: true, isMinor: true },
        {
          title: 'Issued',
          cell: ({ node }) => <Time at={node.issuedAt} timezone={view.timezone} />,
        },
        {
          title: 'Now',
          cell: ({ node }) => (node.revokedAt ? (node.isBurned ? 'burned' : 'revoked') : 'held'),
          isMinor: true,
        },
      ]}
    />
  );
}
