import { describe, expect, test } from '@jest/globals';
import type { PublisherDurability, Stored, UnderReplicatedError } from '../src/index.js';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure } from './support/stub-failure.js';
import { elapse, turn, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

function stored(details: Partial<Stored> = {}): Stored {
  return { entryId: '7-0', isDuplicate: false, isDurable: true, replicas: 1, ...details };
}

describe('the durability that is asked for', () => {
  test.each<[PublisherDurability | undefined, object]>([
    [undefined, { level: 'leader' }],
    ['leader', { level: 'leader' }],
    [{ replicas: 2 }, { level: 'replicas', replicas: 2, timeoutMs: 500 }],
    [
      { replicas: 1, timeoutMs: 900 },
      { level: 'replicas', replicas: 1, timeoutMs: 900 },
    ],
    [{ fsync: true }, { level: 'fsync', replicas: 0, timeoutMs: 500 }],
    [
      { fsync: true, replicas: 1 },
      { level: 'fsync', replicas: 1, timeoutMs: 500 },
    ],
  ])('%p reaches the transport', (durability, expected) => {
    expect(publishing({ durability }).appender.options.durability).toEqual(expected);
  });

  test('waits no longer than a quarter of a short publish, unless told to', () => {
    const { appender } = publishing({ durability: { replicas: 1 }, timeoutMs: 400 });
    expect(appender.options.durability).toMatchObject({ timeoutMs: 100 });
  });

  test('gives a batch the time of its own wait and of the one before', async () => {
    const { publisher, appender } = publishing({ durability: { replicas: 1, timeoutMs: 700 }, timeoutMs: 8_000 });
    fateOf(publisher.publish('a', 1));
    await turn();
    expect(appender.calls[0]?.withinMs).toBe(2_000 + 2 * 700);
    appender.storeAll();
  });

  test('sends nothing whose wait would not end in time', async () => {
    const { publisher, appender } = publishing({ durability: { replicas: 1, timeoutMs: 250 }, timeoutMs: 1_000 });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const fate = fateOf(publisher.publish('a', 1));
    await elapse(1_100);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    expect(appender.calls.at(-1)?.atMs).toBeLessThanOrEqual((appender.calls[0]?.atMs ?? 0) + 650);
  });
});

describe('an event with the durability asked for', () => {
  test('is confirmed with the number of replicas', async () => {
    const { publisher, appender } = publishing({ durability: { replicas: 1 } });
    appender.respond = (call) => call.answerEach(() => stored({ replicas: 2 }));
    const receipt = await publisher.publish('a', 1);
    expect(receipt).toMatchObject({ entryId: '7-0', status: 'stored', replicas: 2 });
  });

  test('has no number of replicas in its receipt when none was asked for', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    expect(Object.keys(await publisher.publish('a', 1))).not.toContain('replicas');
  });
});

describe('an event that is stored, and not as durably as asked for', () => {
  test.each([
    ['too few replicas', 0, '0 have it'],
    ['nobody said', null, 'nobody said'],
  ])('rejects as stored, with its receipt: %s', async (_name, replicas, words) => {
    const { publisher, appender } = publishing({ durability: { replicas: 1 } });
    appender.respond = (call) => call.answerEach(() => stored({ isDurable: false, replicas }));
    const published: unknown[] = [];
    publisher.on('published', (receipt) => published.push(receipt));
    const fate = fateOf(publisher.publish('a', 1, { id: 'e-1' }));
    await turn();
    const error = fate.error as UnderReplicatedError;
    expect(wordsFor(fate)).toBe('stored EVENTS_UNDER_REPLICATED');
    expect(error).toMatchObject({ retryable: false, name: 'UnderReplicatedError' });
    expect(error.message).toContain(words);
    expect(error.receipt).toEqual({
      id: 'e-1',
      type: 'a',
      stream: 'orders',
      entryId: '7-0',
      status: 'stored',
      ...(replicas === null ? {} : { replicas }),
    });
    expect(published).toEqual([]);
    expect(appender.calls).toHaveLength(1);
    await publisher.close();
  });

  test('is told of in a batch, at its place', async () => {
    const { publisher, appender } = publishing({ durability: { replicas: 1 } });
    appender.respond = (call) => call.answerEach((type) => stored({ isDurable: type === 'a' }));
    const outcomes = await publisher.publishBatch([
      { type: 'a', data: 1 },
      { type: 'b', data: 2 },
    ]);
    expect(outcomes).toMatchObject([{ status: 'stored' }, { status: 'failed', error: { outcome: 'stored' } }]);
  });
});

test('what the server cannot do is refused as unsupported, and not tried again', async () => {
  const { publisher, appender } = publishing({ durability: { fsync: true } });
  appender.respond = (call) => call.answerEach(() => failure('unsupported'));
  const fate = fateOf(publisher.publish('a', 1));
  await turn();
  expect(wordsFor(fate)).toBe('not-stored EVENTS_UNSUPPORTED');
  expect(appender.calls).toHaveLength(1);
});

test('an answer without an entry id is no confirmation', async () => {
  const { publisher, appender } = publishing({ durability: { replicas: 1 } });
  appender.respond = (call) => call.answerEach(() => stored({ entryId: '' }));
  const fate = fateOf(publisher.publish('a', 1));
  await turn();
  expect(wordsFor(fate)).toBe('unknown EVENTS_TRANSPORT');
});
