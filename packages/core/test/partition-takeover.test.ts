import { describe, expect, test } from '@jest/globals';
import { EventConsumer } from '../src/index.js';
import { fieldsOf, type Gate, gate } from './support/consuming.js';
import { PartitionedStage } from './support/partitions.js';
import { StubFailure } from './support/stub-failure.js';
import { StubGroup } from './support/stub-server.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

/** One partition whose first entries are pending with a consumer that is gone, and whose last ones are unread. */
function inherited(keys: readonly string[], unread: readonly string[] = []) {
  const stage = new PartitionedStage(1);
  const stream = stage.stream(0);
  const group = new StubGroup('beginning');
  stream.groups.set('billing', group);
  for (const key of [...keys, ...unread]) stage.publish(key);
  const ids = stream.entries.map(({ id }) => id);
  group.position = keys.length;
  for (const id of ids.slice(0, keys.length)) group.own(id, 'gone');
  return { stage, stream, group, ids };
}

const record = (attempt: number, dueInMs: number) =>
  JSON.stringify({
    attempt,
    dueAtMs: Date.now() + dueInMs,
    firstFailureAtMs: Date.now(),
    lastFailureAtMs: Date.now(),
    error: { name: 'Error', message: 'no' },
  });

describe('what an owner finds pending later, because a promoted server does not know of its end', () => {
  test('is taken up again within twenty seconds', async () => {
    const { stage, group, ids } = inherited([], ['x', 'y']);
    await stage.start('a');
    await until(() => stage.runs.length === 2);
    await elapse(1_000);
    expect(group.pending.size).toBe(0);
    group.own(ids[0] ?? '', 'a');
    await elapse(20_000);
    expect(stage.numbers()).toEqual([1, 2, 1]);
    expect(group.pending.size).toBe(0);
  });
});

describe('what a new owner finds pending', () => {
  test('comes before anything that is unread, in the order of the entries for each key', async () => {
    const { stage } = inherited(['x', 'y', 'x', 'y', 'x'], ['x', 'y']);
    await stage.start('a');
    await until(() => stage.runs.length === 7);
    const of = (key: string) => stage.runs.filter(({ event }) => event.key === key).map(({ number }) => number);
    expect([of('x'), of('y')]).toEqual([
      [1, 3, 5, 6],
      [2, 4, 7],
    ]);
    expect(stage.of('claimed')).toEqual([
      { consumer: 'a', value: { stream: 'orders:p0', group: 'billing', count: 5, suspects: 5 } },
    ]);
  });

  test('is taken over page by page, with all its keys, before anything new is read', async () => {
    const { stage } = inherited(
      Array.from({ length: 180 }, (_, index) => `key-${index % 7}`),
      ['key-3'],
    );
    await stage.start('a');
    await until(() => stage.runs.length === 181);
    for (let key = 0; key < 7; key += 1) {
      const numbers = stage.runs.filter(({ event }) => event.key === `key-${key}`).map(({ number }) => number);
      expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
    }
    expect(stage.of('claimed').length).toBe(4);
  });

  test('waits for its retry, and everything of its key behind it: other keys go on', async () => {
    const { stage, group, ids } = inherited(['x', 'x', 'y'], ['x']);
    Object.assign(group.pending.get(ids[0] ?? '') ?? {}, { record: record(2, 5_000), released: true });
    for (const id of ids.slice(1, 3)) Object.assign(group.pending.get(id) ?? {}, { released: true });
    await stage.start('a');
    await elapse(4_000);
    expect(stage.numbers()).toEqual([3]);
    await elapse(2_000);
    expect(stage.numbers()).toEqual([3, 1, 2, 4]);
    expect(stage.runs[1]?.event.attempt).toBe(3);
  });

  test('waits for a retry that is due later than one before it', async () => {
    const { stage, group, ids } = inherited(['x', 'x', 'x']);
    for (const [index, dueInMs] of [1_000, 8_000, 0].entries())
      Object.assign(group.pending.get(ids[index] ?? '') ?? {}, { record: record(1, dueInMs), released: true });
    await stage.start('a');
    await elapse(7_000);
    expect(stage.numbers()).toEqual([1]);
    await elapse(2_000);
    expect(stage.numbers()).toEqual([1, 2, 3]);
  });

  test('of a vanished owner runs one at a time, in order within each key, and beside what is not suspect', async () => {
    const { stage } = inherited(['x', 'y', 'x', 'z'], ['w', 'v']);
    const jobs: Gate[] = [];
    stage.handle = () => {
      const job = gate();
      jobs.push(job);
      return job.promise;
    };
    await stage.start('a');
    await elapse(100);
    expect(stage.numbers().sort()).toEqual([1, 5, 6]);
    for (let opened = 0; opened < 6; opened += 1) {
      jobs[opened]?.open();
      await elapse(100);
    }
    await until(() => stage.runs.length === 6);
    for (const job of jobs) job.open();
    const suspects = stage.numbers().filter((number) => number < 5);
    expect(suspects.indexOf(1)).toBeLessThan(suspects.indexOf(3));
    expect(stage.runs.filter(({ number }) => number < 5).every(({ event }) => event.attempt === 2)).toBe(true);
  });

  test('and was begun as often as may be goes to the dead letters: what is behind it goes on', async () => {
    const { stage, group, ids } = inherited(['x', 'x']);
    Object.assign(group.pending.get(ids[0] ?? '') ?? {}, { deliveries: 3 });
    await stage.start('a', { maxRetries: 2 });
    await until(() => stage.runs.length === 1);
    expect(stage.numbers()).toEqual([2]);
    await elapse(100);
    expect(stage.ownerOf(0)?.deadLettered.map(({ id, stream }) => [id, stream])).toEqual([[ids[0], '{orders:p0}:dlq']]);
  });

  test('and is gone from the stream is told of', async () => {
    const { stage, stream, ids } = inherited(['x', 'x']);
    stream.trim(ids[0] ?? '');
    const lost: unknown[] = [];
    const consumer = stage.consumer('a').on('lostByTrim', (occurrence) => void lost.push(occurrence));
    await consumer.start();
    await until(() => stage.runs.length === 1);
    expect(lost).toEqual([{ stream: 'orders:p0', group: 'billing', entryId: ids[0], count: 1 }]);
  });

  test('and cannot be decoded goes to the dead letters', async () => {
    const { stage, stream, ids } = inherited(['x', 'x']);
    Object.assign(stream.byId.get(ids[0] ?? '') ?? {}, { fields: ['no', 'event'] });
    await stage.start('a');
    await until(() => stage.runs.length === 1);
    await elapse(10);
    expect(stage.ownerOf(0)?.deadLettered.map(({ id }) => id)).toEqual([ids[0]]);
  });
});

