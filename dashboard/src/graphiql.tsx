// GraphiQL at the endpoint itself: the page is served at the URL that it asks.
import 'graphiql/setup-workers/vite';
import { createGraphiQLFetcher, type Fetcher, getSelectedOperationName } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { Kind, parse } from 'graphql';
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
const send = createGraphiQLFetcher({ url: endpoint.href, subscriptionUrl: socket.href });

// GraphiQL looks into a tab 100 ms after it was opened, or later on a busy machine. What is run before
// that comes with the operation name and the document of the tab that was left.
const fetcher: Fetcher = (params, options) => {
  try {
    const documentAST = parse(params.query);
    const operations = documentAST.definitions.filter(
      (definition) => definition.kind === Kind.OPERATION_DEFINITION,
    );
    const name = getSelectedOperationName(undefined, params.operationName ?? undefined, operations);
    return send({ ...params, operationName: name ?? null }, { ...options, documentAST });
  } catch {
    return send(params, options); // the service says where the document cannot be read
  }
};

const place = document.getElementById('graphiql');
if (!place) throw new Error('graphiql.html has no element with the id "graphiql"');

createRoot(place).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={[issuance, trends, activity, status, updates].map((query) => ({ query }))}
    shouldPersistHeaders={false}
  />,
);
