import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, HandlerContext } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

async function busy(options: ConstructorParameters<typeof ConsumingStage>[0] = {}) {
  const stage = new ConsumingStage(options);
  const started: ConsumedEvent[] = [];
  const contexts: HandlerContext[] = [];
  const jobs: Gate[] = [];
  const handler = (event: ConsumedEvent, context: HandlerContext) => {
    started.push(event);
    contexts.push(context);
    const job = gate();
    jobs.push(job);
    return job.promise;
  };
  await stage.consumer.subscribe('*', handler).start();
  return { stage, started, contexts, jobs };
}

describe('what a consumer holds', () => {
  test('is kept alive, run or not, well within claimIdleMs', async () => {
    const { stage } = await busy({ claimIdleMs: 3_000, concurrency: 1 });
    const ids = stage.stream.add(...Array.from({ length: 10 }, () => fieldsOf('a')));
    for (let round = 0; round < 60; round += 1) {
      await elapse(500);
      for (const id of ids) expect(Date.now() - (stage.group.pending.get(id)?.touchedAtMs ?? 0)).toBeLessThan(2_500);
    }
    expect(stage.subscription.calls.keepAlive.at(-1)?.[0].slice().sort()).toEqual([...ids].sort());
  });

  test('includes retries that wait', async () => {
    const stage = new ConsumingStage({ claimIdleMs: 3_000, recoveryStrategy: () => 60_000 });
    await stage.consumer.subscribe('*', () => Promise.reject(new Error('no'))).start();
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    await elapse(30_000);
    expect(Date.now() - (stage.group.pending.get(id)?.touchedAtMs ?? 0)).toBeLessThan(2_500);
    expect(stage.subscription.calls.keepAlive.length).toBeGreaterThan(10);
  });

  test('is not kept alive once it is settled', async () => {
    const { stage, jobs } = await busy({ claimIdleMs: 3_000 });
    stage.stream.add(fieldsOf('a'));
    await turn();
    jobs[0]?.open();
    await elapse(100);
    stage.subscription.calls.keepAlive.length = 0;
    await elapse(10_000);
    expect(stage.subscription.calls.keepAlive.every(([ids]) => ids.length === 0)).toBe(true);
  });
});

describe('an entry that another consumer took', () => {
  test('is announced once, and its handler is told', async () => {
    const { stage, contexts, jobs } = await busy({ claimIdleMs: 3_000 });
    const [id = ''] = stage.stream.add(fieldsOf('a', 1, { id: 'event-x', key: 'k' }));
    await turn();
    const { signal } = contexts[0] as HandlerContext;
    stage.group.own(id, 'somebody-else', { touchedAtMs: Infinity });
    await until(() => stage.count('leaseLost') === 1);
    expect([signal.aborted, signal.reason]).toEqual([true, expect.objectContaining({ code: 'EVENTS_CLOSED' })]);
    expect(stage.occurrences('leaseLost')).toEqual([
      { stream: 'orders', group: 'billing', entryId: id, event: { id: 'event-x', type: 'a', key: 'k' } },
    ]);
    jobs[0]?.fail(new Error('gave up'));
    await elapse(20_000);
    expect([stage.count('leaseLost'), stage.count('retry'), stage.count('deadLettered')]).toEqual([1, 0, 0]);
    expect(stage.group.pending.get(id)?.consumer).toBe('somebody-else');
  });

  test('is acknowledged if its handler succeeds all the same: nobody need do it again', async () => {
    const { stage, jobs } = await busy({ claimIdleMs: 3_000 });
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    await turn();
    stage.group.own(id, 'somebody-else', { touchedAtMs: Infinity });
    await until(() => stage.count('leaseLost') === 1);
    jobs[0]?.open();
    await elapse(100);
    expect(stage.group.acknowledged).toEqual([id]);
  });

  test('is not started, if it only waited', async () => {
    const { stage, started, jobs } = await busy({ claimIdleMs: 3_000, concurrency: 1 });
    const ids = stage.stream.add(fieldsOf('a'), fieldsOf('a'), fieldsOf('a'));
    await turn();
    stage.group.own(ids[1]!, 'somebody-else', { touchedAtMs: Infinity });
    await until(() => stage.count('leaseLost') === 1);
    jobs[0]?.open();
    await turn();
    expect(started.map(({ entryId }) => entryId)).toEqual([ids[0], ids[2]]);
  });

  test('is asked after before it starts when it was held for long', async () => {
    const { stage, started, jobs } = await busy({ claimIdleMs: 3_000, concurrency: 1 });
    stage.subscription.intercept.keepAlive = (next, ids) => (ids.length > 1 ? new Promise(() => {}) : next());
    const ids = stage.stream.add(fieldsOf('a'), fieldsOf('a'), fieldsOf('a'));
    await elapse(2_000);
    stage.group.own(ids[1]!, 'somebody-else', { touchedAtMs: Infinity });
    jobs[0]?.open();
    await elapse(10);
    expect(started.map(({ entryId }) => entryId)).toEqual([ids[0], ids[2]]);
    expect(stage.count('leaseLost')).toBe(1);
  });

  test('frees the lane of its key', async () => {
    const { stage, started, jobs } = await busy({ claimIdleMs: 3_000, ordering: 'key', concurrency: 1 });
    const ids = stage.stream.add(
      fieldsOf('a', 0, { key: 'y' }),
      fieldsOf('a', 1, { key: 'x' }),
      fieldsOf('a', 2, { key: 'x' }),
    );
    await turn();
    stage.group.own(ids[1]!, 'somebody-else', { touchedAtMs: Infinity });
    await until(() => stage.count('leaseLost') === 1);
    jobs[0]?.open();
    await until(() => started.length === 2);
    expect(started.map(({ data }) => data)).toEqual([0, 2]);
  });
});

