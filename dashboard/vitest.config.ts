import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    globalSetup: ['test/service.ts'],
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 30_000,
    // All files share one service and count what it counts.
    fileParallelism: false,
  },
});
