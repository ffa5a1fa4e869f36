import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions, HandlerContext, StopReport } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { StubTransport } from './support/stub-transport.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

interface Working {
  readonly stage: ConsumingStage;
  readonly jobs: Gate[];
  readonly contexts: HandlerContext[];
  readonly started: unknown[];
}

async function working(options: Partial<ConsumerOptions> = {}, transport = new StubTransport()): Promise<Working> {
  const stage = new ConsumingStage(options, transport);
  const jobs: Gate[] = [];
  const contexts: HandlerContext[] = [];
  const started: unknown[] = [];
  const handler = ({ data }: ConsumedEvent, context: HandlerContext) => {
    started.push(data);
    contexts.push(context);
    const job = gate();
    jobs.push(job);
    return job.promise;
  };
  await stage.consumer.subscribe('*', handler).start();
  return { stage, jobs, contexts, started };
}

/** A stop under way: when it ends, and with what. */
function stopping(
  { stage }: Pick<Working, 'stage'>,
  timeoutMs?: number,
): { report?: StopReport; endedAfterMs?: number } {
  const beganAt = Date.now();
  const stop: { report?: StopReport; endedAfterMs?: number } = {};
  void stage.consumer.stop(timeoutMs === undefined ? {} : { timeoutMs }).then((report) => {
    Object.assign(stop, { report, endedAfterMs: Date.now() - beganAt });
  });
  return stop;
}

function entries(count: number) {
  return Array.from({ length: count }, (_, index) => fieldsOf('a', index));
}

