import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { ConsumedEvent } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { elapse, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe('exactly one handler runs for an event', () => {
  test('the one of its type, else of the longest wildcard, else of *', async () => {
    const stage = new ConsumingStage();
    const handled: string[] = [];
    const by =
      (pattern: string) =>
      ({ type }: ConsumedEvent) =>
        void handled.push(`${type} by ${pattern}`);
    for (const pattern of ['*', 'order.*', 'order.eu.*', 'order.placed'])
      stage.consumer.subscribe(pattern, by(pattern));
    await stage.consumer.start();
    stage.stream.add(
      ...['order.placed', 'order.eu.placed', 'order.us.ca', 'payment.made'].map((type) => fieldsOf(type)),
    );
    await until(() => handled.length === 4);
    expect(handled).toEqual([
      'order.placed by order.placed',
      'order.eu.placed by order.eu.*',
      'order.us.ca by order.*',
      'payment.made by *',
    ]);
  });

  test('and is given the whole event', async () => {
    const stage = new ConsumingStage({ streamPrefix: 'prod' });
    const handled: ConsumedEvent[] = [];
    await stage.consumer.subscribe('*', (event) => void handled.push(event)).start();
    const meta = '{"source":"shop","time":"2026-01-02T03:04:05.678Z","key":"k","headers":{"h":"v"}}';
    const [id] = stage.transport.server
      .stream('prod:orders')
      .add(['id', 'e-1', 'type', 'a', 'meta', meta, 'data', '{"total":1}']);
    await until(() => handled.length === 1);
    const [event] = handled;
    expect(event).toEqual({
      id: 'e-1',
      type: 'a',
      source: 'shop',
      time: new Date('2026-01-02T03:04:05.678Z'),
      key: 'k',
      data: { total: 1 },
      headers: expect.objectContaining({ h: 'v' }),
      stream: 'prod:orders',
      entryId: id,
      attempt: 1,
      redelivered: false,
    });
  });
});

async function without(onUnhandled: 'skip' | 'release' | 'deadLetter' | undefined, maxRetries = 5) {
  const stage = new ConsumingStage({ onUnhandled, maxRetries, recoveryStrategy: () => 1_000 });
  const handled: string[] = [];
  await stage.consumer.subscribe('known', ({ type }) => void handled.push(type)).start();
  return { stage, handled };
}

describe('an event without a handler', () => {
  test.each(['skip', undefined] as const)(
    'with %p is acknowledged and announced; the danger is told once for each type',
    async (mode) => {
      const { stage, handled } = await without(mode);
      const ids = stage.stream.add(...['new', 'new', 'known', 'newer'].map((type) => fieldsOf(type)));
      await until(() => stage.group.pending.size === 0);
      expect(handled).toEqual(['known']);
      expect(stage.occurrences('skipped')).toEqual(
        [ids[0], ids[1], ids[3]].map((entryId) => expect.objectContaining({ entryId, reason: 'unhandled' })),
      );
      expect(stage.logged).toEqual([expect.stringContaining("'new'"), expect.stringContaining("'newer'")]);
      expect(stage.logged[0]).toMatch(/older version/);
    },
  );

  test("with 'deadLetter' goes to the dead letters", async () => {
    const { stage } = await without('deadLetter');
    stage.stream.add(fieldsOf('new'));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'unhandled', attempts: 0 })]);
    expect(stage.logged).toEqual([]);
  });

  test("with 'release' is handed back, for a consumer that knows it", async () => {
    const { stage } = await without('release');
    const [id = ''] = stage.stream.add(fieldsOf('new'));
    await until(() => stage.subscription.released.length === 1);
    expect(stage.group.pending.get(id)).toMatchObject({
      released: true,
      record: expect.stringContaining('"attempt":1'),
    });
    const other = new ConsumingStage({}, stage.transport);
    const handled: string[] = [];
    await other.consumer.subscribe('new', ({ entryId }) => void handled.push(entryId)).start();
    await until(() => handled.length === 1);
    await until(() => stage.group.pending.size === 0);
  });

  test("with 'release' is handed back as often as a failed event is retried, and then goes to the dead letters", async () => {
    const { stage } = await without('release', 3);
    stage.stream.add(fieldsOf('new'));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.subscription.released).toHaveLength(3);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'unhandled' })]);
    expect(stage.group.pending.size).toBe(0);
  });

  test('of a type that the contracts do not name gets no handler of a wildcard either', async () => {
    const stage = new ConsumingStage({ events: { 'order.placed': z.object({ total: z.number() }) } });
    const handled: unknown[] = [];
    await stage.consumer
      .subscribe('*', ({ data }) => void handled.push(data.total))
      .subscribe('order.*', ({ data }) => void handled.push(data.total))
      .start();
    stage.stream.add(
      fieldsOf('order.lost', { anything: true }),
      fieldsOf('payment.made', 7),
      fieldsOf('order.placed', { total: 5 }),
    );
    await until(() => stage.group.pending.size === 0);
    expect(handled).toEqual([5]);
    expect(stage.count('skipped')).toBe(2);
  });

  test('does not stop what comes after even if the logger throws', async () => {
    const broken = () => {
      throw new Error('the log is full');
    };
    const stage = new ConsumingStage({ logger: { warn: broken, error: broken } });
    const handled: string[] = [];
    await stage.consumer.subscribe('known', ({ type }) => void handled.push(type)).start();
    stage.stream.add(fieldsOf('new'), fieldsOf('known'));
    await elapse(100);
    expect(handled).toEqual(['known']);
  });

  test('does not stop what comes after even if a listener throws', async () => {
    const { stage, handled } = await without('skip');
    stage.consumer.on('skipped', () => {
      throw new Error('broken listener');
    });
    stage.stream.add(fieldsOf('new'), fieldsOf('known'));
    await elapse(100);
    expect(handled).toEqual(['known']);
    expect(stage.logged).toContainEqual(expect.stringContaining('broken listener'));
  });
});
