import { inject } from 'vitest';
import { WebSocket } from 'ws';
import { Service } from '../src/api/service';

/** The service that runs for the tests, asked as the dashboard asks it. */
export const connect = (token?: string) =>
  new Service(inject('endpoint'), { token, webSocketImpl: WebSocket });

const INGEST = `mutation Ingest($events: [EventInput!]!) {
  ingestEvents(input: { events: $events }) { accepted }
}`;

let users = 0;

/** Ingests events; what they change is committed soon. */
export async function ingest(...events: object[]) {
  const response = await fetch(inject('endpoint'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${inject('token')}` },
    body: JSON.stringify({ query: INGEST, variables: { events } }),
  });
  const { data } = await response.json();
  if (data?.ingestEvents.accepted !== events.length) throw new Error('an event was not accepted');
}

/** A badge for somebody who has none yet. */
export const badge = () => {
  users += 1;
  const id = `${process.pid}-${users}`;
  return { badgeIssued: { badge: id, recipient: `ST1USER${id}` } };
};
