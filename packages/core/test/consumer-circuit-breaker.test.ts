import { describe, expect, test } from '@jest/globals';
import { type CircuitBreakerOptions, type ConsumerOptions, NonRetryableError } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { elapse, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

type Attempt = { readonly type: string; readonly data: unknown; readonly attempt: number };

/** A consumer whose dependency is up or down as the test says. */
async function dependent(
  breaker: boolean | CircuitBreakerOptions,
  options: Partial<ConsumerOptions> = {},
  failWith: (data: unknown) => unknown = () => new Error('the dependency is down'),
) {
  const stage = new ConsumingStage({ circuitBreaker: breaker, concurrency: 1, maxRetries: 2, ...options });
  const attempts: Attempt[] = [];
  const handled: unknown[] = [];
  const others: unknown[] = [];
  const dependency = { isUp: false };
  stage.consumer.subscribe('pay.*', ({ type, data, attempt }) => {
    attempts.push({ type, data, attempt });
    if (!dependency.isUp) throw failWith(data);
    handled.push(data);
  });
  stage.consumer.subscribe('mail.sent', ({ data }) => void others.push(data));
  const add = (from: number, to: number, type = 'pay.order', key?: string) => {
    for (let number = from; number < to; number += 1)
      stage.stream.add(fieldsOf(type, number, { key, id: `e-${number}` }));
  };
  await stage.consumer.start();
  return { stage, attempts, handled, others, dependency, add };
}

describe('a circuit breaker', () => {
  test('lets a thousand events wait for a dependency that is down, and none uses up its attempts', async () => {
    const { stage, attempts, handled, dependency, add } = await dependent(true);
    add(0, 1_000);
    await until(() => stage.count('circuitOpened') === 1);
    expect(stage.occurrences('circuitOpened')).toEqual([
      { pattern: 'pay.*', failures: 5, error: expect.any(Error), probeInMs: 1_000 },
    ]);
    await elapse(120_000);
    // 5 until it opened, then one probe after 1, 2, 4, 8, 16, 30, 30, 30 … seconds
    expect(attempts.length).toBeLessThan(20);
    expect(stage.count('deadLettered')).toBe(0);
    dependency.isUp = true;
    await until(() => handled.length === 1_000, 60_000);
    expect(stage.count('circuitOpened')).toBe(1);
    expect(stage.occurrences('circuitClosed')).toEqual([
      { pattern: 'pay.*', openMs: expect.any(Number), held: expect.any(Number) },
    ]);
    expect(stage.count('deadLettered')).toBe(0);
    expect(Math.max(...attempts.map(({ attempt }) => attempt))).toBeLessThanOrEqual(2);
  });

  test('without it they are dead-lettered', async () => {
    const { stage, add } = await dependent(false);
    add(0, 20);
    await elapse(60_000);
    expect(stage.count('deadLettered')).toBe(20);
  });

  test('tries another event each time', async () => {
    const { stage, attempts, add } = await dependent({ failures: 1, probeMs: 100, maxProbeMs: 100 });
    add(0, 5);
    await until(() => stage.count('circuitOpened') === 1);
    const before = attempts.length;
    await until(() => attempts.length >= before + 4);
    expect(new Set(attempts.slice(before, before + 4).map(({ data }) => data)).size).toBe(4);
  });

  test('leaves the events of other handlers alone', async () => {
    const { stage, others, add } = await dependent(true);
    add(0, 50);
    await until(() => stage.count('circuitOpened') === 1);
    add(50, 60, 'mail.sent');
    await until(() => others.length === 10);
    expect(stage.count('circuitClosed')).toBe(0);
  });

  test('an event that fails alone uses up its attempts, open circuit or not', async () => {
    const { stage, add } = await dependent({ failures: 1, probeMs: 100 });
    add(0, 1);
    await until(() => stage.count('deadLettered') === 1, 60_000);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'retries-exhausted' })]);
  });

  test('opens only when different events fail one after another', async () => {
    const { stage, add } = await dependent({ failures: 3 }, { maxRetries: 10, recoveryStrategy: () => 10 });
    stage.stream.add(fieldsOf('mail.sent', 0));
    add(0, 2);
    await elapse(5_000);
    expect(stage.count('deadLettered')).toBe(2);
    expect(stage.count('circuitOpened')).toBe(0);
  });

  test.each<[string, () => unknown, CircuitBreakerOptions]>([
    ['an error that must not be retried', () => new NonRetryableError('no such customer'), {}],
    ['an error that isFailure does not count', () => new Error('no'), { isFailure: () => false }],
  ])('%s says nothing of the dependency', async (_name, failWith, more) => {
    const { stage, add } = await dependent({ failures: 2, ...more }, { maxRetries: 0 }, failWith);
    add(0, 10);
    await until(() => stage.count('deadLettered') === 10);
    expect(stage.count('circuitOpened')).toBe(0);
  });

  test('an isFailure that throws is told, and counts', async () => {
    const isFailure = () => {
      throw new Error('a fault in the judge');
    };
    const { stage, add } = await dependent({ failures: 2, isFailure });
    add(0, 10);
    await until(() => stage.count('circuitOpened') === 1);
    expect(stage.occurrences('error')[0]).toMatchObject({ code: 'EVENTS_OPTIONS' });
  });

  test('keeps the order of each key', async () => {
    const { stage, attempts, handled, dependency, add } = await dependent(
      { failures: 2, probeMs: 100 },
      { ordering: 'key', concurrency: 4, maxRetries: 20, recoveryStrategy: () => 50 },
    );
    for (let number = 0; number < 60; number += 1) add(number, number + 1, 'pay.order', `key-${number % 3}`);
    await until(() => stage.count('circuitOpened') === 1);
    await elapse(2_000);
    dependency.isUp = true;
    await until(() => handled.length === 60, 60_000);
    for (const rest of [0, 1, 2]) {
      const ofKey = handled.filter((number) => Number(number) % 3 === rest);
      expect(ofKey).toEqual([...ofKey].sort((one, other) => Number(one) - Number(other)));
    }
    expect(attempts.length).toBeLessThan(60 + 40);
  });

  test('counts handlers that run too long', async () => {
    const stage = new ConsumingStage({ circuitBreaker: { failures: 2 }, handlerTimeoutMs: 100, concurrency: 4 });
    stage.consumer.subscribe(
      '*',
      (_event, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    for (let number = 0; number < 4; number += 1) stage.stream.add(fieldsOf('a', number));
    await stage.consumer.start();
    await until(() => stage.count('circuitOpened') === 1);
    expect(stage.count('deadLettered')).toBe(0);
  });

  test('hands back what it holds when the consumer stops', async () => {
    const { stage, add } = await dependent({ failures: 2 });
    add(0, 30);
    await until(() => stage.count('circuitOpened') === 1);
    await elapse(100);
    const stopping = stage.consumer.stop();
    await until(() => stage.consumer.state === 'stopped');
    const { released, abandoned } = await stopping;
    expect({ released, abandoned }).toEqual({ released: 30, abandoned: 0 });
  });

  test('a nack uses an attempt as always', async () => {
    const stage = new ConsumingStage({ circuitBreaker: { failures: 1, probeMs: 50 }, maxRetries: 1, concurrency: 1 });
    stage.consumer.subscribe('*', (_event, context) => void context.nack({ delayMs: 10 }));
    for (let number = 0; number < 3; number += 1) stage.stream.add(fieldsOf('a', number));
    await stage.consumer.start();
    await until(() => stage.count('deadLettered') === 3, 60_000);
    expect(stage.count('circuitOpened')).toBe(1);
  });
});
