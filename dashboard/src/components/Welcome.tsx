/** What an empty service shows: how it comes by its first figures. */
export function Welcome({ origin }: { origin: string }) {
  return (
    <section className="welcome" aria-labelledby="welcome">
      <h1 id="welcome">Nothing was counted yet</h1>
      <p>This page fills as soon as the first events are committed; it need not be reloaded.</p>
      <ol>
        <li>
          <h2>Point a Chainhook at it</h2>
          <p>
            Deliveries of both generations are taken at this address, with the token that lies in
            the data directory as <code>ingest-token</code>:
          </p>
          <pre>
            POST {origin}/webhooks/chainhook{'\n'}
            Authorization: Bearer …
          </pre>
        </li>
        <li>
          <h2>Or send an event by hand</h2>
          <pre>
            {`curl ${origin}/graphql \\
  -H 'content-type: application/json' -H "authorization: Bearer $TOKEN" \\
  -d '{"query": "mutation { ingestEvents(input: { events: [{ userJoined: { user: \\"ST1…\\" } }] }) { accepted } }"}'`}
          </pre>
        </li>
        <li>
          <h2>Or look at a synthetic chain first</h2>
          <pre>make demo</pre>
        </li>
      </ol>
    </section>
  );
}
