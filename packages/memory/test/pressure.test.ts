import v8 from 'node:v8';
import { type ConsumerOptions, EventConsumer, EventPublisher } from '@events/core';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { MemoryTransport } from '../src/index.js';

const deadlineMs = 10_000;

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  const endsAtMs = Date.now() + deadlineMs;
  while (!(await what())) {
    if (Date.now() > endsAtMs) throw new Error('It did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Keeps the event loop busy. */
function block(ms: number): void {
  const endsAtMs = performance.now() + ms;
  while (performance.now() < endsAtMs);
}

const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const stop of stops.splice(0)) await stop();
});

/** `count` events that wait for a consumer, which is not started. */
async function waiting(count: number, options: Partial<ConsumerOptions> = {}) {
  const transport = new MemoryTransport();
  const stream = { defaultStream: 'orders', trimStrategy: { enabled: false } };
  const publisher = new EventPublisher({ transport, source: 'tests', ...stream });
  const publish = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, index) => publisher.publish('a', from + index)));
  await publish(0, count);
  await transport.subscription({ stream: 'orders', group: 'billing', consumer: 'x' }).ensureGroup('beginning');
  const consumer = new EventConsumer({ transport, stream: 'orders', group: 'billing', ...options });
  const told: { readonly name: string; readonly reason: string }[] = [];
  consumer.on('backpressure', ({ reason }) => told.push({ name: 'backpressure', reason }));
  consumer.on('recovered', ({ reason }) => told.push({ name: 'recovered', reason }));
  stops.push(
    () => consumer.stop({ timeoutMs: 0 }),
    () => publisher.close(),
    () => transport.close(),
  );
  return { transport, consumer, publish, told };
}

describe('a process under pressure', () => {
  test('keeps its turn while handlers that wait for nothing run one after another', async () => {
    const { consumer } = await waiting(200);
    let handled = 0;
    let turns = 0;
    consumer.subscribe('*', () => {
      block(5);
      handled += 1;
    });
    const timer = setInterval(() => {
      if (handled > 0 && handled < 200) turns += 1;
    }, 1);
    await consumer.start();
    await until(() => handled === 200);
    clearInterval(timer);
    // a second of work, a turn for others at least every 25 ms and a handler
    expect(turns).toBeGreaterThanOrEqual(15);
  });

  test('reads less while its event loop is late, and as much as usual when it is not', async () => {
    const { consumer, told, publish } = await waiting(40);
    let handled = 0;
    let isSlow = true;
    consumer.subscribe('*', () => {
      if (isSlow) block(400);
      handled += 1;
    });
    await consumer.start();
    await until(() => told.some(({ reason }) => reason === 'eventLoop'));
    isSlow = false;
    await until(() => handled === 40);
    await until(async () => {
      await publish(0, 1);
      return told.some(({ name, reason }) => name === 'recovered' && reason === 'eventLoop');
    });
    expect(told.filter(({ reason }) => reason === 'eventLoop')).toEqual([
      { name: 'backpressure', reason: 'eventLoop' },
      { name: 'recovered', reason: 'eventLoop' },
    ]);
  });

  test('reads nothing while its heap is nearly full and something is in hand, and a little when nothing is', async () => {
    const statistics = v8.getHeapStatistics();
    let percent = 10;
    jest.spyOn(v8, 'getHeapStatistics').mockImplementation(() => ({
      ...statistics,
      used_heap_size: (statistics.heap_size_limit * percent) / 100,
    }));
    const { consumer, told, transport } = await waiting(300, { prefetch: 10, concurrency: 1 });
    const finish: (() => void)[] = [];
    consumer.subscribe('*', () => new Promise<void>((resolve) => void finish.push(resolve)));
    const read = async () => {
      const [group] = (await transport.inspector().describe('orders'))?.groups ?? [];
      return (group?.pending ?? 0) + finished;
    };
    let finished = 0;
    const finishOne = (): false => {
      const end = finish.shift();
      if (end !== undefined) finished += 1;
      end?.();
      return false;
    };
    await consumer.start();
    await until(() => finish.length === 1);
    percent = 90;
    await until(() => told.length > 0 || finishOne());
    expect(told).toEqual([{ name: 'backpressure', reason: 'heap' }]);
    const before = await read();
    // all that is in hand is handled, and nothing is read meanwhile but what was asked for already, and a little in the end
    while (finished < before) {
      await until(() => finish.length > 0);
      finishOne();
    }
    expect(await read()).toBeLessThanOrEqual(before + 20);
    await until(() => finish.length > 0);
    percent = 20;
    await until(() => told.length === 2 || finishOne());
    expect(told[1]).toEqual({ name: 'recovered', reason: 'heap' });
  });
});
