import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

// The service sends these instead, to whom takes them.
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  async writeBundle({ dir = '' }) {
    for (const name of await readdir(join(dir, 'assets'))) {
      if (!/\.(css|js|svg)$/.test(name)) continue;
      const file = join(dir, 'assets', name);
      await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }));
    }
  },
};

export default defineConfig({
  // Relative, so that the pages work under any prefix that a proxy puts before them.
  base: './',
  // In development (`npm run dev`) the service on its usual port answers.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8000', ws: true } } },
  plugins: [compressed],
  build: {
    target: 'baseline-widely-available',
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
