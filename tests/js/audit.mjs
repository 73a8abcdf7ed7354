// Runs the GraphQL over HTTP audits against the endpoint in argv[2]; prints [{id, name, status, reason}].
import { serverAudits } from 'graphql-http';

const results = [];
for (const audit of serverAudits({ url: process.argv[2] })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
console.log(JSON.stringify(results));
