// Lints schema.graphql by graphql-eslint's rules for schemas and for Relay; prints [{line, rule, message}].
// The exceptions from the two sets are below, each with its reason.
import { fileURLToPath } from 'node:url';
import graphql from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';

const rules = {
  ...graphql.configs['flat/schema-recommended'].rules,
  ...graphql.configs['flat/schema-relay'].rules,
  // A figure, a bucket and a page are values: nothing to look up again. What is looked up has an id.
  '@graphql-eslint/strict-id-in-types': 'off',
  '@graphql-eslint/relay-edge-types': [
    'error',
    {
      withEdgeSuffix: true,
      // There is no `node(id:)`: what an edge leads to is asked for by the lists and their filters.
      shouldImplementNode: false,
      // Buckets, shares and rankings are as many as was asked for, and lists. The rest is connections.
      listTypeCanWrapOnlyEdgeType: false,
    },
  ],
  // Stricter than the set, which leaves out fields, arguments and values.
  '@graphql-eslint/require-description': [
    'error',
    {
      types: true,
      DirectiveDefinition: true,
      EnumValueDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
    },
  ],
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: {
    files: ['schema.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: `${root}/schema.graphql` } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules,
  },
});
const [{ messages }] = await eslint.lintFiles('schema.graphql');
console.log(
  JSON.stringify(messages.map(({ line, ruleId: rule, message }) => ({ line, rule, message }))),
);
