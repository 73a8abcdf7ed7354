import { graphql } from '../generated';
import type { NamesQuery, NamesQueryVariables } from '../generated/graphql';
import { principal } from '../lib/format';
import type { FilterName, Filters } from '../lib/view';
import { type Ask, useAnswer } from './useQuery';

const QUERY = graphql(`
  query Names($badges: [ID!]!, $communities: [ID!]!, $ofBadges: Boolean!, $ofCommunities: Boolean!) {
    templates(where: { badges: $badges }, first: 100) @include(if: $ofBadges) {
      edges {
        node {
          id
          name
        }
      }
    }
    communities(where: { communities: $communities }, first: 100) @include(if: $ofCommunities) {
      edges {
        node {
          id
          name
        }
      }
    }
  }
`);

const ask: Ask<Partial<NamesQuery>, NamesQueryVariables> = async (service, asked, signal) =>
  asked.ofBadges || asked.ofCommunities ? service.ask(QUERY, asked, signal) : {};

/** Returns what a person calls the key of a filter. */
export type NameOf = (name: FilterName, key: string) => string;

/** What the keys of filters are called; as long as no name is known, the keys themselves. */
export function useNames({ badge = [], community = [] }: Filters): NameOf {
  const variables = {
    badges: [...badge],
    communities: [...community],
    ofBadges: badge.length > 0,
    ofCommunities: community.length > 0,
  };
  const { data } = useAnswer(ask, variables, ['DISTRIBUTION', 'COMMUNITY']);
  const found = { badge: data?.templates?.edges, community: data?.communities?.edges };
  return (name, key) => {
    const edges = name === 'badge' || name === 'community' ? found[name] : undefined;
    return edges?.find(({ node }) => node.id === key)?.node.name ?? principal(key);
  };
}
