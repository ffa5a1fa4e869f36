// What a former owner of a partition sent, and what reaches the server only when it has become late, does nothing.
import type { Subscription, Transport } from '@events/core';
import { startRedis } from '@events/tooling-redis';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { kit } from './kit.js';

let server: Awaited<ReturnType<typeof startRedis>>;
let transport: Transport;
let owner: Subscription;

beforeAll(async () => {
  server = await startRedis();
  transport = kit.create({ url: server.url });
});

afterAll(async () => {
  await transport.close();
  await server.stop();
});

beforeEach(async () => {
  await server.command('FLUSHALL');
  owner = transport.subscription({ stream: 'orders:p0', group: 'billing', consumer: 'owner' });
  await owner.ensureGroup('beginning');
  await owner.own(60_000);
});

/** The script call that `verb` sends, word for word. */
async function sentBy(verb: () => Promise<unknown>): Promise<string[]> {
  await verb(); // from now on the server knows the script
  await server.command('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
  await server.command('SLOWLOG', 'RESET');
  await verb();
  await server.command('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  const slow = (await server.command('SLOWLOG', 'GET', '128')) as [number, number, number, string[]][];
  const call = slow.map((entry) => entry[3]).find(([name]) => name?.toUpperCase() === 'EVALSHA');
  if (call === undefined) throw new Error('It sent no script');
  return call;
}

async function outcomeOf(call: readonly string[]): Promise<string> {
  return server.command(...call).then(String, (error: Error) => error.message);
}

test('a read from before a take-over takes nothing from behind it', async () => {
  const read = await sentBy(() => owner.read(10, 0));
  await owner.takeOver('0-0', 10);
  const id = await server.command('XADD', 'orders:p0', '*', 'a', 'b');
  expect(await outcomeOf(read)).toContain('FENCED');
  expect(await owner.read(10, 0)).toEqual([{ id, fields: ['a', 'b'] }]);
});

test('what was sent under a token is not done under the next one of the same handle', async () => {
  const id = String(await server.command('XADD', 'orders:p0', '*', 'a', 'b'));
  await owner.read(10, 0);
  const postpone = await sentBy(() => owner.postpone(id, 'early'));
  await owner.postpone(id, 'now');
  await owner.disown();
  await owner.own(60_000);
  expect(await outcomeOf(postpone)).toContain('FENCED');
  expect((await owner.owned('0-0', 10)).map(({ record }) => record)).toEqual(['now']);
});
