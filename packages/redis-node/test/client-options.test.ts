import { plainAppending } from '@events/conformance';
import { OptionsError } from '@events/core';
import { startCluster, startRedis } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { createClient, createCluster, createSentinel, type RedisClientOptions } from 'redis';
import { createClient as createOlderClient } from 'redis5';
import { type BorrowedClient, RedisTransport } from '../src/index.js';

const entry = { stream: 'orders', id: 'any', fields: ['a', 'b'] };

describe('clientOptions', () => {
  test.each<RedisClientOptions>([
    { url: 'redis://localhost' },
    { password: 'secret' },
    { database: 1 },
    { disableOfflineQueue: false },
    { commandsQueueMaxLength: 10 },
    { commandOptions: { timeout: 100 } },
    { pingInterval: 100 },
    { readonly: true },
    { keyPrefix: 'prod:' },
    { maintNotifications: 'enabled' },
  ])('that the guarantees depend on are refused by name: %p', (clientOptions) => {
    const create = () => new RedisTransport({ clientOptions });
    expect(create).toThrow(OptionsError);
    expect(create).toThrow(`clientOptions.${Object.keys(clientOptions)[0]}`);
  });

  test.each<NonNullable<RedisClientOptions['socket']>>([
    { reconnectStrategy: 100 },
    { socketTimeout: 100 },
    { host: 'localhost' },
  ])('of the socket likewise: %p', (socket) => {
    const create = () => new RedisTransport({ clientOptions: { socket } });
    expect(create).toThrow(OptionsError);
    expect(create).toThrow(`clientOptions.socket.${Object.keys(socket)[0]}`);
  });

  test('reach the client untouched', async () => {
    const server = await startRedis();
    const clientOptions = { name: 'mine', socket: { keepAlive: true, family: 4 } };
    const transport = new RedisTransport({ url: server.url, clientOptions });
    await transport.connect();
    expect(String(await server.command('CLIENT', 'LIST'))).toMatch(/ name=mine /);
    await transport.close();
    await server.stop();
  });
});

describe('a borrowed client', () => {
  const rootNodes = [{ socket: { port: 1 } }];

  test.each<[string, () => BorrowedClient]>([
    ['keyPrefix', () => createClient({ keyPrefix: 'prod:' })],
    [
      'Sentinel',
      () =>
        createSentinel({
          name: 'main',
          sentinelRootNodes: [{ host: 'localhost', port: 1 }],
        }) as unknown as BorrowedClient,
    ],
    ['keyPrefix', () => createCluster({ rootNodes, keyPrefix: 'prod:' }) as unknown as BorrowedClient],
    [
      'not a client of node-redis',
      () => ({ options: {}, status: 'ready', pipeline() {} }) as unknown as BorrowedClient,
    ],
  ])('that cannot keep the promises is refused: %s', (reason, create) => {
    expect(() => new RedisTransport({ client: create() })).toThrow(OptionsError);
    expect(() => new RedisTransport({ client: create() })).toThrow(reason);
  });

  test.each([
    ['by url', (url: string) => ({ url: `${url}/2` })],
    ['by parts', (url: string) => ({ socket: { port: Number(new URL(url).port) }, database: 2 })],
  ])('may be of another major, and have settings that would break the promises: %s', async (_, where) => {
    const server = await startRedis({ password: 'secret' });
    const settings = { password: 'secret', pingInterval: 5, commandOptions: { timeout: 1 } };
    const client = createOlderClient({ ...settings, ...where(server.url) });
    client.on('error', () => undefined); // its own affair
    const transport = new RedisTransport({ client });
    expect(await transport.appender(plainAppending).append([entry, entry], 2_000)).toEqual([
      expect.any(String),
      expect.any(String),
    ]);
    expect(String(await server.command('INFO', 'keyspace'))).toMatch(/db2:keys=1/);
    expect(client.isOpen).toBe(false);
    await transport.close();
    await server.stop();
  });

  test('may be connected to a Cluster: its nodes and their options are used', async () => {
    const cluster = await startCluster({ password: 'secret', replicasPerMaster: 0, proxied: true });
    const client = createCluster({
      rootNodes: cluster.addresses.map(({ host, port }) => ({ url: `redis://${host}:${port}` })),
      defaults: { password: 'secret' },
      nodeAddressMap: cluster.nodeAddressMap,
    });
    const transport = new RedisTransport({ client: client as unknown as BorrowedClient });
    await transport.connect();
    expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
    await transport.close();
    await cluster.stop();
  });
});
