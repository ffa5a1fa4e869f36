import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions } from '../src/index.js';
import { NonRetryableError } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

/** A consumer whose handler fails so often before it succeeds, and what it saw. */
async function failing(
  times: number,
  options: Partial<ConsumerOptions> = {},
  thrown: () => unknown = () => new Error('no'),
) {
  const stage = new ConsumingStage({ recoveryStrategy: () => 1_000, ...options });
  const seen: { readonly attempt: number; readonly redelivered: boolean; readonly atMs: number }[] = [];
  const handler = ({ attempt, redelivered }: ConsumedEvent) => {
    seen.push({ attempt, redelivered, atMs: Date.now() });
    if (seen.length <= times) throw thrown();
  };
  await stage.consumer.subscribe('*', handler).start();
  return { stage, seen };
}

describe('a failed event', () => {
  test('is tried again after the wait that the policy says, with its attempt counted', async () => {
    const asked: unknown[] = [];
    const policy = (attempt: number, error: unknown) => {
      asked.push([attempt, error instanceof Error && error.message]);
      return attempt * 100;
    };
    const { stage, seen } = await failing(2, { recoveryStrategy: policy });
    stage.stream.add(fieldsOf('a', { total: 1 }));
    await until(() => seen.length === 3);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    const [first = 0, second = 0, third = 0] = seen.map(({ atMs }) => atMs);
    expect([second - first, third - second]).toEqual([100, 200]);
    expect(asked).toEqual([
      [1, 'no'],
      [2, 'no'],
    ]);
    await until(() => stage.group.pending.size === 0);
    expect(stage.occurrences('retry')).toEqual([
      expect.objectContaining({
        attempt: 1,
        delayMs: 100,
        stream: 'orders',
        group: 'billing',
        error: expect.any(Error),
      }),
      expect.objectContaining({ attempt: 2, delayMs: 200 }),
    ]);
  });

  test.each([
    [5, 6],
    [0, 1],
  ])('with maxRetries %d has %d attempts, then goes to the dead letters', async (maxRetries, attempts) => {
    const { stage, seen } = await failing(Infinity, { maxRetries });
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('deadLettered') === 1);
    expect(seen.map(({ attempt }) => attempt)).toEqual(Array.from({ length: attempts }, (_, index) => index + 1));
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({ reason: 'retries-exhausted', attempts }),
    ]);
  });

  test('has five retries by default, and one attempt with none', async () => {
    const ordinary = await failing(Infinity);
    ordinary.stage.stream.add(fieldsOf('a'));
    await until(() => ordinary.stage.count('deadLettered') === 1);
    expect(ordinary.seen).toHaveLength(6);
    const none = await failing(Infinity, { recoveryStrategy: 'none' });
    none.stage.stream.add(fieldsOf('a'));
    await until(() => none.stage.count('deadLettered') === 1);
    expect([none.seen.length, none.stage.count('retry')]).toEqual([1, 0]);
  });

  test('is given up when the policy says so', async () => {
    const { stage, seen } = await failing(Infinity, { recoveryStrategy: (attempt) => (attempt < 3 ? 1 : undefined) });
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('deadLettered') === 1);
    expect(seen).toHaveLength(3);
  });

  test('goes straight to the dead letters when the error says that trying again is useless', async () => {
    class CardRefused extends NonRetryableError {}
    const { stage, seen } = await failing(Infinity, {}, () => new CardRefused('refused'));
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('deadLettered') === 1);
    expect(seen).toHaveLength(1);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({ reason: 'non-retryable', attempts: 1 }),
    ]);
  });

  test('holds no slot while it waits, and keeps nobody back', async () => {
    const stage = new ConsumingStage({ concurrency: 1, recoveryStrategy: () => 60_000 });
    const handled: string[] = [];
    const handler = ({ type }: ConsumedEvent) => {
      handled.push(type);
      if (type === 'bad') throw new Error('no');
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...Array.from({ length: 20 }, () => fieldsOf('bad')), fieldsOf('good'));
    await elapse(100);
    expect(handled.at(-1)).toBe('good');
    expect(handled).toHaveLength(21);
  });

  test.each<[string, () => unknown]>([
    [
      'a policy that throws',
      () => {
        throw new Error('broken policy');
      },
    ],
    ['a policy that answers NaN', () => Number.NaN],
    ['a policy that answers less than nothing', () => -1],
    ['a policy that answers a text', () => 'soon'],
    ['a policy that answers null', () => null],
  ])('with %s waits a second, and says so', async (_name, policy) => {
    const { stage, seen } = await failing(1, { recoveryStrategy: policy as () => number });
    stage.stream.add(fieldsOf('a'));
    await elapse(900);
    expect(seen).toHaveLength(1);
    await elapse(200);
    expect(seen).toHaveLength(2);
    expect(stage.occurrences('error')).toEqual([expect.objectContaining({ code: 'EVENTS_OPTIONS' })]);
  });

  test('whose wait is longer than a timer can be waits all the same', async () => {
    const { stage, seen } = await failing(1, { recoveryStrategy: () => 30 * 86_400_000, claimIdleMs: 2_147_483_647 });
    stage.stream.add(fieldsOf('a'));
    await elapse(60_000);
    expect(seen).toHaveLength(1);
  });

  test("was its own consumer's all the time: it is no redelivery", async () => {
    const { stage, seen } = await failing(1);
    stage.stream.add(fieldsOf('a'));
    await until(() => seen.length === 2);
    expect(seen.map(({ redelivered }) => redelivered)).toEqual([false, false]);
  });

  test.each<[string, () => unknown]>([
    ['undefined', () => undefined],
    ['null', () => null],
    ['a text', () => 'no'],
    ['a symbol', () => Symbol('no')],
    ['an object without any text', () => Object.create(null)],
    [
      'an error whose message throws',
      () =>
        Object.defineProperty(new Error('x'), 'message', {
          get: () => {
            throw new Error('y');
          },
        }),
    ],
    [
      'a proxy that refuses everything',
      () =>
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('y');
            },
            getPrototypeOf: () => {
              throw new Error('z');
            },
          },
        ),
    ],
  ])('that threw %s is tried again like any other', async (_name, thrown) => {
    for (const make of [
      () => failing(1, {}, thrown),
      async () => {
        const stage = new ConsumingStage({ recoveryStrategy: () => 1_000 });
        const seen: unknown[] = [];
        const handler = async ({ attempt }: ConsumedEvent) => {
          seen.push(attempt);
          await null;
          if (attempt === 1) throw thrown();
        };
        await stage.consumer.subscribe('*', handler).start();
        return { stage, seen };
      },
    ]) {
      const { stage, seen } = await make();
      stage.stream.add(fieldsOf('a'));
      await until(() => seen.length === 2 && stage.group.pending.size === 0, 10_000);
      stage.stream.add(fieldsOf('b'));
      await until(() => seen.length === 3, 10_000);
    }
  });

  test('whose handler returned a thenable that misbehaves counts once', async () => {
    const stage = new ConsumingStage({ concurrency: 1, recoveryStrategy: () => 1_000 });
    const seen: number[] = [];
    class Misbehaving {
      // biome-ignore lint/suspicious/noThenProperty: this is what it is about
      then(resolve: () => void, reject: (error: Error) => void): void {
        resolve();
        reject(new Error('twice'));
        resolve();
        throw new Error('and then');
      }
    }
    const handler = ({ attempt }: ConsumedEvent) => {
      seen.push(attempt);
      return new Misbehaving();
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(fieldsOf('a'), fieldsOf('a'));
    await until(() => stage.group.pending.size === 0 && seen.length === 2, 5_000);
    const report = stage.consumer.stop();
    await until(() => stage.consumer.state === 'stopped');
    await expect(report).resolves.toEqual({ finished: 0, released: 0, abandoned: 0 });
  });
});

