import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumerOptions, EventConsumer, FailureKind } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { StubTransport } from './support/stub-transport.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const nothing = () => {};

/** A transport whose verb fails with this kind, the first `times` times. */
function failing(
  verb: 'ensureGroup' | 'register' | 'owned',
  kind: FailureKind,
  times = Infinity,
  maxRetries = 2,
): StubTransport {
  const transport = new StubTransport({ maxRetries });
  let failures = 0;
  transport.prepare = ({ intercept }) => {
    const fail = (next: () => Promise<never>): Promise<never> => {
      failures += 1;
      return failures <= times ? Promise.reject(new StubFailure(kind)) : next();
    };
    intercept[verb] = fail as never;
  };
  return transport;
}

/** What became of a start. */
function outcomeOf(consumer: EventConsumer): { code?: string; error?: Error; ended: boolean } {
  const outcome: { code?: string; error?: Error; ended: boolean } = { ended: false };
  consumer.start().then(
    () => Object.assign(outcome, { ended: true }),
    (error) => Object.assign(outcome, { ended: true, error, code: error.code }),
  );
  return outcome;
}

describe('subscribe', () => {
  test.each(['order.placed', 'order.*', '*'])('of %s twice is an error', (pattern) => {
    const { consumer } = new ConsumingStage();
    consumer.subscribe(pattern, nothing);
    expect(() => consumer.subscribe(pattern, nothing)).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(pattern) }),
    );
  });

  test('after start is an error, and after stop', async () => {
    const { consumer } = new ConsumingStage();
    consumer.subscribe('a', nothing);
    await consumer.start();
    const late = expect.objectContaining({
      code: 'EVENTS_OPTIONS',
      message: expect.stringContaining("subscribe('b')"),
    });
    expect(() => consumer.subscribe('b', nothing)).toThrow(late);
    const stopped = consumer.stop();
    await until(() => consumer.state === 'stopped');
    await stopped;
    expect(() => consumer.subscribe('b', nothing)).toThrow(late);
  });

  test.each(['', 'a b', 'a.*.b', '**', 7, undefined])('of %j is an error', (pattern) => {
    const { consumer } = new ConsumingStage();
    expect(() => consumer.subscribe(pattern as string, nothing)).toThrow(
      expect.objectContaining({ code: 'EVENTS_EVENT_TYPE' }),
    );
  });

  test('without a handler is an error', () => {
    const { consumer } = new ConsumingStage();
    expect(() => consumer.subscribe('a', undefined as never)).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS' }),
    );
  });

  test('can be chained', () => {
    const { consumer } = new ConsumingStage();
    expect(consumer.subscribe('a', nothing).subscribe('b', nothing)).toBe(consumer);
  });
});

