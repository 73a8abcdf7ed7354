// GraphiQL at the endpoint itself: the page is served at the URL that it asks.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/graphiql.css';
import { createRoot } from 'react-dom/client';
import './graphiql.css';

const FIRST_QUERY = `# PassportX Analytics. Write a query and press Ctrl-Enter; Ctrl-Space completes.
# Subscriptions work here too. The Docs pane on the left describes every field.

{
  __schema {
    queryType {
      fields {
        name
        description
      }
    }
  }
}
`;

const endpoint = new URL(window.location.pathname, window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

// By URL and not by a client of our own: the toolkit then sends what is in the Headers pane, a token
// for instance, along with the websocket's connection_init.
const fetcher = createGraphiQLFetcher({ url: endpoint.href, subscriptionUrl: socket.href });

const place = document.getElementById('graphiql');
if (!place) throw new Error('graphiql.html has no element with the id "graphiql"');

createRoot(place).render(
  <GraphiQL fetcher={fetcher} defaultQuery={FIRST_QUERY} shouldPersistHeaders={false} />,
);
