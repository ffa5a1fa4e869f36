// The ACL lines in the READMEs of the client adapters suffice for everything, and for no more.
import { once } from 'node:events';
import { EventConsumer, EventPublisher, PermissionError } from '@events/core';
import { RedisTransport as IoredisTransport } from '@events/redis-ioredis';
import { RedisTransport as NodeRedisTransport } from '@events/redis-node';
import { startRedis, until } from '@events/tooling-redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readPage } from './support/pages.js';

const adapters = [
  ['redis-ioredis', IoredisTransport],
  ['redis-node', NodeRedisTransport],
] as const;
const rulesIn = (adapter: string): string[] =>
  readPage(`packages/${adapter}/README.md`)
    .text.split('\n')
    .filter((line) => line.startsWith('ACL SETUSER '));

let server: Awaited<ReturnType<typeof startRedis>>;
let transports: (IoredisTransport | NodeRedisTransport)[] = [];

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  await server.command('FLUSHALL');
  await server.command('ACL', 'LOG', 'RESET');
});

afterEach(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  transports = [];
});

test('the READMEs have the same lines', () => {
  expect(rulesIn('redis-ioredis')).toHaveLength(2);
  expect(rulesIn('redis-node')).toEqual(rulesIn('redis-ioredis'));
});

describe.each(adapters)('%s', (adapter, Transport) => {
  const logIn = (role: 'publisher' | 'consumer'): IoredisTransport | NodeRedisTransport => {
    const rule = rulesIn(adapter).find((line) => line.includes(`shop-${role}`)) ?? '';
    const password = / >(\S+)/.exec(rule)?.[1] ?? '';
    const transport = new Transport({ host: server.host, port: server.port, username: `shop-${role}`, password });
    transports.push(transport);
    return transport;
  };
  const publisher = (transport = logIn('publisher')): EventPublisher =>
    new EventPublisher({ transport, source: 'shop', streamPrefix: 'prod', defaultStream: 'orders', timeoutMs: 1_000 });
  const consumer = (): EventConsumer => {
    const options = { streamPrefix: 'prod', stream: 'orders', group: 'billing', claimIdleMs: 300, deduplicate: true };
    return new EventConsumer({ ...options, transport: logIn('consumer'), recoveryStrategy: () => 20 });
  };

  beforeAll(async () => {
    for (const rule of rulesIn(adapter)) await server.command(...rule.split(' '));
  });

  test('publishing, consuming, retries, dead letters, keep-alive, claims, deduplication and stops: nothing is denied', async () => {
    const transport = logIn('consumer');
    await transport.connect();
    const source = publisher();
    const handled: string[] = [];
    const first = consumer();
    first.subscribe('again', ({ attempt }) => {
      if (attempt === 1) throw new Error('once more');
      handled.push('again');
    });
    first.subscribe('never', (_event, { deadLetter }) => deadLetter('never'));
    first.subscribe('long', () => new Promise((resolve) => setTimeout(resolve, 500)));
    first.subscribe('hangs', () => new Promise(() => undefined));
    const deadLettered = once(first, 'deadLettered');
    await first.start();
    await source.publishBatch(['again', 'never', 'long', 'hangs'].map((type) => ({ type, id: type, data: null })));
    await deadLettered;
    await until(() => handled.includes('again'));
    const skipped = once(first, 'skipped');
    await source.publish('again', null, { id: 'again' });
    expect((await skipped)[0]).toMatchObject({ reason: 'duplicate' });
    await new Promise((resolve) => setTimeout(resolve, 400)); // as long as it takes until `long` and `hangs` are kept alive
    expect(await first.stop({ timeoutMs: 0 })).toMatchObject({ abandoned: 1 });

    const second = consumer();
    second.subscribe('*', ({ type }) => handled.push(type));
    await second.start();
    await until(() => handled.includes('hangs'));
    await second.stop();
    expect(await server.command('XLEN', '{prod:orders}:dlq')).toBe(1);
    expect(await server.command('ACL', 'LOG')).toEqual([]);
  });

  test('a group that is lost is created again', async () => {
    const member = consumer();
    const handled: string[] = [];
    member.subscribe('*', ({ type }) => handled.push(type));
    await member.start();
    const lost = once(member, 'groupLost');
    await server.command('DEL', 'prod:orders');
    await lost;
    await publisher().publish('after', null);
    await until(() => handled.includes('after'));
    await member.stop();
    expect(await server.command('ACL', 'LOG')).toEqual([]);
  });

  test('a publisher may not read, nor publish elsewhere; a consumer may not publish', async () => {
    await expect(publisher(logIn('consumer')).publish('order.placed', null)).rejects.toThrow(PermissionError);
    const elsewhere = new EventPublisher({ transport: logIn('publisher'), source: 'shop', defaultStream: 'orders' });
    await expect(elsewhere.publish('order.placed', null)).rejects.toThrow(PermissionError);
    const inspector = logIn('publisher').inspector();
    await expect(inspector.range('prod:orders', '-', '+', 1)).rejects.toMatchObject({ kind: 'denied' });
    await inspector.close();
    expect(await server.command('EXISTS', 'prod:orders', 'orders')).toBe(0);
  });
});
