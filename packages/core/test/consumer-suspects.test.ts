import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

interface Left {
  readonly stage: ConsumingStage;
  readonly ids: readonly string[];
  readonly started: { readonly id: string; readonly attempt: number; readonly redelivered: boolean }[];
  /** Ends the handlers that run, oldest first. */
  readonly jobs: Gate[];
}

/** A consumer in whose group a vanished one left entries, delivered so often, idle for long. */
async function vanished(
  count: number,
  {
    deliveries = 1,
    released = false,
    keys,
  }: { deliveries?: number; released?: boolean; keys?: readonly string[] } = {},
  options: Partial<ConsumerOptions> = {},
): Promise<Left> {
  const stage = new ConsumingStage(options);
  const started: Left['started'] = [];
  const jobs: Gate[] = [];
  const handler = ({ entryId, attempt, redelivered }: ConsumedEvent) => {
    started.push({ id: entryId, attempt, redelivered });
    const job = gate();
    jobs.push(job);
    return job.promise;
  };
  await stage.consumer.subscribe('*', handler).start();
  await turn();
  const { group, stream } = stage;
  group.position = Infinity;
  const ids = stream.add(...Array.from({ length: count }, (_, index) => fieldsOf('a', index, { key: keys?.[index] })));
  for (const id of ids) group.own(id, 'vanished', { deliveries, released, touchedAtMs: Date.now() - 120_000 });
  return { stage, ids, started, jobs };
}

