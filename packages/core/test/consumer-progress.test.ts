import { describe, expect, test } from '@jest/globals';
import type { ConsumerOptions, GroupProgress } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { StubGroup } from './support/stub-server.js';
import { elapse, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const calm = {
  pending: 0,
  consumers: 1,
  oldestPendingId: null,
  oldestUnreadId: null,
  lastDeliveredId: '0-0',
  missed: 0,
};

/** A consumer whose group stands where the test says. */
function watched(options: Partial<ConsumerOptions> = {}) {
  const stage = new ConsumingStage(options);
  stage.consumer.subscribe('*', () => undefined);
  const told: { progress: Partial<GroupProgress> | Error } = { progress: {} };
  let asked = 0;
  stage.transport.prepare = (subscription) => {
    subscription.progress = () => {
      asked += 1;
      const { progress } = told;
      return progress instanceof Error
        ? Promise.reject(progress)
        : Promise.resolve({ ...calm, nowMs: Date.now(), ...progress });
    };
  };
  const idAgo = (ms: number) => `${Date.now() - ms}-0`;
  return { stage, told, idAgo, asked: () => asked };
}

describe('backpressure by pending entries', () => {
  test('is told once, and once that it is over', async () => {
    const { stage, told } = watched({ backpressureThreshold: 100 });
    await stage.consumer.start();
    for (const pending of [100, 101, 150, 99, 120, 81]) {
      told.progress = { pending };
      await elapse(5_000);
    }
    expect(stage.occurrences('backpressure')).toEqual([
      { reason: 'pending', measured: 101, limit: 100, stream: 'orders' },
    ]);
    expect(stage.count('recovered')).toBe(0);
    told.progress = { pending: 80 };
    await elapse(5_000);
    expect(stage.occurrences('recovered')).toEqual([{ reason: 'pending', measured: 80, limit: 100, stream: 'orders' }]);
    told.progress = { pending: 101 };
    await elapse(5_000);
    expect(stage.count('backpressure')).toBe(2);
  });

  test('takes what the consumers of the group may read ahead for normal', async () => {
    const { stage, told } = watched({ prefetch: 300 });
    told.progress = { pending: 1_800, consumers: 3 };
    await stage.consumer.start();
    await elapse(5_000);
    expect(stage.count('backpressure')).toBe(0);
    told.progress = { pending: 1_801, consumers: 3 };
    await elapse(5_000);
    expect(stage.occurrences('backpressure')).toEqual([expect.objectContaining({ limit: 1_800 })]);
  });
});

describe('slowConsumer', () => {
  test.each<[string, (idAgo: (ms: number) => string) => Partial<GroupProgress>, number]>([
    ['the oldest unread entry', (idAgo) => ({ oldestUnreadId: idAgo(9_000) }), 9_000],
    ['the oldest pending entry', (idAgo) => ({ oldestPendingId: idAgo(8_000), pending: 1 }), 8_000],
    ['the older of both', (idAgo) => ({ oldestUnreadId: idAgo(7_000), oldestPendingId: idAgo(9_000) }), 9_000],
  ])('counts from %s, once an episode', async (_name, progressOf, lagMs) => {
    const { stage, told, idAgo } = watched({ slowConsumerThreshold: 6_000 });
    told.progress = progressOf(idAgo);
    await stage.consumer.start();
    await until(() => stage.count('slowConsumer') === 1);
    const [occurrence] = stage.occurrences<{ lagMs: number }>('slowConsumer');
    expect(occurrence).toMatchObject({ stream: 'orders', group: 'billing', threshold: 6_000 });
    expect(occurrence?.lagMs).toBeGreaterThanOrEqual(lagMs);
    expect(occurrence?.lagMs).toBeLessThan(lagMs + 1_500);
    await elapse(10_000);
    expect(stage.count('slowConsumer')).toBe(1);
    told.progress = {};
    await until(() => stage.count('recovered') === 1);
    expect(stage.occurrences('recovered')).toEqual([{ reason: 'lag', measured: 0, limit: 6_000, stream: 'orders' }]);
  });

  test('is not told of an entry that is younger, nor of one from the future', async () => {
    const { stage, told, idAgo } = watched();
    await stage.consumer.start();
    for (const ms of [4_000, -60_000]) {
      told.progress = { oldestUnreadId: idAgo(ms) };
      await elapse(900);
    }
    expect(stage.count('slowConsumer')).toBe(0);
  });
});

describe('lostByTrim', () => {
  test('counts what was removed before the group was given it', async () => {
    const { stage, told } = watched();
    stage.stream.groups.set('billing', new StubGroup('beginning'));
    await stage.consumer.start();
    // a watch that rests looks again within 12 s
    const longestMs = 13_000;
    for (const missed of [0, 40, 40, 65, 0, 5]) {
      told.progress = { missed };
      await elapse(longestMs);
    }
    told.progress = { missed: null };
    await elapse(longestMs);
    const counts = stage.occurrences<{ entryId: null; count: number }>('lostByTrim');
    expect(counts.map(({ count }) => count)).toEqual([40, 25, 5]);
    expect(counts[0]).toEqual({ stream: 'orders', group: 'billing', entryId: null, count: 40 });
  });

  test('says nothing of what was gone before the group was created', async () => {
    const { stage, told } = watched();
    told.progress = { missed: 500 };
    await stage.consumer.start();
    await elapse(20_000);
    expect(stage.count('groupCreated')).toBe(1);
    expect(stage.count('lostByTrim')).toBe(0);
  });
});

test('a group with nothing to do is asked about seldom, and often again once something was read', async () => {
  const { stage, told, asked } = watched();
  await stage.consumer.start();
  await elapse(60_000);
  const resting = asked();
  await elapse(60_000);
  expect(asked() - resting).toBeLessThanOrEqual(8);
  stage.stream.add(fieldsOf('a'));
  told.progress = { pending: 1 };
  await elapse(3_000);
  const busy = asked();
  await elapse(10_000);
  expect(asked() - busy).toBeGreaterThanOrEqual(8);
});

test('a failure to ask is told once, and does not end the watch', async () => {
  const { stage, told } = watched({ backpressureThreshold: 10 });
  told.progress = new Error('away');
  await stage.consumer.start();
  await elapse(20_000);
  expect(stage.count('error')).toBe(1);
  told.progress = { pending: 11 };
  await until(() => stage.count('backpressure') === 1);
});
