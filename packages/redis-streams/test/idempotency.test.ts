import { expect, jest, test } from '@jest/globals';
import * as fc from 'fast-check';
import { mostValuesPerEntry } from '../src/append-script.js';
import { replyFailure } from '../src/failures.js';
import { idempotentReply, idempotentRuns, markKeys } from '../src/idempotency-script.js';
import { ShortenedNotice } from '../src/shortened-notice.js';
import { appenderOn, FakeConnection, leader } from './fake-writer.js';

const options = { windowMs: 1_000, maxEntries: 10 };
const entry = (stream: string, id: string, ...fields: string[]) => ({ stream, id, fields });

test('every key that a run touches is declared, and is of the slot of the stream', () => {
  const { runs } = idempotentRuns([entry('orders', 'one', 'a', 'b')], options);
  const command = runs[0]?.command.map(String) ?? [];
  expect(command.slice(2, 15)).toEqual(['12', 'orders', ...markKeys('orders', 1_000)]);
  expect(command.slice(15)).toEqual(['1000', '10', '1', 'one', '2', 'a', 'b']);
  expect(markKeys('orders', 1_000).every((key) => key.startsWith('{orders}:dedup::1000'))).toBe(true);
  expect(markKeys('tenant:{a}:orders', 1_000)[0]).toBe('tenant:{a}:orders:dedup::1000');
});

test('a run has one stream, fifty entries at most, and is short', () => {
  const many = Array.from({ length: 120 }, (_, number) => entry(number % 3 === 0 ? 'b' : 'a', `${number}`, 'c', 'd'));
  const { runs } = idempotentRuns(many, options);
  expect(runs.map(({ stream, places }) => [stream, places.length])).toEqual([
    ['b', 40],
    ['a', 50],
    ['a', 30],
  ]);
  const big = entry('a', 'one', 'b', 'x'.repeat(200_000));
  expect(idempotentRuns([big, big, big, big, big], options).runs.map(({ places }) => places.length)).toEqual([2, 2, 1]);
});

test('an entry beyond what a script can pass is refused by itself, and is not sent', () => {
  const wide = { stream: 'a', id: 'wide', fields: new Array<string>(mostValuesPerEntry + 2).fill('x') };
  const { runs, refused } = idempotentRuns([entry('a', 'one', 'b', 'c'), wide, entry('a', 'two', 'b', 'c')], options);
  expect(runs.map(({ places }) => places)).toEqual([[0, 2]]);
  expect([...refused]).toEqual([[1, expect.objectContaining({ kind: 'invalid' })]]);
});

test('the runs hold the entries as they are, those of each stream in their order', () => {
  const given = fc.array(
    fc.record({
      stream: fc.constantFrom('a', 'b', 'c'),
      id: fc.string(),
      fields: fc.array(fc.string(), { maxLength: 6 }),
    }),
    { maxLength: 300 },
  );
  const property = fc.property(given, (entries) => {
    const { runs } = idempotentRuns(entries, options);
    const seen = runs.flatMap(({ places }) => places);
    expect([...seen].sort((left, right) => left - right)).toEqual(entries.map((_, place) => place));
    for (const { command, stream, places } of runs) {
      expect(places).toEqual([...places].sort((left, right) => left - right));
      const [, , keys, first, ...rest] = command.map(String);
      expect(first).toBe(stream);
      const args = rest.slice(Number(keys) - 1 + 3);
      const ids = args.splice(0, places.length);
      for (const [index, place] of places.entries()) {
        const fields = args.splice(0, 1 + Number(args[0])).slice(1);
        expect({ stream, id: ids[index], fields }).toEqual(entries[place]);
      }
      expect(args).toEqual([]);
    }
  });
  expect(fc.check(property)).toMatchObject({ failed: false });
});

test('an answer is an id, a duplicate with its id, or what its error means', () => {
  const run = { command: [], stream: 'a', places: [0, 1, 2, 3] };
  expect(idempotentReply(run, [-1, '1-0', ['2-0', 1], ['OOM command not allowed'], 5])).toEqual({
    effectiveWindowMs: null,
    answers: [
      '1-0',
      { entryId: '2-0', isDuplicate: true, isDurable: true, replicas: null },
      expect.objectContaining({ kind: 'refused' }),
      expect.objectContaining({ kind: 'unknown' }),
    ],
  });
  expect(idempotentReply({ ...run, places: [0] }, [250, '1-0']).effectiveWindowMs).toBe(250);
  expect(idempotentReply({ ...run, places: [0] }, [0, '1-0']).effectiveWindowMs).toBe(0);
});

test.each([null, 'OK', ['1-0'], [-1, '1-0'], { 0: -1 }])(
  'a reply of another shape leaves the outcome unknown: %j',
  (reply) => {
    const { answers } = idempotentReply({ command: [], stream: 'a', places: [0, 1] }, reply);
    expect(answers).toMatchObject([{ kind: 'unknown' }, { kind: 'unknown' }]);
  },
);

test('where EVAL is denied nothing is sent otherwise: every entry is denied', async () => {
  const connection = new FakeConnection((commands) =>
    commands.map(() => replyFailure('NOPERM no permissions to run EVAL')),
  );
  const idempotency = { ...options, onShortened: () => {} };
  const appender = appenderOn(connection, { options: { ...leader, idempotency } });
  const answers = await appender.append([entry('a', '1', 'b', 'c'), entry('b', '2', 'b', 'c')], 2_000);
  expect(answers).toMatchObject([{ kind: 'denied' }, { kind: 'denied' }]);
  expect(connection.plan).toEqual([['EVAL', 'EVAL']]);
});

test('a server that turned into a replica is left, also when it says so inside the reply to a script', async () => {
  const connection = new FakeConnection(() => [[-1, ["READONLY You can't write against a read only replica."]]]);
  const idempotency = { ...options, onShortened: () => {} };
  const appender = appenderOn(connection, { options: { ...leader, idempotency } });
  expect(await appender.append([entry('a', '1', 'b', 'c')], 2_000)).toMatchObject([{ kind: 'refused' }]);
  expect(connection.renewals).toBe(1);
});

test('a shortened window is told once a minute for each stream', () => {
  jest.useFakeTimers();
  const told: unknown[] = [];
  const notice = new ShortenedNotice((...what) => told.push(what));
  for (const [stream, left] of [
    ['a', 5],
    ['a', 4],
    ['b', 3],
  ] as const)
    notice.tell(stream, left);
  jest.advanceTimersByTime(59_000);
  notice.tell('a', 2);
  jest.advanceTimersByTime(1_000);
  notice.tell('a', 1);
  jest.useRealTimers();
  expect(told).toEqual([
    ['a', 5],
    ['b', 3],
    ['a', 1],
  ]);
});
