import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { until } from '../src/index.js';
import { processRuns } from './support/processes.js';

const path = (name: string) => fileURLToPath(new URL(`support/${name}`, import.meta.url));

/** Runs support/server-holder.ts in a process of its own until it has started its server. */
async function holder(behaviour: string) {
  const child = spawn(
    process.execPath,
    ['--import', path('typescript-loader.mjs'), path('server-holder.ts'), behaviour],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  let errors = '';
  child.stderr.on('data', (bytes) => (errors += String(bytes)));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) throw new Error(`The holder failed: ${errors}`);
  const server = JSON.parse(first.value) as { pid: number; directory: string };
  return { child, exited, lines, server, errors: () => errors };
}

async function nothingIsLeftOf(server: { pid: number; directory: string }) {
  const gone = async () => !(await processRuns(server.pid)) && !existsSync(server.directory);
  try {
    await until(gone, { message: `process ${server.pid} and ${server.directory} to disappear` });
  } finally {
    // What a failure of the guard leaves must not outlive the test that found it.
    if (await processRuns(server.pid)) process.kill(server.pid, 'SIGKILL');
  }
}

describe('a server whose starter ends without stopping it', () => {
  test('SIGKILL', async () => {
    const { child, exited, server } = await holder('hold');
    expect(await processRuns(server.pid)).toBe(true);
    child.kill('SIGKILL');
    await exited;
    await nothingIsLeftOf(server);
  });

  test('SIGKILL, with the server frozen', async () => {
    const { child, exited, lines, server } = await holder('hold frozen');
    expect((await lines.next()).value).toBe('frozen');
    child.kill('SIGKILL');
    await exited;
    await nothingIsLeftOf(server);
  });

  test.each([
    ['process.exit', 'exit', 3],
    ['an uncaught error', 'throw', 1],
    ['the end of the program, which the server does not hold up', 'end', 0],
  ])('%s', async (_name, behaviour, code) => {
    const { exited, server, errors } = await holder(behaviour);
    expect(await exited).toEqual([code, null]);
    expect(errors()).toContain(behaviour === 'throw' ? 'as intended' : '');
    await nothingIsLeftOf(server);
  });
});