describe('the retry record', () => {
  test('holds attempt, due time, failure times and the error, and no payload', async () => {
    const { stage } = await failing(2, { recoveryStrategy: () => 2_000 }, () => new RangeError('too much'));
    const startedAt = Date.now();
    const [id = ''] = stage.stream.add(fieldsOf('a', { password: 'swordfish' }));
    await elapse(100);
    const first = JSON.parse(stage.group.pending.get(id)?.record ?? '{}');
    expect(first).toEqual({
      attempt: 1,
      dueAtMs: startedAt + 2_000,
      firstFailureAtMs: startedAt,
      lastFailureAtMs: startedAt,
      error: { name: 'RangeError', message: 'too much', stack: expect.stringContaining('RangeError: too much') },
    });
    await elapse(2_500);
    const second = JSON.parse(stage.group.pending.get(id)?.record ?? '{}');
    expect(second).toMatchObject({ attempt: 2, firstFailureAtMs: startedAt });
    expect(second.lastFailureAtMs).toBeGreaterThanOrEqual(startedAt + 2_000);
    expect(JSON.stringify(stage.subscription.calls.postpone)).not.toContain('swordfish');
    await elapse(2_500);
    expect(stage.subscription.calls.acknowledge).toEqual([[{ ids: [id], postponed: [id] }]]);
  });

  test('bounds what an error may say', async () => {
    const { stage } = await failing(1, {}, () =>
      Object.assign(new Error('m'.repeat(100_000)), { stack: 's'.repeat(100_000) }),
    );
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    await elapse(100);
    expect(stage.group.pending.get(id)?.record?.length).toBeLessThan(20_000);
  });

  test('that the server refuses leaves the retry waiting in memory, and says so', async () => {
    const { stage, seen } = await failing(1);
    stage.subscription.intercept.postpone = () => Promise.reject(new StubFailure('refused', 'OOM'));
    stage.stream.add(fieldsOf('a'));
    await until(() => seen.length === 2);
    expect(stage.occurrences('error')).toEqual([
      expect.objectContaining({ code: 'EVENTS_TRANSPORT', message: expect.stringContaining('record retries of') }),
    ]);
    await until(() => stage.group.pending.size === 0);
  });

  test('that comes too late, because another consumer has the entry, ends the retry', async () => {
    const { stage, seen } = await failing(1);
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    stage.subscription.intercept.postpone = (next) => {
      stage.group.own(id, 'somebody-else');
      return next();
    };
    await elapse(5_000);
    expect([seen.length, stage.count('leaseLost')]).toEqual([1, 1]);
  });

  test('is honoured by a successor: due time, attempt and first failure', async () => {
    const record = {
      attempt: 3,
      dueAtMs: Date.now() + 5_000,
      firstFailureAtMs: 1_700_000_000_000,
      lastFailureAtMs: 1_700_000_001_000,
      error: { name: 'Error', message: 'before' },
    };
    const { stage, seen } = await failing(Infinity, { maxRetries: 3 });
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    stage.group.position = 1;
    stage.group.own(id, 'somebody-else', { released: true, deliveries: 3, record: JSON.stringify(record) });
    await until(() => seen.length === 1);
    expect(seen).toEqual([{ attempt: 4, redelivered: true, atMs: expect.any(Number) }]);
    expect(seen[0]?.atMs).toBeGreaterThanOrEqual(record.dueAtMs);
    expect(seen[0]?.atMs).toBeLessThanOrEqual(record.dueAtMs + 100);
    await until(() => stage.count('deadLettered') === 1);
    const [, provenance = '{}'] = stage.subscription.deadLettered[0]?.provenance ?? [];
    expect(JSON.parse(String(provenance))).toMatchObject({ attempts: 4, firstFailureTime: '2023-11-14T22:13:20.000Z' });
  });

  test.each([
    '',
    'swordfish',
    '{}',
    'null',
    '[]',
    '7',
    '{"attempt":1}',
    '{"attempt":"1","dueAtMs":1,"firstFailureAtMs":1,"lastFailureAtMs":1,"error":{}}',
  ])("of somebody else's making (%j) counts as none", async (record) => {
    const { stage, seen } = await failing(0);
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    stage.group.position = 1;
    stage.group.own(id, 'somebody-else', { released: true, record });
    await until(() => seen.length === 1);
    expect(seen).toEqual([expect.objectContaining({ attempt: 1 })]);
  });
});