describe('stop', () => {
  test('lets running handlers end, acknowledges them, hands the rest back, and reports it', async () => {
    const work = await working({ concurrency: 3 });
    const ids = work.stage.stream.add(...entries(10));
    await turn();
    const stop = stopping(work);
    expect(work.stage.consumer.state).toBe('stopping');
    await elapse(500);
    expect([stop.report, [...work.stage.subscription.released]]).toEqual([undefined, ids.slice(3)]);
    for (const job of work.jobs) job.open();
    await until(() => stop.report !== undefined);
    expect(stop).toEqual({ report: { finished: 3, released: 7, abandoned: 0 }, endedAfterMs: expect.any(Number) });
    expect(work.stage.group.acknowledged).toEqual(ids.slice(0, 3));
    expect([work.stage.consumer.state, work.stage.subscription.isClosed, work.started.length]).toEqual([
      'stopped',
      true,
      3,
    ]);
  });

  test('counts what it hands back over all streams', async () => {
    const streams = ['orders', 'payments', 'refunds'];
    const work = await working({ concurrency: 1, streams });
    for (const key of streams) work.stage.transport.server.stream(key).add(...entries(5));
    await turn();
    const stop = stopping(work, 100);
    await until(() => stop.report !== undefined);
    expect(stop.report).toEqual({ finished: 0, released: 15, abandoned: 1 });
  });

  test('hands back retries that wait, and what is parked behind them', async () => {
    const stage = new ConsumingStage({ ordering: 'key', recoveryStrategy: () => 60_000 });
    await stage.consumer.subscribe('*', () => Promise.reject(new Error('no'))).start();
    const ids = stage.stream.add(...[1, 2, 3].map((data) => fieldsOf('a', data, { key: 'x' })));
    await elapse(100);
    const stop = stopping({ stage });
    await until(() => stop.report !== undefined);
    expect(stop.report).toEqual({ finished: 0, released: 3, abandoned: 0 });
    expect([...stage.subscription.released].sort()).toEqual([...ids].sort());
    expect(jest.getTimerCount()).toBe(0);
  });

  test('tells handlers that still run at the end of their time, and hands their events back', async () => {
    const work = await working({ concurrency: 2 });
    const ids = work.stage.stream.add(...entries(2));
    await turn();
    const stop = stopping(work, 1_000);
    await elapse(990);
    expect(work.contexts.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    await until(() => stop.report !== undefined);
    expect(work.contexts.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(work.contexts[0]?.signal.reason).toMatchObject({ code: 'EVENTS_CLOSED' });
    expect(stop.report).toEqual({ finished: 0, released: 2, abandoned: 2 });
    expect([...work.stage.subscription.released].sort()).toEqual([...ids].sort());
    expect(stop.endedAfterMs).toBeLessThanOrEqual(3_000);
  });

  test('counts a handler once: one that ends because it was told is abandoned, not finished', async () => {
    const stage = new ConsumingStage();
    const handler = (_event: ConsumedEvent, { signal }: HandlerContext) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(fieldsOf('a'));
    await turn();
    const stop = stopping({ stage }, 100);
    await until(() => stop.report !== undefined);
    // it ended in time to be acknowledged all the same
    expect(stop.report).toEqual({ finished: 0, released: 0, abandoned: 1 });
    expect(stage.group.acknowledged).toHaveLength(1);
  });

  test('leaves the results of abandoned handlers without consequence: no acknowledgement, no retry, no timer', async () => {
    for (const end of ['open', 'fail'] as const) {
      const work = await working();
      work.stage.stream.add(...entries(2));
      await turn();
      const stop = stopping(work, 0);
      await until(() => stop.report !== undefined);
      const calls = { ...work.stage.subscription.calls, acknowledge: work.stage.subscription.calls.acknowledge.length };
      for (const job of work.jobs) {
        if (end === 'open') job.open();
        else job.fail(new Error('too late'));
      }
      await turn();
      expect([work.stage.subscription.calls.acknowledge.length, work.stage.count('retry')]).toEqual([
        calls.acknowledge,
        0,
      ]);
      expect(jest.getTimerCount()).toBe(0);
      for (const context of work.contexts) {
        for (const late of [context.ack(), context.nack()])
          await expect(late).rejects.toMatchObject({ code: expect.any(String) });
      }
    }
  });

  test('waits for nothing when nothing runs', async () => {
    const work = await working();
    await elapse(300);
    const stop = stopping(work);
    await until(() => stop.report !== undefined);
    expect(stop).toEqual({ report: { finished: 0, released: 0, abandoned: 0 }, endedAfterMs: expect.any(Number) });
    expect(stop.endedAfterMs).toBeLessThan(100);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('of a consumer that never started ends at once', async () => {
    const stage = new ConsumingStage();
    await expect(stage.consumer.stop()).resolves.toEqual({ finished: 0, released: 0, abandoned: 0 });
    expect([stage.consumer.state, stage.transport.subscriptions]).toEqual(['stopped', []]);
  });

  test('twice is one stop, with one report', async () => {
    const work = await working();
    work.stage.stream.add(...entries(1));
    await turn();
    const first = work.stage.consumer.stop({ timeoutMs: 1_000 });
    const second = work.stage.consumer.stop({ timeoutMs: 60_000 });
    expect(second).toBe(first);
    work.jobs[0]?.open();
    await until(() => work.stage.consumer.state === 'stopped');
    await expect(second).resolves.toEqual({ finished: 1, released: 0, abandoned: 0 });
  });

  test.each([{ timeoutMs: -1 }, { timeoutMs: Number.NaN }, { timeoutMs: 2 ** 31 }, { timeout: 5 }, null])(
    'with %j is refused, and stops nothing',
    async (options) => {
      const { stage } = await working();
      const stop = async () => stage.consumer.stop(options as { timeoutMs: number });
      await expect(stop()).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
      expect(stage.consumer.state).toBe('running');
    },
  );

  test('passes on what a read under way still brings', async () => {
    const work = await working();
    await turn();
    work.stage.subscription.intercept.interruptRead = async () => {
      work.stage.stream.add(...entries(3));
    };
    const stop = stopping(work);
    await until(() => stop.report !== undefined);
    expect([stop.report, work.started]).toEqual([{ finished: 0, released: 3, abandoned: 0 }, []]);
  });

  test('hands back what a claim under way still brings', async () => {
    const work = await working();
    const answer = gate();
    let isAsked = false;
    work.stage.subscription.intercept.claim = async (next) => {
      isAsked = true;
      await answer.promise;
      return next();
    };
    await until(() => isAsked);
    work.stage.group.position = Infinity;
    const [id = ''] = work.stage.stream.add(fieldsOf('a'));
    work.stage.group.own(id, 'vanished', { touchedAtMs: 0 });
    const stop = stopping(work);
    await turn();
    answer.open();
    await until(() => stop.report !== undefined);
    expect([work.stage.group.pending.get(id), work.started]).toEqual([expect.objectContaining({ released: true }), []]);
  });

  test('waits for acknowledgements and dead letters that are on their way', async () => {
    const stage = new ConsumingStage({ recoveryStrategy: 'none' });
    const handler = ({ data }: ConsumedEvent) => {
      if (data === 1) throw new Error('no');
    };
    await stage.consumer.subscribe('*', handler).start();
    const slowly = async <Value>(next: () => Promise<Value>): Promise<Value> => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return next();
    };
    stage.subscription.intercept.acknowledge = slowly;
    stage.subscription.intercept.deadLetter = slowly;
    stage.stream.add(...entries(2));
    await turn();
    const stop = stopping({ stage });
    await until(() => stop.report !== undefined);
    expect([stage.group.pending.size, stage.count('deadLettered'), stop.report?.released]).toEqual([0, 1, 0]);
  });

  test('hands back what could not be acknowledged', async () => {
    const stage = new ConsumingStage();
    await stage.consumer.subscribe('*', () => {}).start();
    stage.subscription.intercept.acknowledge = () => Promise.reject(new StubFailure('refused'));
    const ids = stage.stream.add(...entries(2));
    await elapse(100);
    const stop = stopping({ stage }, 100);
    await until(() => stop.report !== undefined);
    expect([stop.report?.released, [...stage.subscription.released].sort()]).toEqual([2, [...ids].sort()]);
  });

  test('keeps the entries alive while handlers use their time', async () => {
    const work = await working({ claimIdleMs: 3_000 });
    const [id = ''] = work.stage.stream.add(...entries(1));
    await turn();
    const stop = stopping(work, 60_000);
    for (let round = 0; round < 20; round += 1) {
      await elapse(1_000);
      expect(Date.now() - (work.stage.group.pending.get(id)?.touchedAtMs ?? 0)).toBeLessThan(2_500);
    }
    work.jobs[0]?.open();
    await until(() => stop.report !== undefined);
    expect(stop.report).toEqual({ finished: 1, released: 0, abandoned: 0 });
  });

  test('does not call an entry abandoned whose handler had not begun', async () => {
    const work = await working({ recoveryStrategy: () => 10 });
    work.stage.subscription.intercept.start = () => new Promise(() => {});
    const [id = ''] = work.stage.stream.add(...entries(1));
    await turn();
    work.jobs[0]?.fail(new Error('again'));
    await elapse(100);
    const stop = stopping(work, 1_000);
    await until(() => stop.report !== undefined);
    expect([stop.report, work.started.length, work.stage.subscription.released]).toEqual([
      { finished: 0, released: 1, abandoned: 0 },
      1,
      [id],
    ]);
  });

  test('counts handlers that were given up before among the abandoned, and hands their events back', async () => {
    const work = await working({ handlerTimeoutMs: 1_000 });
    const [id = ''] = work.stage.stream.add(...entries(1));
    await elapse(1_500);
    const stop = stopping(work, 100);
    await until(() => stop.report !== undefined);
    expect([stop.report, work.stage.subscription.released]).toEqual([{ finished: 0, released: 1, abandoned: 1 }, [id]]);
    await turn();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('whatever the server does, stop ends within its time and two seconds', () => {
  const verbs = [
    'read',
    'interruptRead',
    'release',
    'acknowledge',
    'keepAlive',
    'claim',
    'register',
    'postpone',
    'deadLetter',
    'close',
  ] as const;

  test.each([...verbs, 'all'] as const)('when it never answers %s', async (verb) => {
    const stage = new ConsumingStage({
      recoveryStrategy: (attempt) => (attempt > 1 ? undefined : 10),
      claimIdleMs: 1_000,
    });
    const never = () => new Promise<never>(() => {});
    const handler = ({ data }: ConsumedEvent) => {
      if (data === 0) return never();
      if (data === 1) throw new Error('no');
      return undefined;
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...entries(5));
    await turn();
    stage.subscription.replace(verb === 'all' ? verbs : [verb], never);
    await elapse(1_500);
    const stop = stopping({ stage }, 500);
    await until(() => stop.report !== undefined);
    expect(stop.endedAfterMs).toBeLessThanOrEqual(2_500);
    expect(stage.consumer.state).toBe('stopped');
  });

  test.each(['offline', 'closed', 'unknown', 'denied', 'group-lost'] as const)(
    'when it answers everything with %s',
    async (kind) => {
      const stage = new ConsumingStage({ recoveryStrategy: () => 10, claimIdleMs: 1_000 });
      const jobs: Gate[] = [];
      const handler = () => {
        const job = gate();
        jobs.push(job);
        return job.promise;
      };
      await stage.consumer.subscribe('*', handler).start();
      stage.stream.add(...entries(5));
      await turn();
      stage.subscription.replace(verbs, () => Promise.reject(new StubFailure(kind)));
      stage.transport.inspectorFailure = new StubFailure(kind);
      const stop = stopping({ stage }, 500);
      await elapse(10);
      jobs[0]?.open();
      jobs[1]?.fail(new Error('no'));
      await until(() => stop.report !== undefined);
      expect(stop.endedAfterMs).toBeLessThanOrEqual(2_500);
      for (const job of jobs) job.open();
      await elapse(10_000);
      expect(jest.getTimerCount()).toBe(0);
    },
  );
});

describe('stop while starting', () => {
  test('waits for the start to end, within its time', async () => {
    const transport = new StubTransport();
    const answer = gate();
    transport.prepare = ({ intercept }) => {
      intercept.ensureGroup = async (next) => {
        await answer.promise;
        return next();
      };
    };
    const stage = new ConsumingStage({}, transport);
    const handled: unknown[] = [];
    const started = stage.consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
    stage.stream.add(...entries(3));
    await turn();
    const stop = stopping({ stage });
    await elapse(500);
    expect(stop.report).toBeUndefined();
    answer.open();
    await until(() => stop.report !== undefined);
    await Promise.allSettled([started]);
    // whatever it still read was handed back
    expect([stop.report?.finished, handled, stage.consumer.state]).toEqual([0, [], 'stopped']);
    expect([...stage.group.pending.values()].every(({ released }) => released)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('ends soon when the start fails', async () => {
    const transport = new StubTransport();
    const answer = gate();
    transport.prepare = ({ intercept }) => {
      intercept.ensureGroup = async () => {
        await answer.promise;
        throw new StubFailure('denied');
      };
    };
    const stage = new ConsumingStage({}, transport);
    const started = expect(stage.consumer.subscribe('*', () => {}).start()).rejects.toMatchObject({
      code: 'EVENTS_PERMISSION',
    });
    await turn();
    const stop = stopping({ stage });
    answer.open();
    await until(() => stop.report !== undefined);
    await started;
    expect(stop.endedAfterMs).toBeLessThan(1_000);
  });

  test.each([
    ['the server is away', () => Promise.reject(new StubFailure('offline'))],
    ['the server never answers', () => new Promise<never>(() => {})],
  ])('ends within its time and two seconds when %s, and start is settled', async (_name, verb) => {
    const transport = new StubTransport({ maxRetries: 1_000 });
    transport.prepare = ({ intercept }) => {
      intercept.ensureGroup = verb;
      intercept.close = async () => {};
    };
    const stage = new ConsumingStage({}, transport);
    const started = stage.consumer.subscribe('*', () => {}).start();
    started.catch(() => {
      // it may reject, or never end where the server never answers
    });
    await elapse(100);
    const stop = stopping({ stage }, 1_000);
    await until(() => stop.report !== undefined);
    expect(stop.endedAfterMs).toBeLessThanOrEqual(3_000);
    const calls = stage.subscription.calls.ensureGroup.length;
    await elapse(30_000);
    expect(stage.subscription.calls.ensureGroup.length - calls).toBeLessThanOrEqual(1);
  });

  test('while its name is in use ends within its time, and leaves the server alone', async () => {
    const transport = new StubTransport();
    transport.prepare = ({ intercept }) => {
      intercept.register = async () => false;
    };
    const stage = new ConsumingStage({ consumer: 'worker-1' }, transport);
    const started = stage.consumer.subscribe('*', () => {}).start();
    started.catch(() => {
      // its rejection is not what this is about
    });
    await elapse(1_000);
    const stop = stopping({ stage }, 500);
    await until(() => stop.report !== undefined);
    expect(stop.endedAfterMs).toBeLessThanOrEqual(2_500);
    const calls = stage.subscription.calls.register.length;
    await elapse(30_000);
    expect(stage.subscription.calls.register.length - calls).toBeLessThanOrEqual(1);
    await Promise.allSettled([started]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a process', () => {
  test('may end after a stop: no timer is left', async () => {
    const work = await working({ handlerTimeoutMs: 60_000, recoveryStrategy: () => 60_000, claimIdleMs: 600_000 });
    work.stage.stream.add(...entries(10));
    await turn();
    for (const [index, job] of work.jobs.entries()) {
      if (index % 3 === 0) job.open();
      if (index % 3 === 1) job.fail(new Error('no'));
    }
    await elapse(10);
    const stop = stopping(work, 100);
    await until(() => stop.report !== undefined);
    for (const job of work.jobs) job.fail(new Error('late'));
    await turn();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('sees no unhandled rejection from a stop, however it goes', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      for (const kind of ['offline', 'denied', 'closed'] as const) {
        const work = await working({ claimIdleMs: 300 });
        work.stage.stream.add(...entries(3));
        await turn();
        work.stage.subscription.replace(['release', 'close', 'interruptRead', 'acknowledge', 'keepAlive'], () =>
          Promise.reject(new StubFailure(kind)),
        );
        for (const context of work.contexts) void context.ack();
        const stop = stopping(work, 100);
        await until(() => stop.report !== undefined);
        await elapse(5_000);
      }
    } finally {
      process.off('unhandledRejection', listener);
    }
    expect(unhandled).toEqual([]);
  });
});
