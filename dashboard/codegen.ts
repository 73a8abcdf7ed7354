import type { CodegenConfig } from '@graphql-codegen/cli';

const typed = {
  preset: 'client' as const,
  // Documents stay strings: the page needs no GraphQL parser.
  presetConfig: { fragmentMasking: false },
  config: {
    documentMode: 'string',
    enumsAsTypes: true,
    useTypeImports: true,
    strictScalars: true,
    scalars: { DateTime: 'string', Date: 'string', TimeZone: 'string', Position: 'number' },
  },
};

export default {
  schema: '../schema.graphql',
  generates: {
    'src/generated/': { ...typed, documents: ['src/**/*.{ts,tsx}', '!src/generated/**'] },
    // For nobody but the compiler: what GraphiQL begins with is a client in strict TypeScript too.
    'src/generated/examples/': { ...typed, documents: 'examples/*.graphql' },
  },
} satisfies CodegenConfig;