describe('before an attempt after the first', () => {
  test("the count is written, and the entry is left alone when it is another consumer's by now", async () => {
    const { stage, seen } = await failing(1);
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    await elapse(100);
    stage.group.own(id, 'somebody-else');
    await elapse(5_000);
    expect(stage.subscription.calls.start).toEqual([[id, 2]]);
    expect([seen.length, stage.count('leaseLost')]).toEqual([1, 1]);
  });

  test('a server that does not answer is asked again until it does', async () => {
    const { stage, seen } = await failing(1);
    let refusals = 0;
    stage.subscription.intercept.start = (next) => {
      refusals += 1;
      return refusals < 4 ? Promise.reject(new StubFailure('offline')) : next();
    };
    stage.stream.add(fieldsOf('a'));
    await until(() => seen.length === 2);
    expect(stage.occurrences('error')).toHaveLength(1);
  });

  test('an entry lost while the server was asked frees its key and its place', async () => {
    const { stage, seen } = await failing(1, { ordering: 'key', prefetch: 1, concurrency: 1, claimIdleMs: 3_000 });
    const [id = ''] = stage.stream.add(fieldsOf('a', 1, { key: 'x' }));
    stage.subscription.intercept.start = async (next) => {
      // keep-alive finds out first, while the answer is still on its way
      stage.group.own(id, 'somebody-else');
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      return next();
    };
    await until(() => stage.count('leaseLost') === 1);
    stage.stream.add(fieldsOf('a', 2, { key: 'x' }));
    await until(() => seen.length === 2, 20_000);
  });
});
