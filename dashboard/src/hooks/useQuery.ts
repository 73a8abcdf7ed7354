import { useCallback, useEffect, useRef, useState } from 'react';
import type { Service, ServiceError } from '../api/service';
import type { MetricFamily, TypedDocumentString } from '../generated/graphql';
import { useService } from './useService';

// A day, a week, a month begins at a quarter hour, wherever it does: what is open may end at one.
const QUARTER_MS = 15 * 60_000;

// However many commits arrive, a panel asks no more often than this.
const PAUSE_MS = 1_000;

export interface Answer<Data> {
  /** The last answer; of other variables while `isFresh` is false. Undefined before the first. */
  data: Data | undefined;
  /** Why the last attempt failed; undefined if it did not. */
  error: ServiceError | undefined;
  /** Whether `data` answers these variables. */
  isFresh: boolean;
  retry: () => void;
}

interface State<Data> {
  key?: string;
  data?: Data | undefined;
  error?: ServiceError | undefined;
}

/** Asks a question of the service: see `useAnswer`. */
export function useQuery<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  families: readonly MetricFamily[],
): Answer<Data> {
  const ask = useCallback<Ask<Data, Variables>>(
    (service, asked, signal) => service.ask(document, asked, signal),
    [document],
  );
  return useAnswer(ask, variables, families);
}

export type Ask<Data, Variables> = (
  service: Service,
  variables: Variables,
  signal: AbortSignal,
) => Promise<Data>;

/**
 * Asks at once, and again whenever figures of one of the families move and at each quarter hour: one
 * request at a time, and one more after it for all that moved meanwhile. `ask` must stay the same.
 */
export function useAnswer<Data, Variables>(
  ask: Ask<Data, Variables>,
  variables: Variables,
  families: readonly MetricFamily[],
): Answer<Data> {
  const service = useService();
  const [state, setState] = useState<State<Data>>({});
  const key = JSON.stringify(variables);
  const again = useRef(() => {});
  const moving = families.join();

  useEffect(() => {
    const asked = JSON.parse(key) as Variables;
    const refresher = refresh(
      (signal) => ask(service, asked, signal),
      (outcome) => setState((before) => ({ ...before, error: undefined, ...outcome, key })),
    );
    again.current = refresher.again;
    const end = service.updates.whenMoved(moving.split(',') as MetricFamily[], refresher.again);
    const endQuarters = atQuarters(refresher.again);
    return () => {
      end();
      endQuarters();
      refresher.stop();
    };
  }, [service, ask, key, moving]);

  return {
    data: state.data,
    error: state.key === key ? state.error : undefined,
    isFresh: state.key === key && state.data !== undefined,
    retry: useCallback(() => again.current(), []),
  };
}

function atQuarters(callback: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    timer = setTimeout(
      () => {
        callback();
        wait();
      },
      // A moment later, for clocks differ.
      QUARTER_MS - (Date.now() % QUARTER_MS) + PAUSE_MS,
    );
  };
  wait();
  return () => clearTimeout(timer);
}

function refresh<Data>(
  question: (signal: AbortSignal) => Promise<Data>,
  settle: (outcome: State<Data>) => void,
) {
  const control = new AbortController();
  let isAsking = false;
  let isPending = false;

  const ask = async () => {
    isAsking = true;
    const pause = new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    try {
      settle({ data: await question(control.signal) });
    } catch (error) {
      settle({ error: error as ServiceError });
    }
    await pause;
    isAsking = false;
    if (isPending && !control.signal.aborted) {
      isPending = false;
      void ask();
    }
  };

  void ask();
  return {
    again: () => {
      if (isAsking) isPending = true;
      else void ask();
    },
    stop: () => control.abort(),
  };
}
