/** What an empty service shows: how it comes by its first figures. */
export function Welcome({ origin }: { origin: string }) {
  return (
    <section className="welcome" aria-labelledby="welcome">
      <h2 id="welcome">Nothing was counted yet</h2>
      <p>This page fills as soon as the first events are committed; it need not be reloaded.</p>
      <ol>
        <li>
          <h3>Point a Chainhook at it</h3>
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
          <h3>Or send an event by hand</h3>
          <pre>
            {`curl ${origin}/graphql \\
  -H 'content-type: application/json' -H "authorization: Bearer $TOKEN" \\
  -d '{"query": "mutation { ingestEvents(input: { events: [{ userJoined: { user: \\"ST1…\\" } }] }) { accepted } }"}'`}
          </pre>
        </li>
        <li>
          <h3>Or look at a synthetic chain first</h3>
          <pre>make demo</pre>
        </li>
      </ol>
    </section>
  );
}