describe('entries that the server gave to this consumer without its knowing', () => {
  test('are found after a read whose answer was lost, and handled as unseen, not as suspects', async () => {
    const { stage, started } = await busy();
    let isLost = true;
    stage.subscription.intercept.read = async (next) => {
      const entries = await next();
      if (!isLost || entries.length === 0) return entries;
      isLost = false;
      throw new StubFailure('unknown');
    };
    await elapse(1_500);
    stage.stream.add(fieldsOf('a'), fieldsOf('a'));
    await until(() => started.length === 2, 3_000);
    expect(started.map(({ attempt, redelivered }) => [attempt, redelivered])).toEqual([
      [1, true],
      [1, true],
    ]);
  });

  test('are found also when the lost read is executed late', async () => {
    const { stage, started } = await busy();
    await elapse(1_500);
    stage.subscription.intercept.read = () => Promise.reject(new StubFailure('unknown'));
    await until(() => stage.count('error') === 1);
    delete stage.subscription.intercept.read;
    await elapse(500);
    // the frozen server comes to it only now
    stage.group.position = Infinity;
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    stage.group.own(id, stage.consumer.name);
    await until(() => started.length === 1, 5_000);
  });

  test('are found within seconds even if nothing seemed wrong', async () => {
    const { stage, started } = await busy();
    await turn();
    stage.group.position = Infinity;
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    stage.group.own(id, stage.consumer.name);
    await until(() => started.length === 1, 15_000);
  });

  test('are found after a claim whose answer was lost', async () => {
    const { stage, started } = await busy();
    stage.group.position = Infinity;
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    let calls = 0;
    stage.subscription.intercept.claim = async (next) => {
      calls += 1;
      if (calls > 1) return next();
      stage.group.own(id, stage.consumer.name);
      throw new StubFailure('unknown');
    };
    await until(() => started.length === 1, 5_000);
  });

  test('are not taken twice', async () => {
    const { stage, started, jobs } = await busy();
    stage.stream.add(...Array.from({ length: 30 }, () => fieldsOf('a')));
    await elapse(60_000);
    for (const job of jobs) job.open();
    await elapse(100);
    for (const job of jobs) job.open();
    await elapse(100);
    expect(new Set(started.map(({ entryId }) => entryId)).size).toBe(started.length);
  });
});

