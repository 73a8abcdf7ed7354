// The graphql-transport-ws reference client against the endpoint in argv[2]. Prints what it got.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const client = createClient({ url: process.argv[2], webSocketImpl: WebSocket, retryAttempts: 0 });

const run = async (query, variables) => {
  const frames = [];
  try {
    for await (const frame of client.iterate({ query, variables })) frames.push(frame);
    return { frames };
  } catch (errors) {
    return { frames, errors };
  }
};

const leave = () =>
  new Promise((resolve) => {
    let frames = 0;
    const unsubscribe = client.subscribe(
      { query: 'subscription { count(to: 1000000) }' },
      {
        next: () => {
          frames += 1;
          if (frames === 3) {
            unsubscribe();
            resolve(frames);
          }
        },
        error: resolve,
        complete: () => resolve(frames),
      },
    );
  });

const results = {
  query: await run('{ hello }'),
  mutation: await run('mutation($n: Int!) { double(number: $n) }', { n: 21 }),
  subscription: await run('subscription { count(to: 3) }'),
  together: await Promise.all([1, 2, 3].map((to) => run(`subscription { count(to: ${to}) }`))),
  left: await leave(),
  syntax: await run('{'),
  validation: await run('{ nothing }'),
  refused: await run('subscription { refuse }'),
  crashed: await run('subscription { crashAfter(frames: 2) }'),
  after: await run('{ hello }'),
};
await client.dispose();
console.log(JSON.stringify(results));
