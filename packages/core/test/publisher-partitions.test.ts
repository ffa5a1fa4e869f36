import { describe, expect, test } from '@jest/globals';
import { partitionOf } from '../src/index.js';
import { gate } from './support/consuming.js';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const partitions = 4;
const streamsSent = ({ appender }: ReturnType<typeof publishing>) =>
  appender.calls.flatMap(({ entries }) => entries.map(({ stream }) => stream));

describe('a publisher with partitions', () => {
  test('places events by key, and those without one by their id', async () => {
    const stage = publishing({ partitions, streamPrefix: 'prod' });
    stage.appender.storeAll();
    const receipts = await Promise.all([
      stage.publisher.publish('a', 1, { key: 'x', id: 'one' }),
      stage.publisher.publish('a', 2, { key: 'x', id: 'two' }),
      stage.publisher.publish('a', 3, { id: 'three' }),
      stage.publisher.publish('a', 4, { id: 'three' }),
    ]);
    const [byKey, byId] = [partitionOf('x', partitions), partitionOf('three', partitions)];
    const expected = [byKey, byKey, byId, byId].map((partition) => `prod:orders:p${partition}`);
    expect(receipts.map(({ stream }) => stream)).toEqual(expected);
    expect(streamsSent(stage).sort()).toEqual(expected.sort());
    expect(stage.transport.partitionsOf('prod:orders').count).toBe(partitions);
  });

  test('sends nothing before the number is agreed on, and then in the order of the calls', async () => {
    const stage = publishing({ partitions });
    stage.appender.storeAll();
    const answer = gate();
    stage.transport.partitionsOf('orders').hold = answer.promise;
    const calls = Array.from({ length: 20 }, (_, number) => stage.publisher.publish(`n${number}`, null, { key: 'x' }));
    await elapse(100);
    expect(stage.appender.calls).toEqual([]);
    answer.open();
    await turn();
    calls.push(stage.publisher.publish('n20', null, { key: 'x' }));
    await Promise.all(calls);
    expect(stage.appender.sent.flat()).toEqual(Array.from({ length: 21 }, (_, number) => `n${number}`));
    expect(stage.transport.partitionsOf('orders').asked).toBe(1);
  });

  test('does not let a later event of a key overtake those that wait, in the turn in which the answer comes', async () => {
    const stage = publishing({ partitions });
    stage.appender.storeAll();
    const answer = gate();
    stage.transport.partitionsOf('orders').hold = answer.promise;
    const first = stage.publisher.publish('first', null, { key: 'x' });
    await turn();
    answer.open();
    const later: Promise<unknown>[] = [];
    for (let round = 0; round < 12; round += 1) {
      await Promise.resolve();
      later.push(stage.publisher.publish(`later${round}`, null, { key: 'x' }));
    }
    await Promise.all([first, ...later]);
    expect(stage.appender.sent.flat()[0]).toBe('first');
    expect(stage.appender.sent.flat()).toEqual(['first', ...later.map((_, round) => `later${round}`)]);
  });

  test('refuses events when another number is recorded, saying what to do', async () => {
    const stage = publishing({ partitions });
    stage.transport.partitionsOf('orders').count = 8;
    const fates = [fateOf(stage.publisher.publish('a', 1)), fateOf(stage.publisher.publish('a', 2))];
    await turn();
    fates.push(fateOf(stage.publisher.publish('a', 3)));
    await turn();
    expect(fates.map(wordsFor)).toEqual(new Array(3).fill('not-stored EVENTS_PARTITIONS'));
    expect(fates[0]?.error?.message).toContain('8');
    expect(fates[0]?.error?.message).toContain('changePartitions');
    expect(stage.appender.calls).toEqual([]);
  });

  test('compares about every 10 seconds while it publishes, without making events wait, and stops at a new number', async () => {
    const stage = publishing({ partitions });
    stage.appender.storeAll();
    await stage.publisher.publish('a', 1);
    const table = stage.transport.partitionsOf('orders');
    await elapse(9_000);
    await stage.publisher.publish('a', 2);
    expect(table.asked).toBe(1);
    table.count = 8;
    await elapse(2_000);
    expect(wordsFor(await settledFate(stage, 'a'))).toBe('stored');
    await turn();
    expect(wordsFor(await settledFate(stage, 'b'))).toBe('not-stored EVENTS_PARTITIONS');
    table.count = partitions;
    await elapse(10_001);
    await settledFate(stage, 'c');
    expect(wordsFor(await settledFate(stage, 'd'))).toBe('stored');
  });

  test('tries again while the server is away, each event until its own deadline', async () => {
    const stage = publishing({ partitions, timeoutMs: 1_000 });
    stage.appender.storeAll();
    const table = stage.transport.partitionsOf('orders');
    table.failure = new StubFailure('offline');
    const early = fateOf(stage.publisher.publish('early', 1));
    await elapse(600);
    const late = fateOf(stage.publisher.publish('late', 1));
    await elapse(401);
    expect([wordsFor(early), wordsFor(late)]).toEqual(['not-stored EVENTS_TRANSPORT', 'open']);
    table.failure = undefined;
    await elapse(500);
    expect(wordsFor(late)).toBe('stored');
  });

  test('an answer that never comes is a timeout', async () => {
    const stage = publishing({ partitions, timeoutMs: 1_000 });
    stage.transport.partitionsOf('orders').hold = new Promise(() => {});
    const fate = fateOf(stage.publisher.publish('a', 1));
    await elapse(1_001);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TIMEOUT');
  });

  test.each([
    ['denied', 'EVENTS_PERMISSION'],
    ['invalid', 'EVENTS_TRANSPORT'],
  ] as const)('is refused at once when the server says %s', async (kind, code) => {
    const stage = publishing({ partitions });
    stage.transport.partitionsOf('orders').failure = new StubFailure(kind);
    const fate = fateOf(stage.publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe(`not-stored ${code}`);
  });

  test('fails fast where the transport does', async () => {
    const stage = publishing({ partitions }, { strategy: 'failfast', maxRetries: 0 });
    stage.transport.partitionsOf('orders').failure = new StubFailure('offline');
    const fate = fateOf(stage.publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
  });

  test('more events than may be in flight do not wait for the answer either', async () => {
    const stage = publishing({ partitions, maxInFlight: 5, overflow: 'reject' });
    stage.transport.partitionsOf('orders').hold = new Promise(() => {});
    const fates = Array.from({ length: 8 }, () => fateOf(stage.publisher.publish('a', 1)));
    await turn();
    expect(fates.map(wordsFor).filter((words) => words === 'not-stored EVENTS_OVERLOADED')).toHaveLength(3);
    await elapse(5_001);
    expect(fates.every(({ error }) => error !== undefined)).toBe(true);
  });

  test('settles what waits when it is closed, and lets go of the transport', async () => {
    const stage = publishing({ partitions, timeoutMs: 500 });
    stage.transport.partitionsOf('orders').failure = new StubFailure('offline');
    const fate = fateOf(stage.publisher.publish('a', 1));
    await turn();
    const closing = stage.publisher.close();
    await elapse(600);
    await closing;
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    expect(stage.appender.closings).toBe(1);
  });

  test('refuses what its schema would refuse later, too, without leaving that rejection to the process', async () => {
    const validate = async () => ({ issues: [{ message: 'no' }] });
    const events = { a: { '~standard': { version: 1, vendor: 'tests', validate } } } as const;
    const stage = publishing({ partitions, events });
    stage.transport.partitionsOf('orders').count = 8;
    const fates = [fateOf(stage.publisher.publish('a', null))];
    await turn();
    fates.push(fateOf(stage.publisher.publish('a', null)));
    await turn();
    expect(fates.map(wordsFor)).toEqual(['not-stored EVENTS_VALIDATION', 'not-stored EVENTS_PARTITIONS']);
  });

  test.each([0, 1.5, 1_025])('cannot have %d partitions, nor partition a tagged stream', (count) => {
    expect(() => publishing({ partitions: count })).toThrow(expect.objectContaining({ code: 'EVENTS_OPTIONS' }));
    expect(() => publishing({ partitions: 2, defaultStream: 'a:{b}' })).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining('hash tag') }),
    );
  });
});

async function settledFate(stage: ReturnType<typeof publishing>, type: string) {
  const fate = fateOf(stage.publisher.publish(type, 1));
  await turn();
  return fate;
}
