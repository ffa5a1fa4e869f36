import type { NewEntry } from '@events/core';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { appendRuns, runAnswers } from '../src/append-script.js';

const entry = (stream: string, ...fields: string[]) => ({ stream, id: 'any', fields });

test('entries of one stream and one length share a head', () => {
  const [run] = appendRuns([
    entry('a', '1', '2'),
    entry('a', '3', '4'),
    entry('b', '5', '6'),
    entry('a', '7', '8', '9', '10'),
  ]);
  expect(run?.command.slice(2)).toEqual([
    '2',
    'a',
    'b',
    '1',
    '2',
    '2',
    '1',
    '2',
    '3',
    '4',
    '2',
    '2',
    '1',
    '5',
    '6',
    '1',
    '4',
    '1',
    '7',
    '8',
    '9',
    '10',
  ]);
  expect(run?.count).toBe(4);
});

test('a run is short, by count and by size', () => {
  expect(appendRuns(new Array(600).fill(entry('a', 'b', 'c'))).map(({ count }) => count)).toEqual([256, 256, 88]);
  const big = entry('a', 'b', 'x'.repeat(200_000));
  expect(appendRuns([big, big, big, big, big]).map(({ count }) => count)).toEqual([2, 2, 1]);
});

test('an answer is an id, or what its error means', () => {
  const answers = runAnswers(['1-0', ['OOM command not allowed'], ['WRONGTYPE Operation against'], 5], 4);
  expect(answers).toEqual([
    '1-0',
    expect.objectContaining({ kind: 'refused' }),
    expect.objectContaining({ kind: 'invalid' }),
    expect.objectContaining({ kind: 'unknown' }),
  ]);
});

test.each([null, 'OK', ['1-0'], { 0: '1-0', 1: '2-0' }])(
  'a reply of another shape leaves the outcome unknown: %j',
  (reply) => {
    expect(runAnswers(reply, 2)).toEqual([
      expect.objectContaining({ kind: 'unknown' }),
      expect.objectContaining({ kind: 'unknown' }),
    ]);
  },
);

test('the groups hold the entries as they are, in their order', () => {
  const stored = fc.record({
    stream: fc.constantFrom('a', 'b', 'c'),
    id: fc.constant('any'),
    fields: fc.array(fc.string(), { maxLength: 6 }),
  });
  const property = fc.property(fc.array(stored, { minLength: 1, maxLength: 700 }), (expected) => {
    expect(appendRuns(expected).flatMap(({ command }) => read(command))).toEqual(expected);
  });
  expect(fc.check(property)).toMatchObject({ failed: false });
});

/** What the script makes of its arguments. */
function read(command: readonly unknown[]): NewEntry[] {
  const [, , keyCount, ...rest] = command as readonly string[];
  const keys = rest.splice(0, Number(keyCount));
  const found: NewEntry[] = [];
  while (rest.length > 0) {
    const [key, size, count] = rest.splice(0, 3).map(Number);
    for (let entry = 0; entry < (count ?? 0); entry += 1) {
      found.push({ stream: keys[(key ?? 0) - 1] ?? '', id: 'any', fields: rest.splice(0, size) });
    }
  }
  return found;
}
