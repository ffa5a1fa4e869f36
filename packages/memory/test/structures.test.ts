import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareIds, idBefore, parseId } from '../src/entry-id.js';
import { HandledMarks } from '../src/handled-marks.js';
import { PendingList } from '../src/pending-list.js';
import { StreamLog } from '../src/stream-log.js';

const part = fc.oneof(fc.bigInt({ min: 0n, max: 30n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const id = fc.tuple(part, part).map(([milliseconds, sequence]) => `${milliseconds}-${sequence}`);

describe('entry ids', () => {
  test('compare as the numbers that they are', () => {
    const asNumber = (text: string) => {
      const [milliseconds = '0', sequence = '0'] = text.split('-');
      return (BigInt(milliseconds) << 64n) + BigInt(sequence);
    };
    fc.assert(
      fc.property(id, id, (left, right) => {
        const expected = asNumber(left) < asNumber(right) ? -1 : asNumber(left) > asNumber(right) ? 1 : 0;
        expect(Math.sign(compareIds(left, right))).toBe(expected);
      }),
    );
  });

  test('are completed, and refused when they are none', () => {
    expect(parseId('5')).toBe('5-0');
    expect(parseId('5', 'last')).toBe('5-18446744073709551615');
    expect(parseId('18446744073709551615-7')).toBe('18446744073709551615-7');
    for (const text of [
      '',
      '-',
      'a-1',
      '1-',
      '-1',
      '1-2-3',
      '01-1',
      '1.5-0',
      '18446744073709551616-0',
      '1-99999999999999999999',
    ]) {
      expect(() => parseId(text)).toThrow(expect.objectContaining({ kind: 'invalid' }));
    }
  });

  test('of a time are those of its millisecond and later', () => {
    expect(compareIds(idBefore(5), '5-0')).toBeLessThan(0);
    expect(compareIds(idBefore(5), '4-18446744073709551615')).toBe(0);
    expect(idBefore(0)).toBe('0-0');
    expect(() => idBefore(-1)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });
});

test('a log that is appended to and trimmed is like a list', () => {
  const step = fc.oneof(
    fc.record({ append: fc.integer({ min: 1, max: 200 }) }),
    fc.record({ maxLength: fc.integer({ min: 0, max: 300 }) }),
    fc.record({ minIdOf: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 0, max: 250 }), (steps, count) => {
      const log = new StreamLog();
      let ids: string[] = [];
      for (const each of steps) {
        const before = ids;
        if ('append' in each) {
          for (let index = 0; index < each.append; index += 1) ids.push(log.append(['a', 'b'], 1));
          continue;
        }
        const minId = 'minIdOf' in each ? (ids[Math.floor(each.minIdOf * ids.length)] ?? '0-1') : '';
        ids =
          'maxLength' in each
            ? ids.slice(Math.max(0, ids.length - each.maxLength))
            : ids.filter((kept) => compareIds(kept, minId) >= 0);
        const beyond = log.beyond('maxLength' in each ? { maxLength: each.maxLength } : { minId });
        expect(beyond).toBe(before.length - ids.length);
        log.removeFirst(beyond);
      }
      expect([log.length, log.firstEntryId]).toEqual([ids.length, ids[0] ?? null]);
      const middle = ids[Math.floor(ids.length / 2)] ?? '0-0';
      const above = ids.filter((kept) => compareIds(kept, middle) > 0);
      expect(log.after(middle, count).map((entry) => entry.id)).toEqual(above.slice(0, count));
      expect(log.range('0-0', middle, count).map((entry) => entry.id)).toEqual(
        ids.slice(0, ids.length - above.length).slice(0, count),
      );
      expect(log.find(middle)?.id).toBe(ids.includes(middle) ? middle : undefined);
    }),
  );
});

test('a pending list from which entries go is like a list', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(400)), { maxLength: 600 }), (steps) => {
      const list = new PendingList();
      let ids: string[] = [];
      for (const [index, [isAdded, choice]] of steps.entries()) {
        if (isAdded || ids.length === 0) {
          ids.push(`${index + 1}-0`);
          list.add({
            id: `${index + 1}-0`,
            owner: 'one',
            deliveredAt: 0,
            deliveries: 1,
            released: false,
            record: null,
          });
        } else {
          const chosen = ids[choice % ids.length] ?? '';
          expect([list.remove(chosen), list.remove(chosen)]).toEqual([true, false]);
          ids = ids.filter((kept) => kept !== chosen);
        }
      }
      expect(list.size).toBe(ids.length);
      const middle = ids[Math.floor(ids.length / 2)] ?? '0-0';
      expect(Array.from(list.after('0-0'), (pending) => pending.id)).toEqual(ids);
      expect(Array.from(list.after(middle), (pending) => pending.id)).toEqual(ids.slice(ids.indexOf(middle) + 1));
    }),
  );
});

test('marks leave when their window is over, and early when there are too many', () => {
  const marks = new HandledMarks();
  expect(marks.add(['a', 'b'], 100, 3, 0)).toBeNull();
  expect(marks.add(['c'], 100, 3, 50)).toBeNull();
  expect(marks.add(['a'], 100, 3, 60)).toBeNull();
  expect(marks.add(['d'], 100, 3, 70)).toBe(70);
  expect(marks.has(['a', 'b', 'c', 'd'], 100, 80)).toEqual([true, false, true, true]);
  expect(marks.has(['a', 'c', 'd'], 100, 160)).toEqual([false, false, true]);
});