describe('claiming', () => {
  test('asks about every second for what was left alone for claimIdleMs', async () => {
    const { stage } = await busy({ claimIdleMs: 12_345 });
    await elapse(20_000);
    const { claim } = stage.subscription.calls;
    expect(claim.length).toBeGreaterThanOrEqual(14);
    expect(claim.length).toBeLessThanOrEqual(28);
    expect(claim.every(([idleMs]) => idleMs === 12_345)).toBe(true);
  });

  test('announces entries that were deleted while they were pending', async () => {
    const { stage } = await busy();
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    await turn();
    stage.stream.trim(id);
    stage.group.own(id, 'vanished', { touchedAtMs: 0 });
    await until(() => stage.count('lostByTrim') === 1);
    expect(stage.occurrences('lostByTrim')).toEqual([{ stream: 'orders', group: 'billing', entryId: id, count: 1 }]);
  });

  test('takes no more than waits its turn', async () => {
    const { stage, started } = await busy({ concurrency: 1 });
    stage.group.position = Infinity;
    const ids = stage.stream.add(...Array.from({ length: 2_000 }, () => fieldsOf('a')));
    for (const id of ids) stage.group.own(id, 'vanished', { touchedAtMs: 0 });
    await elapse(60_000);
    const mine = [...stage.group.pending.values()].filter(({ consumer }) => consumer === stage.consumer.name);
    expect(mine.length).toBeLessThanOrEqual(700);
    expect(started).toHaveLength(1);
  });

  test('goes on after trouble, which is told once', async () => {
    const { stage, started } = await busy();
    stage.subscription.intercept.claim = () => Promise.reject(new StubFailure('refused'));
    await elapse(10_000);
    expect(stage.occurrences('error')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('claim entries of') }),
    ]);
    delete stage.subscription.intercept.claim;
    stage.group.position = Infinity;
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    stage.group.own(id, 'vanished', { touchedAtMs: 0 });
    await until(() => started.length === 1);
    stage.subscription.intercept.claim = () => Promise.reject(new StubFailure('refused'));
    await elapse(5_000);
    expect(stage.count('error')).toBe(2);
  });
});

describe('reading', () => {
  test('goes on after every trouble, with growing waits, told once', async () => {
    const { stage, started } = await busy();
    stage.subscription.intercept.read = () => Promise.reject(new StubFailure('offline', 'no connection'));
    await elapse(20_000);
    expect(stage.occurrences('error')).toEqual([
      expect.objectContaining({
        code: 'EVENTS_TRANSPORT',
        message: "Could not read 'orders' for group 'billing': no connection",
      }),
    ]);
    expect(stage.subscription.calls.read.length).toBeLessThan(60);
    delete stage.subscription.intercept.read;
    stage.stream.add(fieldsOf('a'));
    await until(() => started.length === 1, 2_000);
  });

  test('asks for less when its answers keep breaking the connection, and for more when they do not', async () => {
    const stage = new ConsumingStage();
    const handled: string[] = [];
    await stage.consumer.subscribe('*', ({ entryId }) => void handled.push(entryId)).start();
    await elapse(1_500);
    stage.subscription.intercept.read = (next, count) =>
      count > 5 ? Promise.reject(new StubFailure('unknown')) : next();
    stage.stream.add(...Array.from({ length: 100 }, () => fieldsOf('a')));
    await until(() => handled.length === 100);
    delete stage.subscription.intercept.read;
    stage.stream.add(...Array.from({ length: 1_000 }, () => fieldsOf('a')));
    await until(() => handled.length === 1_100);
    expect(Math.max(...stage.subscription.calls.read.slice(-20).map(([count]) => count))).toBeGreaterThan(64);
  });

  test('ends, and says so, when the transport was closed under it', async () => {
    const { stage } = await busy();
    stage.subscription.isClosed = true;
    await until(() => stage.consumer.state === 'failed');
    expect(stage.occurrences<{ code: string }>('error').map(({ code }) => code)).toContain('EVENTS_CLOSED');
  });
});
