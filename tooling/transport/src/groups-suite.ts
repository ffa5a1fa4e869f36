import { type ConsumerOptions, EventConsumer, EventPublisher } from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const signs = '{orders}:groups';
const logger = { warn() {}, error() {} };

/** How groups and consumers begin and end. */
export function groupsSuite(kit: TransportKit): void {
  describe(`${kit.name}, the life of groups`, () => {
    const laboratory = new Laboratory(kit);

    function consumerOn(server: RedisServer, options: Partial<ConsumerOptions> = {}) {
      const transport = laboratory.transport({ url: server.url });
      const consumer = new EventConsumer({ transport, stream, group: 'billing', logger, ...options });
      const told: { readonly name: string; readonly [key: string]: unknown }[] = [];
      for (const name of ['groupCreated', 'groupRemoved', 'consumerRemoved', 'groupLost', 'error'] as const) {
        consumer.on(name, (value) => told.push({ name, ...(value as object) }));
      }
      const handled: unknown[] = [];
      consumer.subscribe('*', ({ data }) => void handled.push(data));
      laboratory.keep(consumer, () => consumer.stop({ timeoutMs: 0 }));
      return { consumer, told, handled };
    }

    async function publish(server: RedisServer, count: number): Promise<void> {
      const transport = laboratory.transport({ url: server.url });
      const trimStrategy = { enabled: false };
      const publisher = new EventPublisher({ transport, source: 'suite', defaultStream: stream, trimStrategy });
      await Promise.all(Array.from({ length: count }, (_, number) => publisher.publish('a', number)));
      await publisher.close();
    }

    async function groupNames(server: RedisServer): Promise<string[]> {
      const groups = (await server.command('XINFO', 'GROUPS', stream)) as unknown as unknown[][];
      return groups.map((group) => String(group[1])).sort();
    }

    test('of twenty that start at once one creates the group, and together they handle each event once', async () => {
      const server = await laboratory.server();
      const members = Array.from({ length: 20 }, () => consumerOn(server));
      await Promise.all(members.map(({ consumer }) => consumer.start()));
      expect(members.flatMap(({ told }) => told)).toEqual([{ name: 'groupCreated', stream, group: 'billing' }]);
      await publish(server, 500);
      const handled = () => members.flatMap((member) => member.handled);
      await until(async () => handled().length >= 500);
      expect(new Set(handled()).size).toBe(500);
      expect(handled()).toHaveLength(500);
    });

    test('without autoCreateGroup a start creates nothing, and a group that is lost ends the consumer', async () => {
      const server = await laboratory.server();
      const first = consumerOn(server, { autoCreateGroup: false });
      await expect(first.consumer.start()).rejects.toMatchObject({
        code: 'EVENTS_GROUP_NOT_FOUND',
        message: expect.stringContaining("there is no stream 'orders'"),
      });
      const partitioned = { partitions: 2, ordering: 'key', autoCreateGroup: false } as const;
      await expect(consumerOn(server, partitioned).consumer.start()).rejects.toMatchObject({
        code: 'EVENTS_GROUP_NOT_FOUND',
      });
      expect(await server.command('DBSIZE')).toBe(0);
      await server.command('XGROUP', 'CREATE', stream, 'other', '0', 'MKSTREAM');
      await expect(consumerOn(server, { autoCreateGroup: false }).consumer.start()).rejects.toThrow(
        "'orders' has no such group",
      );
      expect(await groupNames(server)).toEqual(['other']);
      await server.command('XGROUP', 'CREATE', stream, 'billing', '0');
      const second = consumerOn(server, { autoCreateGroup: false });
      await second.consumer.start();
      await publish(server, 1);
      await until(async () => second.handled.length === 1);
      await server.command('XGROUP', 'DESTROY', stream, 'billing');
      await until(async () => second.consumer.state === 'failed');
      expect(second.told.find(({ name }) => name === 'groupLost')).toMatchObject({ policy: 'fail' });
      expect(await groupNames(server)).toEqual(['other']);
    });

    test('unused groups and consumers that are gone are removed; what has work, or a sign of life, stays', async () => {
      const server = await laboratory.server();
      const long = String(Date.now() - 3_600_000);
      await publish(server, 3);
      for (const group of ['unused', 'unread', 'pending', 'alive', 'billing']) {
        await server.command('XGROUP', 'CREATE', stream, group, group === 'unread' ? '0' : '$');
        await server.command('XGROUP', 'CREATECONSUMER', stream, group, 'gone');
        await server.command('HSET', signs, group, group === 'alive' ? String(Date.now()) : long);
        await server.command('HSET', signs, `${group} gone`, long);
      }
      await server.command('XGROUP', 'SETID', stream, 'pending', '0');
      await server.command('XREADGROUP', 'GROUP', 'pending', 'gone', 'COUNT', '10', 'STREAMS', stream, '>');
      const { consumer, told } = consumerOn(server, { cleanupUnusedGroups: { idleMs: 60_000 } });
      await consumer.start();
      await until(async () => !(await groupNames(server)).includes('unused'));
      await until(async () => told.some(({ name }) => name === 'groupRemoved'));
      await consumer.stop();
      expect(await groupNames(server)).toEqual(['alive', 'billing', 'pending', 'unread']);
      const removed = told.filter(({ name }) => name === 'groupRemoved');
      expect(removed).toEqual([{ name: 'groupRemoved', stream, group: 'unused', silentMs: expect.any(Number) }]);
      const consumers = told.filter(({ name }) => name === 'consumerRemoved').map(({ group }) => group);
      // the group that is alive looks after its own
      expect(consumers.sort()).toEqual(['billing', 'unread', 'unused']);
      expect(told.filter(({ name }) => name === 'error')).toEqual([]);
    });

    test('a consumer that is gone is emptied by claims first, and removed then', async () => {
      const server = await laboratory.server();
      await server.command('XGROUP', 'CREATE', stream, 'billing', '0', 'MKSTREAM');
      await publish(server, 5);
      await server.command('XREADGROUP', 'GROUP', 'billing', 'gone', 'COUNT', '5', 'STREAMS', stream, '>');
      const long = String(Date.now() - 3_600_000);
      await server.command('HSET', signs, 'billing', long, 'billing gone', long);
      const { consumer, told, handled } = consumerOn(server, { claimIdleMs: 100 });
      await consumer.start();
      await until(async () => handled.length === 5);
      await until(async () => told.some(({ name }) => name === 'consumerRemoved'), { timeoutMs: 20_000 });
      expect(told.filter(({ name }) => name === 'consumerRemoved')).toEqual([
        { name: 'consumerRemoved', stream, group: 'billing', consumer: 'gone', silentMs: expect.any(Number) },
      ]);
      expect(new Set(handled).size).toBe(5);
    }, 30_000);

    test('a prefix that the server is not for begins nothing', async () => {
      const server = await laboratory.server();
      const first = consumerOn(server, { environmentSeal: true, streamPrefix: 'prod' });
      await first.consumer.start();
      const second = consumerOn(server, { environmentSeal: true, streamPrefix: 'staging' });
      await expect(second.consumer.start()).rejects.toMatchObject({ code: 'EVENTS_ENVIRONMENT' });
      expect(await server.command('KEYS', '*staging*')).toEqual([]);
      expect(await server.command('SMEMBERS', 'events:seal')).toEqual(['prod']);
    });
  });
}
