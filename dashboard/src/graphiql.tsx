// GraphiQL at the endpoint itself: the page is served at the URL that it asks.
import 'graphiql/setup-workers/vite';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { createRoot } from 'react-dom/client';
import activity from '../examples/activity.graphql?raw';
import issuance from '../examples/issuance.graphql?raw';
import status from '../examples/status.graphql?raw';
import trends from '../examples/trends.graphql?raw';
import updates from '../examples/updates.graphql?raw';
import './graphiql.css';

const endpoint = new URL(window.location.pathname, window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

// By URL and not by a client of our own: the toolkit then sends what is in the Headers pane, a token
// for instance, along with the websocket's connection_init.
const fetcher = createGraphiQLFetcher({ url: endpoint.href, subscriptionUrl: socket.href });

const place = document.getElementById('graphiql');
if (!place) throw new Error('graphiql.html has no element with the id "graphiql"');

createRoot(place).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={[issuance, trends, activity, status, updates].map((query) => ({ query }))}
    shouldPersistHeaders={false}
  />,
);
