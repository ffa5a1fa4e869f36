import { describe, expect, test } from '@jest/globals';
import {
  combine,
  EventPublisher,
  keepUnread,
  maxAge,
  maxBytes,
  maxLength,
  OptionsError,
  type PublisherOptions,
  type StreamState,
  UnsupportedError,
} from '../src/index.js';
import { StubTransport } from './support/stub-transport.js';

const state: StreamState = {
  stream: 'orders',
  nowMs: 1_000_000,
  length: 200,
  bytes: 20_000,
  firstEntryId: '1-0',
  lastGeneratedId: '999999-0',
  groups: [],
};
const kept = { overflow: 'keep', maxGroupIdleMs: 604_800_000 };

describe('a policy', () => {
  test('of length, age and bytes says what may stay', () => {
    expect(maxLength(7)(state)).toEqual({ maxLength: 7 });
    expect(maxAge(1_000)(state)).toEqual({ minId: '999000-0' });
    expect(maxAge(5_000_000)(state)).toEqual({ minId: '0-0' });
    expect(maxBytes(5_000)(state)).toEqual({ maxLength: 50 });
    expect(maxBytes(20_000)(state)).toBeUndefined();
    expect(() => maxBytes(1)({ ...state, bytes: null })).toThrow(UnsupportedError);
  });

  test('keeps what is unread', () => {
    expect(keepUnread(maxLength(7))(state)).toEqual({ maxLength: 7, keepUnread: kept });
    expect(keepUnread(maxBytes(20_000))(state)).toBeUndefined();
    expect(keepUnread(maxLength(7), { overflow: 'drop', maxGroupIdleMs: 5_000 })(state)?.keepUnread).toEqual({
      overflow: 'drop',
      maxGroupIdleMs: 5_000,
    });
  });

  test('made of several is as strict as each, and as careful as the most careful', () => {
    const both = combine(maxLength(7), keepUnread(maxAge(1_000), { overflow: 'drop', maxGroupIdleMs: 5_000 }));
    expect(both(state)).toMatchObject({ maxLength: 7, minId: '999000-0', keepUnread: { overflow: 'drop' } });
    const careful = combine(both, keepUnread(maxLength(9)), maxAge(10));
    expect(careful(state)).toMatchObject({ maxLength: 7, minId: '999990-0', keepUnread: kept });
    expect(combine(maxBytes(20_000))(state)).toBeUndefined();
  });

  test.each<[string, () => unknown]>([
    ['a negative length', () => maxLength(-1)],
    ['no age', () => maxAge(0)],
    ['half a byte', () => maxBytes(0.5)],
    ['no policy to keep by', () => keepUnread(undefined as never)],
    ['no policies', () => combine()],
    ['an unknown overflow', () => keepUnread(maxLength(1), { overflow: 'explode' as never })],
    ['an unknown option', () => keepUnread(maxLength(1), { maxIdle: 1 } as never)],
    ['an impatient limit', () => keepUnread(maxLength(1), { maxGroupIdleMs: 10 })],
  ])('is refused with %s', (_name, make) => expect(make).toThrow(OptionsError));
});

describe('trimStrategy', () => {
  const publisher = (trimStrategy: unknown) =>
    new EventPublisher({ transport: new StubTransport(), source: 'x', trimStrategy } as PublisherOptions);

  test.each<[unknown, string]>([
    [{}, 'maxLength is missing'],
    [{ maxLength: 0 }, 'maxLength'],
    [{ maxLength: 10, trimThreshold: 0 }, 'trimThreshold'],
    [{ maxLength: 10, trimThreshold: 1.1 }, 'trimThreshold'],
    [{ maxLength: 10, trimPolicy: 'min' }, 'trimPolicy'],
    [{ maxLength: 10, trimBatchSize: 99 }, 'trimBatchSize'],
    [{ maxLength: 10, keepUnread: false, overflow: 'keep' }, 'contradict'],
    [{ maxLength: 10, keepUnread: false, maxGroupIdleMs: 1_000 }, 'contradict'],
    [{ maxLength: 10, overflow: 'wait' }, 'overflow'],
    [{ maxLength: 10, enabled: 'no' }, 'enabled'],
    [{ maxlength: 10 }, '"maxlength"'],
    [true, 'trimStrategy'],
  ])('%j is refused: %s', (value, message) => {
    expect(() => publisher(value)).toThrow(OptionsError);
    expect(() => publisher(value)).toThrow(message);
  });

  test.each<[unknown]>([
    [{ enabled: false }],
    [{ maxLength: 1 }],
    [{ maxLength: 1, overflow: 'block', trimThreshold: 1 }],
    [{ maxLength: 1, overflow: 'reject' }],
    [{ maxLength: 10, trimThreshold: 1, trimBatchSize: 100, trimPolicy: 'minid', overflow: 'drop' }],
    [maxLength(1)],
  ])('%p is taken', async (value) => {
    await publisher(value).close();
  });
});
