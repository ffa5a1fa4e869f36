import { type ConsumerOptions, EventConsumer, EventPublisher, type EventsError } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryTransport } from '../src/index.js';

const reserved = ['dlq', 'retry', 'dedup', 'seal', 'consumers', 'partitions', 'groups'];
const prefix = fc.constantFrom('prod', 'pro', 'd', 'prod.eu', 'staging');
const segment = fc.oneof(prefix, fc.constantFrom('orders', 'p', 'x', 'events'));
const anyName = fc.oneof(
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join(':')),
  fc.tuple(segment, segment).map(([one, other]) => `{${one}:${other}}`),
  fc.tuple(segment, segment).map(([one, other]) => `{${one}}:${other}`),
  fc.tuple(segment, segment).map(([one, other]) => `${one}{${other}}`),
  fc.tuple(segment, fc.constantFrom(...reserved)).map(([one, other]) => `${one}:${other}`),
  fc.tuple(segment, fc.constantFrom(...reserved)).map(([one, other]) => `{${one}}:${other}:a`),
  fc.constantFrom('events:seal', 'orders:p0', '{staging:orders}:dlq', '*', ':orders', 'prod:', ''),
);

/** Every key that a program reached which was given these names, whatever it was refused. */
async function reached(streamPrefix: string, names: readonly string[]): Promise<Set<string>> {
  const transport = new MemoryTransport();
  const [one = '', two = '', three = '', four = ''] = names;
  const tried = async (act: () => Promise<unknown>) => {
    try {
      await act();
    } catch (error) {
      expect((error as EventsError).code).toMatch(/^EVENTS_(STREAM_NAME|OPTIONS|PARTITIONS)$/);
    }
  };
  const logger = { warn: () => undefined, error: () => undefined };
  const common = { transport, streamPrefix, logger, trimStrategy: { maxLength: 10 } };
  await tried(async () => {
    const publisher = new EventPublisher({ ...common, source: 't', routes: { 'a.*': one, '*': two } });
    await tried(() => publisher.publish('a.b', 1));
    await tried(() => publisher.publish('b', 1));
    await tried(() => publisher.publish('b', 1, { stream: three }));
    await publisher.close();
  });
  await tried(async () => {
    const publisher = new EventPublisher({ ...common, source: 't', defaultStream: one, partitions: 2 });
    await tried(() => publisher.publish('b', 1));
    await publisher.close();
  });
  const consume = (options: Partial<ConsumerOptions>) =>
    tried(async () => {
      const { transport: from, logger: to } = common;
      const consumer = new EventConsumer({ transport: from, logger: to, streamPrefix, group: 'g', ...options });
      consumer.subscribe('*', (_event, { deadLetter }) => deadLetter('no'));
      await consumer.start();
      await consumer.stop();
    });
  await consume({ streams: [...new Set([one, two])] });
  await consume({ stream: two, deadLetter: { stream: four } });
  await consume({ stream: three, partitions: 2, ordering: 'key', partitionLeaseMs: 1_000 });
  const keys = new Set<string>();
  const inspector = transport.inspector();
  for await (const page of inspector.keys('')) for (const { key } of page) keys.add(key);
  await transport.close();
  return keys;
}

function isOf(key: string, streamPrefix: string): boolean {
  return key.startsWith(`${streamPrefix}:`) || key.startsWith(`{${streamPrefix}:`);
}

describe('environments', () => {
  test('whatever names a program is given, it reaches no key without its prefix', async () => {
    const seen = { keys: 0 };
    await fc.assert(
      fc.asyncProperty(prefix, fc.array(anyName, { minLength: 4, maxLength: 4 }), async (streamPrefix, names) => {
        const keys = await reached(streamPrefix, names);
        seen.keys += keys.size;
        for (const key of keys) expect([key, isOf(key, streamPrefix)]).toEqual([key, true]);
      }),
      { numRuns: 150, seed: 4_711 },
    );
    expect(seen.keys).toBeGreaterThan(60);
  });
});

describe('environmentSeal', () => {
  const source = { source: 't', defaultStream: 'orders', environmentSeal: true, trimStrategy: { enabled: false } };

  test('the first prefix is recorded, and others are refused before they touch anything', async () => {
    const transport = new MemoryTransport();
    const own = new EventPublisher({ ...source, transport, streamPrefix: 'prod' });
    await own.publish('a', 1);
    const foreign = new EventPublisher({ ...source, transport, streamPrefix: 'staging', partitions: 2 });
    await expect(foreign.publish('a', 1)).rejects.toMatchObject({
      code: 'EVENTS_ENVIRONMENT',
      outcome: 'not-stored',
      message: expect.stringMatching(/sealed for 'prod', and streamPrefix is 'staging'/),
    });
    const consumer = new EventConsumer({
      transport,
      streamPrefix: 'staging',
      stream: 'orders',
      group: 'g',
      environmentSeal: true,
    });
    consumer.subscribe('*', () => undefined);
    await expect(consumer.start()).rejects.toMatchObject({ code: 'EVENTS_ENVIRONMENT' });
    for await (const page of transport.inspector().keys('')) {
      for (const { key } of page) expect(key).toMatch(/prod:orders/);
    }
    // as soon as an operator allows it, it goes on
    await transport.janitor().changeSeal(['staging'], []);
    await foreign.publish('a', 1);
    await Promise.all([own.close(), foreign.close()]);
  });

  test('keeps the order of a key while it is asked for', async () => {
    const transport = new MemoryTransport();
    const publisher = new EventPublisher({ ...source, transport, streamPrefix: 'prod' });
    await Promise.all(Array.from({ length: 50 }, (_, number) => publisher.publish('a', number, { key: 'k' })));
    const entries = await transport.inspector().range('prod:orders', '-', '+', 100);
    expect(entries.map(({ fields }) => Number(fields?.[7]))).toEqual(Array.from({ length: 50 }, (_, number) => number));
    await publisher.close();
  });

  test('a server that does not answer is asked again, and a failure is not kept', async () => {
    const transport = new MemoryTransport();
    const open = transport.janitor.bind(transport);
    const cause = new Error('away');
    let failures = 100;
    transport.janitor = () => {
      const janitor = open();
      const seal = janitor.seal.bind(janitor);
      janitor.seal = (name) => {
        failures -= 1;
        return failures >= 0 ? Promise.reject(cause) : seal(name);
      };
      return janitor;
    };
    const classify = transport.classify.bind(transport);
    transport.classify = (error) => (error === cause ? { kind: 'offline', cause } : classify(error));
    const publisher = new EventPublisher({ ...source, transport, streamPrefix: 'prod', timeoutMs: 300 });
    await expect(publisher.publish('a', 1)).rejects.toMatchObject({ outcome: 'not-stored', retryable: true });
    failures = 2;
    await expect(publisher.publish('a', 1)).resolves.toMatchObject({ status: 'stored' });
    await publisher.close();
  });
});
