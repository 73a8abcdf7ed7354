import type { CodegenConfig } from '@graphql-codegen/cli';

export default {
  schema: '../schema.graphql',
  documents: ['src/**/*.{ts,tsx}', '!src/generated/**'],
  generates: {
    'src/generated/': {
      preset: 'client',
      // Documents stay strings: the page needs no GraphQL parser.
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: { DateTime: 'string', Date: 'string', TimeZone: 'string', Position: 'number' },
      },
    },
  },
} satisfies CodegenConfig;
