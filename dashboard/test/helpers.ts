import { inject } from 'vitest';
import { WebSocket } from 'ws';
import { Service } from '../src/api/service';

/** The service that runs for the tests, asked as the dashboard asks it. */
export const connect = (token?: string) =>
  new Service(inject('endpoint'), { token, webSocketImpl: WebSocket });

/** Asks with the right to ingest. */
export async function askIngest<Data>(query: string, variables: object): Promise<Data> {
  const response = await fetch(inject('endpoint'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${inject('token')}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

const INGEST = `mutation Ingest($events: [EventInput!]!) {
  ingestEvents(input: { events: $events }) { accepted }
}`;

/** Ingests events; what they change is committed soon. */
export async function ingest(...events: object[]) {
  const { ingestEvents } = await askIngest<{ ingestEvents: { accepted: number } }>(INGEST, {
    events,
  });
  if (ingestEvents.accepted !== events.length) throw new Error('an event was not accepted');
}

let users = 0;

/** A badge for somebody who has none yet, issued now or at another time. */
export const badge = (occurredAt = new Date()) => {
  users += 1;
  const id = `${process.pid}-${users}`;
  return { badgeIssued: { badge: id, recipient: `ST1USER${id}`, occurredAt } };
};
