import { type ConsumerOptions, EventConsumer, EventPublisher } from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const group = 'billing';
const logger = { warn() {}, error() {} };

type Told = { readonly name: string; readonly value: Readonly<Record<string, unknown>> };

/** Who is told, and what is held, when events come faster than they are handled. */
export function pressureSuite(kit: TransportKit): void {
  describe(`${kit.name}, under pressure`, () => {
    const laboratory = new Laboratory(kit);

    function consumerOn(server: RedisServer, options: Partial<ConsumerOptions> = {}) {
      const transport = laboratory.transport({ url: server.url });
      const consumer = new EventConsumer({ transport, stream, group, logger, ...options });
      const told: Told[] = [];
      for (const name of ['slowConsumer', 'backpressure', 'recovered', 'lostByTrim', 'error'] as const) {
        consumer.on(name, (value) => told.push({ name, value: value as unknown as Told['value'] }));
      }
      laboratory.keep(consumer, () => consumer.stop({ timeoutMs: 0 }));
      return { consumer, told };
    }

    async function publish(server: RedisServer, count: number): Promise<void> {
      const transport = laboratory.transport({ url: server.url });
      const trimStrategy = { enabled: false };
      const publisher = new EventPublisher({ transport, source: 'suite', defaultStream: stream, trimStrategy });
      await Promise.all(Array.from({ length: count }, (_, number) => publisher.publish('pay.order', number)));
      await publisher.close();
    }

    test('a consumer that is too slow is told of once, and once when it has caught up', async () => {
      const server = await laboratory.server();
      await server.command('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM');
      const options = { slowConsumerThreshold: 1_000, backpressureThreshold: 100, concurrency: 1, prefetch: 150 };
      const { consumer, told } = consumerOn(server, options);
      let handled = 0;
      let waitMs = 20;
      consumer.subscribe('*', async () => {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        handled += 1;
      });
      await consumer.start();
      await publish(server, 400);
      await until(async () => told.length === 2);
      expect(told.map(({ name }) => name).sort()).toEqual(['backpressure', 'slowConsumer']);
      waitMs = 0;
      await until(async () => handled === 400 && told.length === 4);
      expect(told.slice(2).map(({ value }) => value.reason)).toEqual(expect.arrayContaining(['pending', 'lag']));
      const slow = told.find(({ name }) => name === 'slowConsumer')?.value;
      expect(slow).toMatchObject({ stream, group, threshold: 1_000 });
      expect(Number(slow?.lagMs)).toBeGreaterThan(1_000);
    });

    test('what was trimmed while nobody read is told, to the entry', async () => {
      const server = await laboratory.server();
      await server.command('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM');
      await publish(server, 300);
      await server.command('XREADGROUP', 'GROUP', group, 'gone', 'COUNT', '100', 'NOACK', 'STREAMS', stream, '>');
      await server.command('XTRIM', stream, 'MAXLEN', '50');
      const { consumer, told } = consumerOn(server);
      const handled: unknown[] = [];
      consumer.subscribe('*', ({ data }) => void handled.push(data));
      await consumer.start();
      await until(async () => handled.length === 50);
      expect(told).toEqual([{ name: 'lostByTrim', value: { stream, group, entryId: null, count: 150 } }]);
    });

    test('while a dependency is down events wait, keep their attempts, and nobody else takes them', async () => {
      const server = await laboratory.server();
      const options = { circuitBreaker: { failures: 3, probeMs: 100 }, maxRetries: 1, claimIdleMs: 400 } as const;
      const isUp = { value: false };
      const handled: unknown[] = [];
      const events: string[] = [];
      const consumers = [1, 2].map(() => {
        const { consumer } = consumerOn(server, { ...options, onGroupLost: 'fail' });
        consumer.on('circuitOpened', ({ pattern }) => events.push(`opened ${pattern}`));
        consumer.on('circuitClosed', ({ pattern }) => events.push(`closed ${pattern}`));
        for (const name of ['deadLettered', 'leaseLost'] as const) consumer.on(name, () => events.push(name));
        return consumer.subscribe('pay.*', ({ data }) => {
          if (!isUp.value) throw new Error('the bank does not answer');
          handled.push(data);
        });
      });
      await Promise.all(consumers.map((consumer) => consumer.start()));
      await publish(server, 200);
      await until(async () => events.length === 2);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      isUp.value = true;
      await until(async () => handled.length === 200 && events.length === 4, { timeoutMs: 15_000 });
      expect(new Set(handled).size).toBe(200);
      expect(events.sort()).toEqual(['closed pay.*', 'closed pay.*', 'opened pay.*', 'opened pay.*']);
      expect(await server.command('EXISTS', '{orders}:dlq')).toBe(0);
    });
  });
}
