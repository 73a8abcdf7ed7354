// Subscribes to analyticsUpdated at argv[2] with the token argv[3], with the reference client of
// graphql-transport-ws, and posts the deliveries in argv[4..] to the webhook, one a frame. Then it
// leaves, posts the first two again, and resumes. Prints {frames, resumed}.
import { readFile } from 'node:fs/promises';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [, , base, token, ...files] = process.argv;
const deliveries = await Promise.all(files.map((file) => readFile(file)));
const authorization = `Bearer ${token}`;

const post = async (delivery) => {
  const answer = await fetch(`${base}/webhooks/chainhook`, {
    method: 'POST',
    headers: { authorization },
    body: delivery,
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
};

const client = createClient({
  url: `${base.replace('http', 'ws')}/graphql`,
  webSocketImpl: WebSocket,
  retryAttempts: 0,
  connectionParams: { authorization },
});
const query = `subscription Updates($after: Position) {
  analyticsUpdated(after: $after) {
    position committedAt reason families missed undone
    events { type count }
    metrics { totalBadgesIssued totalUsers totalCommunities }
    issuance { position totalBadgesIssued totalBadgesRevoked }
  }
}`;

const frames = [];
for await (const frame of client.iterate({ query })) {
  frames.push(frame);
  if (frames.length > deliveries.length) break;
  await post(deliveries[frames.length - 1]);
}

const after = frames.at(-1).data.analyticsUpdated.position;
for (const delivery of deliveries.slice(0, 2)) await post(delivery);
for await (const frame of client.iterate({
  query: 'subscription { analyticsUpdated { position } }',
})) {
  if (frame.data.analyticsUpdated.position > after) break;
}
const resumed = [];
for await (const frame of client.iterate({ query, variables: { after } })) {
  resumed.push(frame);
  break;
}

await client.dispose();
console.log(JSON.stringify({ frames, resumed }));
