// The client: one GraphQL service, asked over HTTP and listened to over a websocket.
import { createClient, NetworkError } from 'graphql-http';
import type { TypedDocumentString } from '../generated/graphql';
import { Updates } from './updates';

/** What the service, or the way to it, answers instead of data; `code` is for programs. */
export class ServiceError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ServiceError';
  }

  /** Whether another token would help. */
  get isRefusal(): boolean {
    return this.code === 'UNAUTHENTICATED' || this.code === 'FORBIDDEN';
  }

  /** Whether the question itself makes no sense, so that every panel would be refused. */
  get isOfTheQuestion(): boolean {
    return OF_THE_QUESTION.test(this.code);
  }
}

/** The codes by which the service says that a question makes no sense, whatever is asked in it. */
const OF_THE_QUESTION = /^(UNKNOWN_KEY|UNKNOWN_TIME_ZONE|RANGE_\w+|LIMIT_EXCEEDED)$/;

export interface ServiceOptions {
  /** A token with the right to read, where the service asks for one. */
  token?: string | undefined;
  /** A websocket for runtimes that have none of their own. */
  webSocketImpl?: unknown;
}

/** A PassportX Analytics service; `endpoint` is the URL of its GraphQL. */
export class Service {
  readonly updates: Updates;
  readonly #client;

  constructor(endpoint: string | URL, { token, webSocketImpl }: ServiceOptions = {}) {
    const authorization = token ? { authorization: `Bearer ${token}` } : undefined;
    this.#client = createClient({
      url: String(endpoint),
      ...(authorization && { headers: authorization }),
    });
    this.updates = new Updates(String(endpoint).replace(/^http/, 'ws'), {
      connectionParams: authorization,
      webSocketImpl,
    });
  }

  /** Answers a query. Rejects with `ServiceError`, also if only a part of it failed. */
  ask<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Data> {
    return new Promise((resolve, reject) => {
      const query = document.toString();
      const cancel = this.#client.subscribe<Data>(
        { query, variables: variables as Record<string, unknown> },
        {
          next: ({ data, errors }) => {
            if (data && !errors) resolve(data);
            else reject(refused(errors));
          },
          error: (error) => read(error).then(reject),
          complete: () => {},
        },
      );
      signal?.addEventListener('abort', cancel);
    });
  }
}

const refused = (errors: unknown): ServiceError => {
  const [first] = Array.isArray(errors) ? errors : [];
  const code = first?.extensions?.code ?? 'UNKNOWN';
  return new ServiceError(code, first?.message ?? 'The service gave no answer.');
};

// A refusal that has a status of HTTP beside it still says why in its body.
const read = async (error: unknown): Promise<ServiceError> => {
  if (error instanceof NetworkError && error.response) {
    const body: unknown = await (error.response as Response).json().catch(() => undefined);
    if (body && typeof body === 'object' && 'errors' in body) return refused(body.errors);
    const { status, statusText } = error.response;
    return new ServiceError('UNKNOWN', `The service answered ${status} ${statusText}.`);
  }
  if (error instanceof NetworkError)
    return new ServiceError('UNREACHABLE', 'The service cannot be reached.');
  return new ServiceError('UNKNOWN', error instanceof Error ? error.message : String(error));
};
