import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, HandlerContext } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

type Word = 'ack' | 'nack' | 'deadLetter' | 'return' | 'throw';

const say: Record<Exclude<Word, 'return' | 'throw'>, (context: HandlerContext) => Promise<void>> = {
  ack: (context) => context.ack(),
  nack: (context) => context.nack({ delayMs: 1_000 }),
  deadLetter: (context) => context.deadLetter('by hand'),
};

/** What became of an event whose handler said these words, one after another. */
async function fate(words: readonly Word[], isAwaited: boolean): Promise<string> {
  const stage = new ConsumingStage({ recoveryStrategy: () => 1_000 });
  const calls: Promise<unknown>[] = [];
  const handler = async ({ attempt }: ConsumedEvent, context: HandlerContext) => {
    if (attempt > 1) return;
    for (const word of words) {
      if (word === 'return') return;
      if (word === 'throw') throw new Error('thrown');
      const call = say[word](context);
      calls.push(call);
      if (isAwaited) await Promise.allSettled([call]);
    }
  };
  await stage.consumer.subscribe('*', handler).start();
  stage.stream.add(fieldsOf('a'));
  await elapse(500);
  await Promise.allSettled(calls);
  if (stage.count('deadLettered') === 1) return stage.occurrences<{ reason: string }>('deadLettered')[0]?.reason ?? '';
  if (stage.count('retry') === 1) return 'retry';
  return stage.group.pending.size === 0 ? 'acknowledged' : 'open';
}

describe('the first word counts', () => {
  const outcome: Record<Word, string> = {
    ack: 'acknowledged',
    nack: 'retry',
    deadLetter: 'by hand',
    return: 'acknowledged',
    throw: 'retry',
  };
  const spoken: Word[] = ['ack', 'nack', 'deadLetter'];
  const last: Word[] = ['return', 'throw'];
  const sequences: Word[][] = [
    ...last.map((end) => [end]),
    ...spoken.flatMap((first) => last.map((end) => [first, end])),
    ...spoken.flatMap((first) => spoken.flatMap((second) => last.map((end) => [first, second, end]))),
    ...spoken.flatMap((first) =>
      spoken.flatMap((second) => spoken.map((third) => [first, second, third, 'return' as Word])),
    ),
  ];

  test.each(sequences.map((words) => [words.join(', '), words] as const))('of %s', async (_name, words) => {
    const expected = outcome[words[0] as Word];
    expect([await fate(words, true), await fate(words, false)]).toEqual([expected, expected]);
  });
});

/** A running handler's context, and a way to end the handler. */
async function running(options: ConstructorParameters<typeof ConsumingStage>[0] = {}) {
  const stage = new ConsumingStage({ recoveryStrategy: () => 1_000, ...options });
  const contexts: HandlerContext[] = [];
  const attempts: number[] = [];
  const ends: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const handler = ({ attempt }: ConsumedEvent, context: HandlerContext) => {
    contexts.push(context);
    attempts.push(attempt);
    return new Promise<void>((resolve, reject) => ends.push({ resolve, reject }));
  };
  await stage.consumer.subscribe('*', handler).start();
  const [id = ''] = stage.stream.add(fieldsOf('a'));
  await turn();
  return { stage, contexts, attempts, ends, id, context: contexts[0] as HandlerContext };
}

describe('ack', () => {
  test('resolves once the server knows, while the handler goes on', async () => {
    const { stage, context, id } = await running();
    let answer: () => void = () => {};
    stage.subscription.intercept.acknowledge = async (next) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return next();
    };
    let known = false;
    void context.ack().then(() => {
      known = true;
    });
    await elapse(100);
    expect(known).toBe(false);
    answer();
    await turn();
    expect([known, stage.group.acknowledged]).toEqual([true, [id]]);
  });

  test('is not repeated by the return', async () => {
    const { stage, context, ends } = await running();
    const acknowledged = context.ack();
    await elapse(10);
    await acknowledged;
    ends[0]?.resolve();
    await elapse(100);
    expect(stage.group.acknowledged).toHaveLength(1);
  });

  test('followed by a throw emits an error with the cause, and the event is not tried again', async () => {
    const { stage, context, ends, attempts } = await running();
    void context.ack();
    const error = new Error('after all');
    ends[0]?.reject(error);
    await elapse(5_000);
    expect(stage.occurrences('error')).toEqual([
      expect.objectContaining({ cause: error, message: expect.stringContaining("'a'") }),
    ]);
    expect([attempts, stage.count('retry'), stage.group.pending.size]).toEqual([[1], 0, 0]);
  });

  test('that is not awaited is flushed by stop', async () => {
    const { stage, context, ends } = await running();
    void context.ack();
    ends[0]?.resolve();
    const stopped = stage.consumer.stop();
    await until(() => stage.consumer.state === 'stopped');
    await stopped;
    expect(stage.group.acknowledged).toHaveLength(1);
  });

  test('rejects with EVENTS_GROUP_NOT_FOUND when the group is lost before', async () => {
    const { stage, context } = await running();
    stage.subscription.intercept.acknowledge = () => Promise.reject(new StubFailure('group-lost'));
    const acknowledged = context.ack();
    const rejected = expect(acknowledged).rejects.toMatchObject({ code: 'EVENTS_GROUP_NOT_FOUND' });
    await elapse(100);
    await rejected;
  });

  test('rejects when the consumer stops before it could be sent, and nothing hangs', async () => {
    const { stage, context } = await running();
    stage.subscription.intercept.acknowledge = () => Promise.reject(new StubFailure('offline'));
    const rejected = expect(context.ack()).rejects.toMatchObject({ code: 'EVENTS_CLOSED' });
    const stopped = stage.consumer.stop({ timeoutMs: 100 });
    await until(() => stage.consumer.state === 'stopped');
    await Promise.all([rejected, stopped]);
  });
});

