// Runs the real service for the tests, on a free port and a data directory of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    endpoint: string;
    token: string;
  }
}

const PASSPORTX = fileURLToPath(new URL('../../.venv/bin/passportx', import.meta.url));

export default async function setup({ provide }: TestProject) {
  const data = await mkdtemp(join(tmpdir(), 'passportx-dashboard-'));
  const service = spawn(
    PASSPORTX,
    ['serve', '--port', '0', '--data-dir', data, '--batch-timeout-ms', '1'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => service.once('exit', resolve));
  for await (const line of createInterface({ input: service.stdout })) {
    const address = /^GraphQL and GraphiQL\s+(\S+)$/.exec(line);
    if (address?.[1]) provide('endpoint', address[1]);
    if (line.startsWith('Stop with')) break;
  }
  provide('token', (await readFile(join(data, 'ingest-token'), 'utf8')).trim());
  return async () => {
    service.kill();
    await ended;
    await rm(data, { recursive: true });
  };
}