describe('a take-over that fails', () => {
  test('goes on where it stopped: nothing new is read meanwhile, and no order is broken', async () => {
    const { stage } = inherited(
      Array.from({ length: 120 }, (_, index) => `key-${index % 3}`),
      ['key-0', 'key-1'],
    );
    stage.transport.prepare = ({ intercept, calls }) => {
      intercept.takeOver = (next) =>
        calls.takeOver.length === 2 ? Promise.reject(new StubFailure('offline')) : next();
      intercept.fetch = (next) => (calls.fetch.length === 3 ? Promise.reject(new StubFailure('unknown')) : next());
    };
    await stage.start('a');
    await until(() => stage.runs.length === 122);
    await elapse(2_000);
    expect(stage.runs.length).toBe(122);
    const claimed = stage.of('claimed').map((each) => (each as { value: { count: number } }).value.count);
    expect(claimed.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(120);
    for (let key = 0; key < 3; key += 1) {
      const numbers = stage.runs.filter(({ event }) => event.key === `key-${key}`).map(({ number }) => number);
      expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
    }
  });

  test('for want of a group heals the group as the user chose, never at the end', async () => {
    const stage = new PartitionedStage(1);
    const consumer = await stage.start('a', { startFrom: 'latest' });
    await turn();
    stage.publish('x');
    await until(() => stage.runs.length === 1);
    stage.stream(0).groups.clear();
    await until(() => stage.stream(0).groups.size === 1, 10_000);
    expect(stage.stream(0).group.from).toBe('beginning');
    expect(consumer.partitions.length).toBe(1);
  });
});

describe('a read whose answer was lost', () => {
  test('is found again before anything newer, in its order, and is nobody’s suspect', async () => {
    const stage = new PartitionedStage(1);
    await stage.start('a');
    const handle = stage.ownerOf(0);
    let isLost = false;
    if (handle !== undefined) {
      handle.intercept.read = async (next) => {
        const entries = await next();
        if (entries.length === 0 || isLost) return entries;
        isLost = true;
        throw new StubFailure('unknown');
      };
    }
    await elapse(1_100);
    for (let index = 0; index < 4; index += 1) stage.publish('x');
    await until(() => isLost);
    for (let index = 0; index < 4; index += 1) stage.publish('x');
    await until(() => stage.runs.length === 8);
    expect(stage.numbers()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(stage.runs.map(({ event }) => event.attempt)).toEqual(new Array(8).fill(1));
    expect(stage.of('claimed')).toEqual([]);
  });
});

describe('an owner that lost its partition and has it again', () => {
  test('suspects only what it was at: that may have been why', async () => {
    const stage = new PartitionedStage(1);
    const job = gate();
    stage.handle = () => job.promise;
    await stage.start('a', { concurrency: 1 });
    for (const key of ['x', 'y', 'z']) stage.publish(key);
    await until(() => stage.runs.length === 1);
    const release = stage.isolate('a');
    await elapse(3_500);
    stage.handle = () => undefined;
    job.open();
    release();
    await until(() => stage.runs.length === 4, 10_000);
    const attempts = new Map(stage.runs.slice(1).map(({ number, event }) => [number, event.attempt]));
    expect(Object.fromEntries(attempts)).toEqual({ 1: 2, 2: 1, 3: 1 });
  });
});

describe('an event without a handler', () => {
  test('with onUnhandled: release waits in its place, since nobody else may take it, and blocks its key alone', async () => {
    const stage = new PartitionedStage(1);
    const handled: unknown[] = [];
    const consumer = new EventConsumer({
      transport: stage.transport,
      stream: 'orders',
      group: 'billing',
      partitions: 1,
      ordering: 'key',
      onUnhandled: 'release',
      maxRetries: 2,
      recoveryStrategy: () => 1_000,
      logger: { warn() {}, error() {} },
    });
    consumer.subscribe('known', ({ data }) => void handled.push(data));
    const [id] = stage
      .stream(0)
      .add(
        fieldsOf('unknown', 1, { key: 'x' }),
        fieldsOf('known', 2, { key: 'x' }),
        fieldsOf('known', 3, { key: 'y' }),
      );
    const letters: unknown[] = [];
    consumer.on('deadLettered', ({ entryId, reason }) => void letters.push([entryId, reason]));
    await consumer.start();
    await elapse(1_500);
    expect(handled).toEqual([3]);
    expect(stage.ownerOf(0)?.released).toEqual([]);
    await until(() => handled.length === 2);
    expect([handled, letters]).toEqual([[3, 2], [[id, 'unhandled']]]);
  });
});
