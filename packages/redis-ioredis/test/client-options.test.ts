import { plainAppending } from '@events/conformance';
import { OptionsError } from '@events/core';
import { startCluster, startRedis, startReplicated } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { Redis as OlderRedis } from 'ioredis5';
import { type BorrowedClient, RedisTransport } from '../src/index.js';

const entry = { stream: 'orders', id: 'any', fields: ['a', 'b'] };

describe('clientOptions', () => {
  test.each<RedisOptions>([
    { retryStrategy: () => 100 },
    { autoResendUnfulfilledCommands: true },
    { maxRetriesPerRequest: 20 },
    { enableOfflineQueue: true },
    { enableAutoPipelining: true },
    { commandTimeout: 100 },
    { socketTimeout: 100 },
    { blockingTimeout: 100 },
    { reconnectOnError: () => 2 },
    { keyPrefix: 'prod:' },
    { stringNumbers: true },
    { replyMapping: 'resp3' },
    { sentinels: [{ host: 'localhost', port: 26_379 }] },
    { host: 'localhost' },
    { password: 'secret' },
  ])('that the guarantees depend on are refused by name: %p', (clientOptions) => {
    const create = () => new RedisTransport({ clientOptions });
    expect(create).toThrow(OptionsError);
    expect(create).toThrow(`clientOptions.${Object.keys(clientOptions)[0]}`);
  });

  test('reach the client untouched', async () => {
    const server = await startRedis();
    const clientOptions = { connectionName: 'mine', lazyConnect: true, keepAlive: 5_000, family: 4 };
    const transport = new RedisTransport({ url: server.url, clientOptions });
    await transport.connect();
    expect(String(await server.command('CLIENT', 'LIST'))).toMatch(/ name=mine /);
    await transport.close();
    await server.stop();
  });
});

describe('a borrowed client', () => {
  const quiet = { lazyConnect: true };

  test.each<[string, () => BorrowedClient]>([
    ['keyPrefix', () => new Redis({ ...quiet, keyPrefix: 'prod:' })],
    [
      'keyPrefix',
      () =>
        new Cluster([{ host: 'localhost', port: 1 }], { ...quiet, keyPrefix: 'prod:' }) as unknown as BorrowedClient,
    ],
    ['not a client of ioredis', () => ({ options: {}, isOpen: true, multi() {} }) as unknown as BorrowedClient],
  ])('that cannot keep the promises is refused: %s', (reason, create) => {
    expect(() => new RedisTransport({ client: create() })).toThrow(OptionsError);
    expect(() => new RedisTransport({ client: create() })).toThrow(reason);
  });

  test('may be of another major, and have settings that would break the promises', async () => {
    const server = await startRedis();
    const { host, port } = server;
    const needless = { enableAutoPipelining: true, retryStrategy: () => 10, stringNumbers: true };
    const client = new OlderRedis({ host, port, db: 2, commandTimeout: 1, lazyConnect: true, ...needless });
    const transport = new RedisTransport({ client });
    expect(await transport.appender(plainAppending).append([entry, entry], 2_000)).toEqual([
      expect.any(String),
      expect.any(String),
    ]);
    expect(await transport.inspector().describe('orders')).toMatchObject({ length: 2 });
    expect(String(await server.command('INFO', 'keyspace'))).toMatch(/db2:keys=1/);
    expect(client.status).toBe('wait');
    await transport.close();
    await server.stop();
  });

  test('may be connected to Sentinel: its sentinels, name and passwords are used', async () => {
    const passwords = { password: 'secret', sentinelPassword: 'other' };
    const set = await startReplicated({ ...passwords, replicas: 0, sentinels: 1, proxied: true });
    const client = new Redis({
      ...quiet,
      ...passwords,
      sentinels: [...set.sentinelAddresses],
      name: set.name,
      natMap: set.nodeAddressMap,
    });
    const transport = new RedisTransport({ client });
    await transport.connect();
    expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
    expect(set.proxyOf(await set.master()).connections).toBeGreaterThan(0);
    await transport.close();
    await set.stop();
  });

  test('may be connected to a Cluster: its nodes and their options are used', async () => {
    const cluster = await startCluster({ password: 'secret', replicasPerMaster: 0, proxied: true });
    const client = new Cluster([...cluster.addresses], {
      ...quiet,
      redisOptions: { password: 'secret' },
      natMap: cluster.nodeAddressMap,
    });
    const transport = new RedisTransport({ client: client as unknown as BorrowedClient });
    await transport.connect();
    expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
    await transport.close();
    await cluster.stop();
  });
});
