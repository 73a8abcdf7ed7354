// The graphql-sse reference client, distinct connections, against the endpoint in argv[2].
import { createClient } from 'graphql-sse';

const client = createClient({ url: process.argv[2], retryAttempts: 0 });

const run = async (query) => {
  const frames = [];
  for await (const frame of client.iterate({ query })) frames.push(frame);
  return frames;
};

console.log(
  JSON.stringify({
    query: await run('{ hello }'),
    subscription: await run('subscription { count(to: 3) }'),
    validation: await run('{ nothing }'),
    refused: await run('subscription { refuse }'),
  }),
);