describe('nack', () => {
  test('waits as long as it says, else as long as the policy says', async () => {
    const own = await running();
    void own.context.nack({ delayMs: 5_000 });
    own.ends[0]?.resolve();
    await elapse(4_900);
    expect(own.attempts).toEqual([1]);
    await elapse(200);
    expect(own.attempts).toEqual([1, 2]);
    const ordinary = await running();
    void ordinary.context.nack();
    ordinary.ends[0]?.resolve();
    await elapse(1_100);
    expect(ordinary.attempts).toEqual([1, 2]);
  });

  test('uses an attempt, and the last one sends to the dead letters', async () => {
    const { stage, contexts, ends, attempts } = await running({ maxRetries: 1 });
    void contexts[0]?.nack({ delayMs: 0 });
    ends[0]?.resolve();
    await elapse(100);
    void contexts[1]?.nack({ delayMs: 0 });
    ends[1]?.resolve();
    await elapse(100);
    expect([attempts, stage.occurrences('deadLettered')]).toEqual([
      [1, 2],
      [expect.objectContaining({ reason: 'retries-exhausted', attempts: 2 })],
    ]);
  });

  test('does not start the next attempt before the handler has ended', async () => {
    const { context, ends, attempts } = await running();
    void context.nack({ delayMs: 10 });
    await elapse(5_000);
    expect(attempts).toEqual([1]);
    ends[0]?.resolve();
    await elapse(100);
    expect(attempts).toEqual([1, 2]);
  });

  test.each([-1, Number.NaN, Infinity, '5'])('with delayMs %p rejects and settles nothing', async (delayMs) => {
    const { stage, context, ends } = await running();
    await expect(context.nack({ delayMs: delayMs as number })).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
    ends[0]?.resolve();
    await elapse(100);
    expect([stage.count('retry'), stage.group.pending.size]).toEqual([0, 0]);
  });

  test('beyond what a timer can wait does not come back at once', async () => {
    const { context, ends, attempts } = await running();
    void context.nack({ delayMs: 2 ** 31 + 5 });
    ends[0]?.resolve();
    await elapse(30_000);
    expect(attempts).toEqual([1]);
  });
});

describe('deadLetter', () => {
  test('resolves once the event is there, with the reason given', async () => {
    const { stage, context, id } = await running();
    await context.deadLetter('fraud');
    expect(stage.subscription.deadLettered).toEqual([expect.objectContaining({ id, stream: '{orders}:dlq' })]);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({ reason: 'fraud', attempts: 1, entryId: id }),
    ]);
  });

  test.each(['', undefined, 7])('for %p rejects and settles nothing', async (reason) => {
    const { stage, context, ends } = await running();
    await expect(context.deadLetter(reason as string)).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
    ends[0]?.resolve();
    await elapse(100);
    expect([stage.count('deadLettered'), stage.group.pending.size]).toEqual([0, 0]);
  });

  test('rejects where deadLetter is false, and the event is stalled', async () => {
    const { stage, context, ends } = await running({ deadLetter: false });
    await expect(context.deadLetter('fraud')).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
    ends[0]?.resolve();
    await elapse(5_000);
    expect(stage.occurrences('stalled')).toEqual([expect.objectContaining({ reason: 'fraud' })]);
    expect(stage.group.pending.size).toBe(1);
  });

  test("rejects when the event is another consumer's by now", async () => {
    const { stage, context, id } = await running();
    stage.group.own(id, 'somebody-else');
    await expect(context.deadLetter('fraud')).rejects.toMatchObject({ code: 'EVENTS_CLOSED' });
    expect([stage.count('deadLettered'), stage.count('leaseLost')]).toEqual([0, 1]);
  });
});