describe('entries of a consumer that vanished', () => {
  test('are suspects: they run one at a time, while others run beside them', async () => {
    const { stage, started, jobs } = await vanished(5);
    await until(() => started.length === 1);
    await elapse(5_000);
    expect(started).toHaveLength(1);
    stage.group.position = stage.stream.entries.length;
    stage.stream.add(fieldsOf('a'), fieldsOf('a'));
    await turn();
    expect(started).toHaveLength(3);
    for (let round = 0; round < 10; round += 1) {
      jobs.shift()?.open();
      await elapse(100);
    }
    expect(started).toHaveLength(7);
    await until(() => stage.group.pending.size === 0);
  });

  test('are marked as redelivered and counted: the attempt of the one who vanished is lost', async () => {
    const { stage, started, ids } = await vanished(1);
    await until(() => started.length === 1);
    expect(started).toEqual([{ id: ids[0], attempt: 2, redelivered: true }]);
    expect(stage.subscription.calls.start).toEqual([[ids[0], 2]]);
    expect(stage.occurrences('claimed')).toEqual([{ stream: 'orders', group: 'billing', count: 1, suspects: 1 }]);
  });

  test('have their attempt written down before the handler starts', async () => {
    const { stage, started } = await vanished(1);
    stage.subscription.intercept.start = async (next) => {
      expect(started).toEqual([]);
      return next();
    };
    await until(() => started.length === 1);
  });

  test('wait until what was handled before is acknowledged, so that it does not share their fate', async () => {
    const { stage, started, jobs } = await vanished(0);
    stage.group.position = stage.stream.entries.length;
    const [own = ''] = stage.stream.add(fieldsOf('a'));
    await turn();
    const answer = gate();
    stage.subscription.intercept.acknowledge = async (next) => {
      await answer.promise;
      return next();
    };
    jobs.shift()?.open();
    stage.group.position = Infinity;
    const [left = ''] = stage.stream.add(fieldsOf('a'));
    stage.group.own(left, 'vanished', { touchedAtMs: Date.now() - 120_000 });
    await elapse(3_000);
    expect(started.map(({ id }) => id)).toEqual([own]);
    answer.open();
    await until(() => started.length === 2);
  });

  test('do not wait for dead letters that cannot be moved', async () => {
    const { stage, started } = await vanished(1);
    stage.subscription.intercept.deadLetter = () => Promise.reject(new StubFailure('denied'));
    const [bad = ''] = stage.stream.add(['not', 'ours']);
    stage.group.own(bad, 'somebody', { released: true });
    await until(() => started.length === 1, 30_000);
  });

  test('are condemned without being run once as many attempts as allowed were started', async () => {
    const { stage, started, ids } = await vanished(2, { deliveries: 6 });
    await until(() => stage.count('deadLettered') === 2);
    expect(started).toEqual([]);
    expect(stage.occurrences('deadLettered')).toEqual(
      ids.map((entryId) =>
        expect.objectContaining({ entryId, reason: 'consumer-vanished', attempts: 6, event: undefined }),
      ),
    );
    expect(stage.subscription.calls.fetch).toEqual([]);
  });

  test('are not condemned one attempt before', async () => {
    const { started } = await vanished(1, { deliveries: 5 });
    await until(() => started.length === 1);
    expect(started[0]?.attempt).toBe(6);
  });

  test.each<Partial<ConsumerOptions>>([{ maxRetries: 0 }, { recoveryStrategy: 'none' }])(
    'have one try of their own even with %o, because a first delivery need not have been started',
    async (options) => {
      const first = await vanished(1, { deliveries: 1 }, options);
      await until(() => first.started.length === 1);
      const second = await vanished(1, { deliveries: 2 }, options);
      await until(() => second.stage.count('deadLettered') === 1);
      expect(second.started).toEqual([]);
    },
  );

  test('one that crashes the process again and again is condemned alone', async () => {
    // the server's side of six consumers, each of which is killed by the first entry
    const { stage, ids } = await vanished(10);
    const { group } = stage;
    let deaths = 0;
    let current = stage;
    let handled: string[] = [];
    for (;;) {
      handled = [];
      const next = new ConsumingStage({}, stage.transport);
      const handler = ({ entryId }: ConsumedEvent) => {
        if (entryId === ids[0]) {
          deaths += 1;
          return new Promise(() => {});
        }
        handled.push(entryId);
        return undefined;
      };
      current.transport.subscriptions.at(-1)!.intercept.claim = async () => ({ entries: [], vanished: [] });
      current = next;
      await next.consumer.subscribe('*', handler).start();
      const before = deaths;
      await until(() => deaths > before || next.count('deadLettered') > 0);
      if (next.count('deadLettered') > 0) break;
      // killed: nothing of it is heard again
      const dead = stage.transport.subscriptions.at(-1)!;
      dead.isClosed = true;
      for (const pending of group.pending.values()) pending.touchedAtMs = Date.now() - 120_000;
    }
    expect(deaths).toBe(5);
    await until(() => group.pending.size === 0);
    expect(current.occurrences('deadLettered')).toHaveLength(1);
    expect(current.occurrences('deadLettered')).toEqual([expect.objectContaining({ entryId: ids[0], attempts: 6 })]);
    expect(handled.sort()).toEqual(ids.slice(1).sort());
  });

  test('let the next one go when one fails, is settled by hand, is lost, vanished or no event', async () => {
    const { stage, ids, started, jobs } = await vanished(7, {}, { recoveryStrategy: () => 3_600_000 });
    stage.stream.byId.get(ids[3]!)!.fields = ['not', 'ours'];
    stage.stream.trim(ids[4]!);
    stage.subscription.intercept.start = async (next, id) => (id === ids[2] ? false : next());
    await until(() => started.length === 1);
    jobs[0]?.fail(new Error('no'));
    await until(() => started.length === 2);
    jobs[1]?.open();
    await until(() => started.length === 3);
    jobs[2]?.open();
    await until(() => started.length === 4);
    expect(started.map(({ id }) => id)).toEqual([ids[0], ids[1], ids[5], ids[6]]);
    expect([stage.count('leaseLost'), stage.count('deadLettered'), stage.count('lostByTrim')]).toEqual([1, 1, 1]);
  });

  test('wait for the lane of their key, and let others go first meanwhile', async () => {
    const { stage, started, jobs } = await vanished(0, {}, { ordering: 'key' });
    stage.group.position = stage.stream.entries.length;
    stage.stream.add(fieldsOf('own', 1, { key: 'x' }));
    await turn();
    expect(started).toHaveLength(1);
    stage.group.position = Infinity;
    const ids = stage.stream.add(fieldsOf('a', 1, { key: 'x' }), fieldsOf('a', 1, { key: 'y' }));
    for (const id of ids) stage.group.own(id, 'vanished', { touchedAtMs: Date.now() - 120_000 });
    await until(() => started.length === 2);
    expect(started[1]?.id).toBe(ids[1]);
    jobs[1]?.open();
    await elapse(2_000);
    expect(started).toHaveLength(2);
    jobs[0]?.open();
    await until(() => started.length === 3);
    expect(started[2]?.id).toBe(ids[0]);
  });

  test('run one at a time also when the lanes of several open together', async () => {
    const { stage, started, jobs } = await vanished(0, {}, { ordering: 'key' });
    stage.group.position = stage.stream.entries.length;
    stage.stream.add(fieldsOf('own', 1, { key: 'x' }), fieldsOf('own', 1, { key: 'y' }));
    await turn();
    stage.group.position = Infinity;
    const ids = stage.stream.add(fieldsOf('a', 1, { key: 'x' }), fieldsOf('a', 1, { key: 'y' }));
    for (const id of ids) stage.group.own(id, 'vanished', { touchedAtMs: Date.now() - 120_000 });
    await elapse(3_000);
    for (const job of jobs) job.open();
    await elapse(3_000);
    expect(started.map(({ id }) => id).slice(2)).toHaveLength(1);
    jobs[2]?.open();
    await until(() => started.length === 4);
  });

  test('that hang do not stall the others once they are given up', async () => {
    const { started } = await vanished(3, {}, { handlerTimeoutMs: 1_000, ordering: 'key' });
    await until(() => started.length === 3, 20_000);
  });

  test('that hang give way also when the next one waits loaded, on a stream where nothing else happens', async () => {
    const { started, stage } = await vanished(
      3,
      { keys: ['x', 'x', 'y'] },
      { handlerTimeoutMs: 1_000, ordering: 'key' },
    );
    await until(() => started.length === 3, 20_000);
    expect(stage.occurrences('deadLettered').length).toBeGreaterThanOrEqual(1);
  });
});

