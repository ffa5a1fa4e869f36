import { EventAdmin } from '@events/admin';
import { EventConsumer, EventPublisher } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const logger = { warn() {}, error() {} };

/** What an administrator sees and does. */
export function adminSuite(kit: TransportKit): void {
  describe(`${kit.name}, administered`, () => {
    const laboratory = new Laboratory(kit);

    test('streams, groups, lag, pending entries and memory are seen as they are, and trimmed as was said', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const admin = new EventAdmin({ transport, streamPrefix: 'prod' });
      const options = { transport, source: 'suite', streamPrefix: 'prod', trimStrategy: { enabled: false } };
      const publisher = new EventPublisher({ ...options, defaultStream: 'orders' });
      const parted = new EventPublisher({ ...options, defaultStream: 'parts', partitions: 3 });
      for (const each of [publisher, parted]) {
        await Promise.all(Array.from({ length: 2_500 }, (_, number) => each.publish('a', number)));
      }
      await server.command('SET', 'prod:text', 'no stream');
      await server.command('XADD', 'staging:orders', '*', 'a', 'b');
      const consumer = new EventConsumer({
        ...{ transport, streamPrefix: 'prod', stream: 'orders', group: 'billing', consumer: 'one', logger },
      });
      consumer.subscribe('*', ({ data }, context) => (data === 0 ? context.deadLetter('no') : undefined));
      const dead = new Promise((resolve) => consumer.once('deadLettered', resolve));
      await consumer.start();
      await dead;
      await consumer.stop();
      await server.command('XGROUP', 'CREATE', 'prod:orders', 'slow', '0');
      await server.command('XREADGROUP', 'GROUP', 'slow', 'two', 'COUNT', '7', 'STREAMS', 'prod:orders', '>');
      await server.command('XACK', 'prod:orders', 'slow', await firstIdOf(server));

      const streams = await admin.streams();
      expect(streams.map(({ key, kind, partition, bytes }) => [key, kind, partition, typeof bytes])).toEqual([
        ['prod:orders', 'events', undefined, 'number'],
        ['prod:parts:p0', 'events', 0, 'number'],
        ['prod:parts:p1', 'events', 1, 'number'],
        ['prod:parts:p2', 'events', 2, 'number'],
        ['{prod:orders}:dlq', 'deadLetters', undefined, 'number'],
      ]);
      const lag = await admin.lag('orders');
      expect(lag.find(({ group }) => group === 'slow')).toMatchObject({
        lag: 2_493,
        pending: 6,
        lagMs: expect.any(Number),
      });
      const pending = await admin.pending('orders', 'slow', { count: 5 });
      expect(pending).toHaveLength(5);
      expect(pending[0]).toMatchObject({ consumer: 'two', deliveries: 1 });
      const memory = await admin.memory();
      expect(memory.streams.find(({ name }) => name === 'orders')).toMatchObject({
        streamBytes: expect.any(Number),
        deadLetterBytes: expect.any(Number),
        companionBytes: expect.any(Number),
      });
      expect(memory.totalBytes).toBeGreaterThan(100_000);

      for (const strategy of [
        { maxLength: 1_000, trimThreshold: 1 },
        { maxLength: 1_000, trimThreshold: 1, keepUnread: false },
      ]) {
        const planned = await admin.trim('orders', strategy, { dryRun: true });
        expect(await admin.trim('orders', strategy)).toEqual(planned);
      }
      expect(await server.command('XLEN', 'prod:orders')).toBe(1_000);
      expect((await admin.trim('parts', { maxLength: 10, trimThreshold: 1 })).map(({ length }) => length)).toEqual([
        10, 10, 10,
      ]);
      await Promise.all([publisher.close(), parted.close(), admin.close()]);
    });
  });
}

async function firstIdOf(server: { command(...words: string[]): Promise<unknown> }): Promise<string> {
  const [first] = (await server.command('XRANGE', 'prod:orders', '-', '+', 'COUNT', '1')) as [string, unknown][];
  return first?.[0] ?? '';
}