describe('start', () => {
  test('creates the group where startFrom says, takes its place in it, and resolves once it reads', async () => {
    const stage = new ConsumingStage({ startFrom: { entryId: '5-5' }, streamPrefix: undefined });
    stage.consumer.subscribe('*', nothing);
    expect(stage.consumer.state).toBe('idle');
    const started = stage.consumer.start();
    expect(stage.consumer.state).toBe('starting');
    await started;
    expect(stage.consumer.state).toBe('running');
    expect(stage.subscription.options).toEqual({ stream: 'orders', group: 'billing', consumer: stage.consumer.name });
    expect(stage.subscription.calls.ensureGroup).toEqual([[{ entryId: '5-5' }]]);
    expect(stage.subscription.calls.register).toHaveLength(1);
    await turn();
    expect(stage.subscription.calls.read).toHaveLength(1);
    expect(stage.occurrences('groupCreated')).toEqual([{ stream: 'orders', group: 'billing' }]);
  });

  test('says nothing of a group that is there', async () => {
    const stage = new ConsumingStage();
    await new ConsumingStage({}, stage.transport).consumer.subscribe('*', nothing).start();
    stage.consumer.subscribe('*', nothing);
    await stage.consumer.start();
    expect(stage.count('groupCreated')).toBe(0);
  });

  test('reads every stream of streams with a subscription of its own', async () => {
    const stage = new ConsumingStage({ streams: ['orders', 'payments'], streamPrefix: 'prod' });
    const seen: string[] = [];
    stage.consumer.subscribe('*', ({ stream }) => void seen.push(stream));
    await stage.consumer.start();
    for (const key of ['prod:orders', 'prod:payments']) stage.transport.server.stream(key).add(fieldsOf('a'));
    await until(() => seen.length === 2);
    expect(seen.sort()).toEqual(['prod:orders', 'prod:payments']);
  });

  test('twice is one start', async () => {
    const stage = new ConsumingStage();
    stage.consumer.subscribe('*', nothing);
    await Promise.all([stage.consumer.start(), stage.consumer.start()]);
    await stage.consumer.start();
    expect(stage.transport.subscriptions).toHaveLength(1);
  });

  test('without a handler is refused, and can be made good', async () => {
    const { consumer } = new ConsumingStage();
    await expect(consumer.start()).rejects.toMatchObject({
      code: 'EVENTS_OPTIONS',
      message: expect.stringContaining('subscribe'),
    });
    await consumer.subscribe('*', nothing).start();
    expect(consumer.state).toBe('running');
  });

  test('after a stop is refused', async () => {
    const { consumer } = new ConsumingStage();
    consumer.subscribe('*', nothing);
    await consumer.stop();
    await expect(consumer.start()).rejects.toMatchObject({ code: 'EVENTS_CLOSED' });
    expect(consumer.state).toBe('stopped');
  });

  test.each<[FailureKind, string, boolean]>([
    ['denied', 'EVENTS_PERMISSION', false],
    ['invalid', 'EVENTS_TRANSPORT', false],
    ['closed', 'EVENTS_CLOSED', false],
  ])('rejects at once when the server answers %s, and lets go', async (kind, code, retryable) => {
    const stage = new ConsumingStage({}, failing('ensureGroup', kind));
    stage.consumer.subscribe('*', nothing);
    const outcome = outcomeOf(stage.consumer);
    await until(() => outcome.ended);
    expect(outcome).toMatchObject({
      code,
      error: { retryable, message: expect.stringContaining("group 'billing' of 'orders'") },
    });
    expect(stage.subscription.calls.ensureGroup).toHaveLength(1);
    expect([stage.consumer.state, stage.subscription.isClosed]).toEqual(['failed', true]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test.each<FailureKind>(['offline', 'refused', 'unknown'])(
    'tries again when the server is %s, as often as the maxRetries of the transport say',
    async (kind) => {
      const stage = new ConsumingStage({}, failing('ensureGroup', kind));
      stage.consumer.subscribe('*', nothing);
      const outcome = outcomeOf(stage.consumer);
      await until(() => outcome.ended);
      expect(outcome).toMatchObject({ code: 'EVENTS_TRANSPORT', error: { retryable: true } });
      expect(stage.subscription.calls.ensureGroup).toHaveLength(3);
      expect(stage.consumer.state).toBe('failed');
    },
  );

  test.each(['ensureGroup', 'register', 'owned'] as const)('outlasts a short trouble with %s', async (verb) => {
    const stage = new ConsumingStage({ consumer: 'worker-1' }, failing(verb, 'offline', 2));
    stage.consumer.subscribe('*', nothing);
    const outcome = outcomeOf(stage.consumer);
    await until(() => outcome.ended);
    expect([outcome.error, stage.consumer.state]).toEqual([undefined, 'running']);
  });

  test('rejects at the first trouble when the transport fails fast', async () => {
    const transport = new StubTransport({ strategy: 'failfast' });
    transport.prepare = ({ intercept }) => {
      intercept.ensureGroup = () => Promise.reject(new StubFailure('offline'));
    };
    const { consumer } = new ConsumingStage({}, transport);
    await expect(consumer.subscribe('*', nothing).start()).rejects.toMatchObject({ code: 'EVENTS_TRANSPORT' });
    expect(transport.subscriptions[0]?.calls.ensureGroup).toHaveLength(1);
  });

  test('of one stream that fails ends the others, too', async () => {
    const transport = new StubTransport();
    transport.prepare = ({ intercept, options }) => {
      if (options.stream === 'payments') intercept.ensureGroup = () => Promise.reject(new StubFailure('denied'));
    };
    const { consumer } = new ConsumingStage({ streams: ['orders', 'payments'] }, transport);
    const outcome = outcomeOf(consumer.subscribe('*', nothing));
    await until(() => outcome.ended);
    expect(outcome.code).toBe('EVENTS_PERMISSION');
    expect(transport.subscriptions.map(({ isClosed }) => isClosed)).toEqual([true, true]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('the name of a consumer', () => {
  test('is made of host, process and something random, and is its own', () => {
    const names = [1, 2].map(() => new ConsumingStage().consumer.name);
    expect(names[0]).not.toBe(names[1]);
    expect(names[0]).toMatch(new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]*-${process.pid}-[0-9a-f]{8}$`));
  });

  test('that somebody else holds is waited for', async () => {
    const transport = new StubTransport();
    transport.prepare = ({ intercept }) => {
      let calls = 0;
      intercept.register = async () => {
        calls += 1;
        return calls > 5;
      };
    };
    const stage = new ConsumingStage({ consumer: 'worker-1' }, transport);
    const outcome = outcomeOf(stage.consumer.subscribe('*', nothing));
    await until(() => outcome.ended);
    expect([outcome.error, stage.consumer.name]).toEqual([undefined, 'worker-1']);
  });

  test('that somebody else keeps is refused after the time of a lease', async () => {
    const transport = new StubTransport();
    transport.prepare = ({ intercept }) => {
      intercept.register = async () => false;
    };
    const stage = new ConsumingStage({ consumer: 'worker-1' }, transport);
    const outcome = outcomeOf(stage.consumer.subscribe('*', nothing));
    const before = Date.now();
    await until(() => outcome.ended);
    expect(outcome).toMatchObject({ code: 'EVENTS_CONSUMER_NAME_IN_USE', error: { retryable: true } });
    expect(Date.now() - before).toBeGreaterThanOrEqual(10_000);
    expect(Date.now() - before).toBeLessThanOrEqual(12_000);
    expect(stage.subscription.calls.read).toEqual([]);
  });

  test('that somebody else took meanwhile ends the consumer, and says so', async () => {
    const stage = new ConsumingStage({ consumer: 'worker-1' });
    stage.consumer.subscribe('*', nothing);
    await stage.consumer.start();
    stage.subscription.intercept.register = async () => false;
    await until(() => stage.consumer.state === 'failed');
    expect(stage.occurrences('error')).toEqual([expect.objectContaining({ code: 'EVENTS_CONSUMER_NAME_IN_USE' })]);
    await elapse(3_000);
    expect(stage.subscription.isClosed).toBe(true);
  });

  test('is renewed well within its lease, also without a name of the user', async () => {
    for (const consumer of ['worker-1', undefined]) {
      const stage = new ConsumingStage({ consumer });
      await stage.consumer.subscribe('*', nothing).start();
      const before = stage.subscription.calls.register.length;
      await elapse(30_000);
      expect(stage.subscription.calls.register.length - before).toBeGreaterThanOrEqual(6);
    }
  });
});

describe('the state of a consumer', () => {
  test('says when the server last answered a read, of the stream that has waited longest', async () => {
    const options: Partial<ConsumerOptions> = { streams: ['orders', 'payments'] };
    const stage = new ConsumingStage(options);
    stage.consumer.subscribe('*', nothing);
    expect(stage.consumer.lastPollAt).toBeUndefined();
    await stage.consumer.start();
    expect(stage.consumer.lastPollAt).toBeUndefined();
    await elapse(3_000);
    expect(Date.now() - (stage.consumer.lastPollAt ?? 0)).toBeLessThanOrEqual(1_100);
    stage.transport.subscriptions[1]!.intercept.read = () => new Promise(() => {});
    await elapse(10_000);
    expect(Date.now() - (stage.consumer.lastPollAt ?? 0)).toBeGreaterThanOrEqual(8_000);
  });
});
