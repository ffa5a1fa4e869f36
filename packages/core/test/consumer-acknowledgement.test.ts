import { describe, expect, test } from '@jest/globals';
import type { FailureKind } from '../src/index.js';
import { ConsumingStage, fieldsOf, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

async function handling(handler: () => unknown = () => {}) {
  const stage = new ConsumingStage();
  await stage.consumer.subscribe('*', handler).start();
  return stage;
}

const entries = (count: number) => Array.from({ length: count }, () => fieldsOf('a'));

describe('acknowledgements', () => {
  test('go together, at most 128 ids at a time, each id once', async () => {
    const stage = await handling();
    const ids: string[] = [];
    for (let page = 0; page < 10; page += 1) ids.push(...stage.stream.add(...entries(100)));
    await until(() => stage.group.pending.size === 0 && stage.group.position === 1_000);
    const batches = stage.subscription.calls.acknowledge.map(([{ ids: batch }]) => batch.length);
    expect(Math.max(...batches)).toBeLessThanOrEqual(128);
    expect(batches.length).toBeLessThanOrEqual(25);
    expect(stage.group.acknowledged).toHaveLength(1_000);
    expect(new Set(stage.group.acknowledged)).toEqual(new Set(ids));
  });

  test('wait a few milliseconds for others, and no longer', async () => {
    const stage = await handling();
    stage.stream.add(...entries(1));
    await turn();
    expect(stage.subscription.calls.acknowledge).toEqual([]);
    await elapse(10);
    expect(stage.group.acknowledged).toHaveLength(1);
  });

  test('are sent only after the handler has succeeded', async () => {
    const job = gate();
    const stage = await handling(() => job.promise);
    stage.stream.add(...entries(1));
    await elapse(10_000);
    expect(stage.subscription.calls.acknowledge).toEqual([]);
    job.open();
    await elapse(100);
    expect(stage.group.acknowledged).toHaveLength(1);
  });

  test('one call is under way at a time; what comes meanwhile goes with the next', async () => {
    const stage = await handling();
    let underWay = 0;
    let most = 0;
    stage.subscription.intercept.acknowledge = async (next) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 50));
      underWay -= 1;
      return next();
    };
    for (let page = 0; page < 5; page += 1) {
      stage.stream.add(...entries(20));
      await elapse(10);
    }
    await until(() => stage.group.pending.size === 0);
    expect([most, stage.group.acknowledged.length]).toEqual([1, 100]);
    expect(stage.subscription.calls.acknowledge.length).toBeLessThanOrEqual(4);
  });

  test.each<FailureKind>(['offline', 'refused', 'unknown', 'denied', 'invalid'])(
    'that fail (%s) are sent again until they succeed; told once; handlers go on meanwhile',
    async (kind) => {
      let handled = 0;
      const stage = await handling(() => {
        handled += 1;
      });
      stage.subscription.intercept.acknowledge = () => Promise.reject(new StubFailure(kind));
      stage.stream.add(...entries(10));
      await elapse(1_000);
      stage.stream.add(...entries(10));
      await elapse(10_000);
      expect([handled, stage.group.pending.size, stage.count('error')]).toEqual([20, 20, 1]);
      expect(stage.subscription.calls.acknowledge.length).toBeLessThan(40);
      delete stage.subscription.intercept.acknowledge;
      await until(() => stage.group.pending.size === 0);
      expect([handled, stage.group.acknowledged.length]).toEqual([20, 20]);
    },
  );

  test('keep their entries alive as long as they are not through', async () => {
    const stage = new ConsumingStage({ claimIdleMs: 3_000 });
    await stage.consumer.subscribe('*', () => {}).start();
    stage.subscription.intercept.acknowledge = () => Promise.reject(new StubFailure('refused'));
    const [id = ''] = stage.stream.add(...entries(1));
    await elapse(20_000);
    expect(Date.now() - (stage.group.pending.get(id)?.touchedAtMs ?? 0)).toBeLessThan(2_500);
  });

  test('are given up when the group is lost', async () => {
    const stage = await handling();
    stage.subscription.intercept.acknowledge = () => {
      stage.stream.groups.clear();
      return Promise.reject(new StubFailure('group-lost'));
    };
    stage.stream.add(...entries(3));
    await until(() => stage.count('groupCreated') === 2);
    const calls = stage.subscription.calls.acknowledge.length;
    stage.stream.entries.length = 0;
    await elapse(5_000);
    expect(stage.subscription.calls.acknowledge.length).toBe(calls);
  });

  test('that cannot get through, in great number, stop the reading, and that is said', async () => {
    const stage = await handling();
    const answer = gate();
    stage.subscription.intercept.acknowledge = async (next) => {
      await answer.promise;
      return next();
    };
    for (let page = 0; page < 23; page += 1) stage.stream.add(...entries(500));
    await elapse(3_000);
    expect(stage.group.position).toBeLessThanOrEqual(10_500);
    await until(() => stage.count('backpressure') > 0);
    expect(stage.occurrences('backpressure')).toContainEqual(expect.objectContaining({ reason: 'unacknowledged' }));
    answer.open();
    await until(() => stage.group.pending.size === 0 && stage.group.position === 11_500);
    await elapse(1_100);
    expect(stage.occurrences('recovered')).toContainEqual(expect.objectContaining({ reason: 'unacknowledged' }));
  });

  test('that match less than they should make the consumer look after its group', async () => {
    const stage = await handling();
    const before = stage.transport.inspections;
    stage.stream.add(...entries(1));
    await elapse(100);
    expect(stage.transport.inspections).toBe(before);
    stage.subscription.intercept.acknowledge = async () => ({ count: 0, effectiveWindowMs: null });
    stage.stream.add(...entries(1));
    await elapse(100);
    expect(stage.transport.inspections).toBe(before + 1);
  });
});
