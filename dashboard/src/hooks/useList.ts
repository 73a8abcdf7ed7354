import { useCallback, useRef, useState } from 'react';
import type { MetricFamily, TypedDocumentString } from '../generated/graphql';
import { type Answer, type Ask, useAnswer } from './useQuery';

/** A page of a connection of the API. */
export interface Connection<Edge> {
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  edges: readonly Edge[];
}

export interface Rows<Edge> {
  edges: readonly Edge[];
  /** How many there are in all. */
  totalCount: number;
}

export interface ListAnswer<Edge> extends Answer<Rows<Edge>> {
  /** Whether there are more rows than those asked for. */
  hasMore: boolean;
  more: () => void;
}

// What a query of a list answers: its one connection.
type Listed<Edge> = Record<'list', Connection<Edge> | null>;

interface Page {
  first: number;
  after: string | null;
}

/** How many rows are asked for at first, and by how many more. */
export const STEP = 25;
const MOST_AT_ONCE = 100;

/** Asks for the first rows of a list, for more on demand, and for all of them when they move. */
export function useList<Edge, Variables>(
  document: TypedDocumentString<Listed<Edge>, Variables & Page>,
  variables: Variables,
  families: readonly MetricFamily[],
): ListAnswer<Edge> {
  const [wanted, setWanted] = useState(STEP);
  const total = useRef<number | null>(null);
  const ask = useCallback<Ask<Rows<Edge>, Variables & { wanted: number }>>(
    async (service, { wanted: asked, ...rest }, signal) => {
      let left = asked;
      const edges: Edge[] = [];
      let after: string | null = null;
      for (;;) {
        const first = Math.min(left - edges.length, MOST_AT_ONCE);
        const page = { ...rest, first, after } as unknown as Variables & Page;
        const { list } = await service.ask(document, page, signal);
        if (!list) return { edges, totalCount: edges.length };
        // What was added since pushes nothing out at the other end.
        total.current ??= list.totalCount;
        left = asked + Math.max(0, list.totalCount - total.current);
        edges.push(...list.edges);
        after = list.pageInfo.endCursor;
        if (edges.length >= left || !list.pageInfo.hasNextPage)
          return { edges, totalCount: list.totalCount };
      }
    },
    [document],
  );
  const answer = useAnswer(ask, { ...variables, wanted }, families);
  return {
    ...answer,
    hasMore: answer.data !== undefined && answer.data.totalCount > answer.data.edges.length,
    more: useCallback(() => setWanted((before) => before + STEP), []),
  };
}
