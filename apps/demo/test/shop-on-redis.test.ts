import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis, until } from '@events/tooling-redis';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const program = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** The compiled program, which starts its services as further processes. */
function startDemo(...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, code, output: () => output };
}

const someArePlaced = /[1-9]\d*\/6,000 orders placed/;

let server: RedisServer;

beforeAll(async () => {
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  server = await startRedis();
  await server.command('SET', 'demo-of-somebody-else', 'kept');
});

afterAll(() => server.stop());

test('through each client the shop survives the death of a service, and leaves only the keys of others behind', async () => {
  const clients = ['ioredis', 'node-redis'];
  const options = ['--redis', server.url, '--orders', '90', '--rate', '150', '--chaos'];
  const demos = clients.map((client) => startDemo(...options, '--client', client));
  await until(async () => Number(await server.command('DBSIZE')) > 3, { timeoutMs: 20_000 });
  for (const [index, demo] of demos.entries()) {
    expect([await demo.code, demo.output()]).toEqual([0, expect.stringContaining('The audit holds')]);
    expect(demo.output()).toContain(`through ${clients[index]}`);
    expect(demo.output()).toMatch(/payment-service was killed \(SIGKILL, process \d+\)/);
    expect(demo.output()).toContain('90 orders: 89 closed, 1 in the dead letters, 0 unfinished.');
  }
  expect(await server.command('KEYS', '*')).toEqual(['demo-of-somebody-else']);
});

test('interrupted, the shop stops gracefully and audits what was done', async () => {
  const interrupt = async (signal: NodeJS.Signals) => {
    const demo = startDemo('--redis', 'local', '--rate', '300');
    await until(() => someArePlaced.test(demo.output()), { timeoutMs: 20_000 });
    demo.child.kill(signal);
    expect([await demo.code, demo.output()]).toEqual([0, expect.stringContaining('The audit holds')]);
    expect(demo.output()).toMatch(/order-service +stopped: \d+ handlers finished/);
  };
  await Promise.all([interrupt('SIGINT'), interrupt('SIGTERM')]);
});

test('a service that dies unasked ends the run with exit code 1, audited', async () => {
  const demo = startDemo('--redis', server.url, '--rate', '300');
  await until(() => someArePlaced.test(demo.output()), { timeoutMs: 20_000 });
  process.kill(Number(/order-service runs as process (\d+)/.exec(demo.output())?.[1]), 'SIGKILL');
  expect(await demo.code).toBe(1);
  expect(demo.output()).toContain('order-service ended: SIGKILL');
  expect(demo.output()).toContain('The audit holds');
});