describe('extend', () => {
  test('resets the idle time, and says whether the event is still ours', async () => {
    const { stage, context, id } = await running();
    await elapse(10_000);
    await expect(context.extend()).resolves.toBe(true);
    expect(stage.group.pending.get(id)?.touchedAtMs).toBe(Date.now());
    stage.group.own(id, 'somebody-else');
    await expect(context.extend()).resolves.toBe(false);
    expect([stage.count('leaseLost'), context.signal.aborted]).toEqual([1, true]);
  });

  test('rejects with an error of ours when the server cannot be asked', async () => {
    const { stage, context } = await running();
    stage.subscription.intercept.keepAlive = () =>
      Promise.reject(Object.assign(new StubFailure('offline', 'no connection'), { command: { args: ['swordfish'] } }));
    const error = await context.extend().catch((rejection: unknown) => rejection);
    expect(error).toMatchObject({ code: 'EVENTS_TRANSPORT', retryable: true });
    expect(inspect({ ...(error as object), cause: undefined }, { depth: 10, showHidden: true })).not.toContain(
      'swordfish',
    );
  });

  test('is no settlement', async () => {
    const { stage, context, ends } = await running();
    await context.extend();
    ends[0]?.reject(new Error('x'));
    await turn();
    expect(stage.count('retry')).toBe(1);
  });
});

describe('a context that nobody watches', () => {
  test('ends no process: none of its rejections goes unhandled', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      const { stage, context, ends } = await running({ deadLetter: false });
      stage.subscription.intercept.keepAlive = () => Promise.reject(new StubFailure('offline'));
      void context.extend();
      void context.nack({ delayMs: -1 });
      void context.deadLetter('');
      void context.deadLetter('fraud');
      ends[0]?.resolve();
      await elapse(100);
      for (const late of [context.ack(), context.nack(), context.deadLetter('late'), context.extend()]) void late;
      await elapse(100);
    } finally {
      process.off('unhandledRejection', listener);
    }
    expect(unhandled).toEqual([]);
  });
});

describe("a context whose event is out of its consumer's hands", () => {
  test('promises no retry: after a stop', async () => {
    const { stage, context } = await running();
    const stopped = stage.consumer.stop({ timeoutMs: 0 });
    await until(() => stage.consumer.state === 'stopped');
    await stopped;
    await expect(context.nack()).rejects.toMatchObject({ code: 'EVENTS_CLOSED' });
    expect(stage.count('retry')).toBe(0);
  });

  test('promises no retry: after another consumer took it', async () => {
    const { stage, context, id, ends } = await running({ claimIdleMs: 300 });
    stage.group.own(id, 'somebody-else', { touchedAtMs: Infinity });
    await until(() => stage.count('leaseLost') === 1);
    await expect(context.nack()).rejects.toMatchObject({ code: 'EVENTS_CLOSED' });
    ends[0]?.resolve();
    await elapse(5_000);
    expect(stage.count('retry')).toBe(0);
  });
});

describe('a context after its attempt', () => {
  test('rejects what comes when the handler has returned', async () => {
    const { stage, context, ends } = await running();
    ends[0]?.resolve();
    await elapse(100);
    for (const late of [context.ack(), context.nack(), context.deadLetter('late')]) {
      await expect(late).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
    }
    await expect(context.extend()).resolves.toBe(false);
    expect([
      stage.group.acknowledged.length,
      stage.count('retry'),
      stage.count('deadLettered'),
      stage.count('leaseLost'),
    ]).toEqual([1, 0, 0, 0]);
  });

  test('rejects what comes while the retry waits, or runs', async () => {
    const { stage, context, contexts, ends, attempts } = await running();
    ends[0]?.reject(new Error('x'));
    await elapse(500);
    await expect(context.ack()).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
    await elapse(1_000);
    expect(attempts).toEqual([1, 2]);
    await expect(context.ack()).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
    await expect(context.extend()).resolves.toBe(false);
    expect([context.signal.aborted, contexts[1]?.signal.aborted]).toEqual([true, false]);
    await elapse(1_000);
    expect(stage.group.pending.size).toBe(1);
    ends[1]?.resolve();
    await elapse(100);
    expect(stage.group.pending.size).toBe(0);
  });
});
