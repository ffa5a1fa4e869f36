import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { HandledMarks } from '../src/marks.js';

const windowMs = 4_000;
const second = 1_000;

beforeEach(() => {
  jest.useFakeTimers({ now: 100 * second });
});
afterEach(() => {
  jest.useRealTimers();
});

const bucketsOf = (keys: readonly string[]) => keys.map((key) => Number(key.split(':').at(-1)));

test('looks at the buckets of the window, and at one more for a writer whose clock is ahead', () => {
  const marks = new HandledMarks('orders', 'group');
  expect(marks.liveKeys(windowMs)[0]).toBe('{orders}:dedup:group:96');
  expect(bucketsOf(marks.liveKeys(windowMs))).toEqual([96, 97, 98, 99, 100, 101]);
});

test('gives outdated buckets to be unlinked before they expire', () => {
  const { keys, lifeMs } = new HandledMarks('orders', 'group').forMarking({ eventIds: ['a'], windowMs, maxEntries: 1 });
  expect(bucketsOf(keys)).toEqual([93, 94, 95, 96, 97, 98, 99, 100, 101]);
  // the bucket of second 93 was written to until second 94, and lives longer than until it is unlinked
  expect(94 * second + lifeMs).toBeGreaterThan(101 * second);
});

test('tells how much of the window is left, until all of it is there again', () => {
  const marks = new HandledMarks('orders', 'group');
  expect(marks.effectiveWindow(windowMs, 0)).toBeNull();
  jest.advanceTimersByTime(500);
  // the buckets 95, 96, 97 and 98 had to leave
  expect(marks.effectiveWindow(windowMs, 4)).toBe(1_500);
  jest.advanceTimersByTime(second);
  expect(marks.effectiveWindow(windowMs, 0)).toBe(2_500);
  jest.advanceTimersByTime(1_499);
  expect(marks.effectiveWindow(windowMs, 0)).toBe(3_999);
  jest.advanceTimersByTime(1);
  expect(marks.effectiveWindow(windowMs, 0)).toBeNull();
  // the current one left, too: nothing is older than this moment
  expect(marks.effectiveWindow(windowMs, 6)).toBe(0);
});
