import { ListTable } from '../components/ListTable';
import { graphql } from '../generated';
import type { TemplateOrder } from '../generated/graphql';
import { useList } from '../hooks/useList';
import { questionBehind, titleOf } from '../lib/behind';
import { Count, type ListProps } from './shared';

const QUERY = graphql(`
  query TemplateList(
    $range: RangeInput
    $timezone: TimeZone!
    $weekStart: Weekday!
    $where: WhereInput
    $orderBy: TemplateOrder!
    $first: Int!
    $after: String
  ) {
    list: templates(
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
        issued
        node {
          id
          name
          category
          level
        }
      }
    }
  }
`);

const ORDERS = { MOST_ISSUED: 'Most issued', NEWEST: 'Newest' };

/** Kinds of badges one by one. */
export function Templates({ view, list, open }: ListProps) {
  const { of: _, order = 'MOST_ISSUED', ...narrowed } = list;
  const variables = { ...questionBehind(view, list), orderBy: order as TemplateOrder };
  const answer = useList(QUERY, variables, ['DISTRIBUTION', 'ISSUANCE']);
  return (
    <ListTable
      caption={titleOf(list)}
      unit="kinds"
      answer={answer}
      orders={ORDERS}
      order={order}
      sort={(order) => open({ ...list, order })}
      columns={[
        { title: 'Badge', cell: ({ node }) => node.name ?? `Badge ${node.id}` },
        { title: 'Category', cell: ({ node }) => node.category ?? '–' },
        { title: 'Level', cell: ({ node }) => node.level ?? '–', isNumber: true, isMinor: true },
        {
          title: 'Issued',
          cell: ({ node, issued }) => (
            <Count
              value={issued}
              open={() => open({ ...narrowed, of: 'badges', badge: node.id })}
            />
          ),
          isNumber: true,
        },
      ]}
    />
  );
}
