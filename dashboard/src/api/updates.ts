// What the service tells of itself: the state now, then an update a commit, across reconnections.
import { type Client, createClient } from 'graphql-ws';
import { graphql } from '../generated';
import type { AnalyticsUpdatedSubscription, EventType, MetricFamily } from '../generated/graphql';

const ANALYTICS_UPDATED = graphql(`
  subscription AnalyticsUpdated($after: Position) {
    analyticsUpdated(after: $after) {
      position
      committedAt
      reason
      families
      events {
        type
        count
      }
      undone
      missed
      metrics {
        totalBadgesIssued
        totalUsers
        totalCommunities
        averageBadgesPerUser
        engagementRate
      }
    }
  }
`);

export type AnalyticsUpdate = AnalyticsUpdatedSubscription['analyticsUpdated'];

/**
 * - `connecting`: nothing was heard yet.
 * - `live`: what the service commits arrives.
 * - `reconnecting`: the connection was lost a moment ago and is being sought.
 * - `offline`: the browser has no network, or the service has been away for several attempts; it is
 *   still being sought.
 * - `refused`: the service asks for a token, or for another one.
 */
export type ConnectionState = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'refused';

export interface Connection {
  state: ConnectionState;
  /** The last update; null before the first. */
  latest: AnalyticsUpdate | null;
}

/** The events that can be listened to: any update, those of one reason, those with such events. */
export type UpdateEvent =
  | 'update'
  | 'batch-update'
  | 'reorg'
  | 'rebuild'
  | 'snapshot-recorded'
  | EventType;

const REASONS: Record<string, UpdateEvent> = {
  BATCH: 'batch-update',
  REORG: 'reorg',
  REBUILD: 'rebuild',
  SNAPSHOT: 'snapshot-recorded',
};
const KEEP_ALIVE_MS = 10_000;
const PONG_MS = 5_000;
const LONGEST_WAIT_MS = 10_000;
const ATTEMPTS_UNTIL_OFFLINE = 4;

type Listener = (update: AnalyticsUpdate) => void;

interface Options {
  connectionParams?: Record<string, string> | undefined;
  webSocketImpl?: unknown;
}

/** The subscription `analyticsUpdated`, open while anybody watches or listens. */
export class Updates {
  #connection: Connection = { state: 'connecting', latest: null };
  readonly #watchers = new Set<() => void>();
  readonly #listeners = new Map<UpdateEvent, Set<Listener>>();
  #users = 0;
  #client: Client | undefined;
  #close: (() => void) | undefined;
  #wake = () => {};

  constructor(
    private readonly url: string,
    private readonly options: Options = {},
  ) {}

  /** The connection as it is; the same object until it changes. */
  readonly connection = (): Connection => this.#connection;

  /** Calls `watcher` at each change of the connection; returns how to end that. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return this.#use(() => this.#watchers.delete(watcher));
  };

  /** Calls `listener` with each update that is such an event; returns how to end that. */
  readonly listen = (event: UpdateEvent, listener: Listener): (() => void) => {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return this.#use(() => listeners.delete(listener));
  };

  /** Calls `moved` when figures of one of the families did; returns how to end that. */
  readonly whenMoved = (families: readonly MetricFamily[], moved: () => void): (() => void) =>
    this.listen('update', (update) => {
      if (update.families.some((family) => families.includes(family))) moved();
    });

  #use(end: () => void): () => void {
    this.#users += 1;
    if (this.#users === 1) this.#close = this.#open();
    return () => {
      end();
      this.#users -= 1;
      if (this.#users === 0) this.#close?.();
    };
  }

  #set(change: Partial<Connection>) {
    this.#connection = { ...this.#connection, ...change };
    for (const watcher of this.#watchers) watcher();
  }

  #open(): () => void {
    const client = this.#connect();
    this.#client = client;
    const online = () => this.#wake();
    const offline = () => {
      this.#set({ state: 'offline' });
      client.terminate();
    };
    globalThis.addEventListener?.('online', online);
    globalThis.addEventListener?.('offline', offline);
    this.#subscribe(client);
    return () => {
      this.#client = undefined;
      this.#set({ state: 'connecting' });
      globalThis.removeEventListener?.('online', online);
      globalThis.removeEventListener?.('offline', offline);
      void client.dispose();
    };
  }

  #connect(): Client {
    let silence: ReturnType<typeof setTimeout> | undefined;
    const client = createClient({
      url: this.url,
      ...(this.options.connectionParams && { connectionParams: this.options.connectionParams }),
      webSocketImpl: this.options.webSocketImpl,
      keepAlive: KEEP_ALIVE_MS,
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: () => true,
      retryWait: (attempts) => this.#wait(attempts),
      on: {
        // A network that has gone without a word shows only in what does not come back.
        ping: (received) => {
          if (!received) silence = setTimeout(() => client.terminate(), PONG_MS);
        },
        pong: () => clearTimeout(silence),
        closed: () => {
          clearTimeout(silence);
          if (this.#connection.state === 'live') this.#set({ state: 'reconnecting' });
        },
      },
    });
    return client;
  }

  #wait(attempts: number): Promise<void> {
    if (attempts >= ATTEMPTS_UNTIL_OFFLINE) this.#set({ state: 'offline' });
    const wait = Math.min(LONGEST_WAIT_MS, 250 * 2 ** attempts) * (0.75 + Math.random() / 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #subscribe(client: Client) {
    let after = this.#connection.latest?.position ?? null;
    const received = (update: AnalyticsUpdate) => {
      after = update.position;
      this.#set({ state: 'live', latest: update });
      this.#tell(update);
    };
    client.subscribe<AnalyticsUpdatedSubscription>(
      {
        query: ANALYTICS_UPDATED.toString(),
        // Read anew at each connection, so that each resumes where the one before it ended.
        get variables() {
          return { after };
        },
      },
      {
        next: ({ data }) => data && received(data.analyticsUpdated),
        error: (error) => this.#ended(client, error),
        complete: () => this.#ended(client, null),
      },
    );
  }

  // The subscription ends by itself if it is refused, or if the service ends it.
  #ended(client: Client, error: unknown) {
    if (this.#client !== client) return;
    const [first] = Array.isArray(error) ? error : [];
    const code = first?.extensions?.code ?? (error as { code?: number } | null)?.code;
    if (code === 'FORBIDDEN' || code === 'UNAUTHENTICATED' || code === 4401 || code === 4403) {
      this.#set({ state: 'refused' });
      return;
    }
    // A service that was set up anew has not reached the position: it is asked without one.
    const isAnew = code === 'BAD_USER_INPUT';
    this.#set(isAnew ? { state: 'reconnecting', latest: null } : { state: 'offline' });
    void this.#wait(isAnew ? 0 : ATTEMPTS_UNTIL_OFFLINE).then(
      () => this.#client === client && this.#subscribe(client),
    );
  }

  #tell(update: AnalyticsUpdate) {
    const events: (UpdateEvent | undefined)[] = [
      'update',
      REASONS[update.reason],
      ...update.events.map((event) => event.type),
    ];
    for (const event of events) {
      for (const listener of (event && this.#listeners.get(event)) ?? []) listener(update);
    }
  }
}
