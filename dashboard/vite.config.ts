import { defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that the pages work under any prefix that a proxy puts before them.
  base: './',
  // In development (`npm run dev`) the service on its usual port answers.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8000', ws: true } } },
  build: {
    target: 'es2022',
    // Nothing inline: the pages are served with script-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // GraphiQL's editor is one script of 2.8 MB, which nothing but GraphiQL loads.
    chunkSizeWarningLimit: 3000,
    rolldownOptions: {
      input: ['index.html', 'graphiql.html'],
      // "use client" means nothing outside of server components, and dependencies are full of it.
      checks: { moduleLevelDirective: false },
    },
  },
});