describe('entries that were handed back', () => {
  test('are no suspects: they run side by side, and their attempt stands', async () => {
    const { stage, started } = await vanished(5, { released: true, deliveries: 2 });
    await until(() => started.length === 5);
    expect(started.map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2, 2]);
    expect(stage.occurrences('claimed')).toEqual([expect.objectContaining({ count: 5, suspects: 0 })]);
  });

  test('are taken within two seconds, however many they are', async () => {
    const { started } = await vanished(300, { released: true }, { concurrency: 500, prefetch: 500 });
    await elapse(2_000);
    expect(started).toHaveLength(300);
  });
});

describe('a consumer with a name of its own', () => {
  test('adopts at once what that name owned before, as suspects', async () => {
    const stage = new ConsumingStage({ consumer: 'worker-1' });
    await new ConsumingStage({ consumer: 'other' }, stage.transport).consumer.subscribe('*', () => {}).start();
    const ids = stage.stream.add(fieldsOf('a'), fieldsOf('a'));
    await turn();
    stage.group.acknowledged.length = 0;
    for (const id of ids) stage.group.own(id, 'worker-1');
    const started: ConsumedEvent[] = [];
    const handler = (event: ConsumedEvent) => {
      started.push(event);
      return new Promise(() => {});
    };
    await stage.consumer.subscribe('*', handler).start();
    await elapse(10);
    expect(started).toEqual([expect.objectContaining({ entryId: ids[0], attempt: 2, redelivered: true })]);
  });

  test('does not list anything when its name is random', async () => {
    const { stage } = await vanished(0);
    expect(stage.subscription.calls.owned).toEqual([]);
  });

  test('adopts many pages', async () => {
    const stage = new ConsumingStage({ consumer: 'worker-1', concurrency: 1_000, prefetch: 1_000 });
    await new ConsumingStage({ consumer: 'other' }, stage.transport).consumer
      .subscribe('*', () => new Promise(() => {}))
      .start();
    stage.group.position = Infinity;
    const ids = stage.stream.add(...Array.from({ length: 250 }, () => fieldsOf('a')));
    for (const id of ids) stage.group.own(id, 'worker-1', { released: true });
    const started = new Set<string>();
    const handler = ({ entryId }: ConsumedEvent) => void started.add(entryId);
    await stage.consumer.subscribe('*', handler).start();
    await elapse(1_000);
    expect(started.size).toBe(250);
  });
});
