import { describe, expect, test } from '@jest/globals';
import {
  decodeEntries,
  decodeInteger,
  decodeMap,
  decodePending,
  decodePendingConsumers,
  decodeRead,
} from '../src/replies.js';

const entries = [
  ['1-0', ['a', 'b', 'a', 'c']],
  ['2-0', null],
];
const decoded = [
  { id: '1-0', fields: ['a', 'b', 'a', 'c'] },
  { id: '2-0', fields: null },
];

describe('a reply to XREADGROUP', () => {
  test.each<[string, unknown]>([
    ['nested arrays, as of RESP2', [['orders', entries]]],
    ['a flat array, as of RESP3 through ioredis', ['orders', entries]],
    ['a flat array with the name as bytes', [Buffer.from('orders'), entries]],
    ['an object, as of RESP3 through node-redis', { orders: entries }],
    ['an object without prototype', Object.assign(Object.create(null), { orders: entries })],
    ['a Map', new Map([['orders', entries]])],
    ['ids as bytes', [['orders', entries.map(([id, fields]) => [Buffer.from(id as string), fields])]]],
  ])('is understood as %s', (_, reply) => {
    expect(decodeRead(reply)).toEqual(decoded);
  });

  test.each([null, undefined, [], [['orders', []]], ['orders', []]])('that says there is nothing: %j', (reply) => {
    expect(decodeRead(reply)).toEqual([]);
  });

  test.each<[unknown]>([
    ['OK'],
    [1],
    [{}],
    [new Map()],
    [{ orders: entries, payments: entries }],
    [
      [
        ['orders', entries],
        ['payments', entries],
      ],
    ],
    [[['orders', null]]],
    [['orders', null]],
    [['orders', 'entries']],
    [[['orders', [['1-0']]]]],
    [[['orders', [['1-0', ['odd']]]]]],
    [[['orders', [['1-0', { a: 'b' }]]]]],
    [[['orders', [[1, ['a', 'b']]]]]],
  ])('of another shape is an error, and not nothing: %j', (reply) => {
    expect(() => decodeRead(reply)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  test('of another shape does not show what is in it', () => {
    expect(() => decodeRead({ secret: 'payload' })).toThrow(/^(?!.*(secret|payload))/);
  });
});

test('a range is decoded, and one that is none is an error', () => {
  expect(decodeEntries(entries, 'XRANGE')).toEqual(decoded);
  expect(decodeEntries([], 'XRANGE')).toEqual([]);
  expect(() => decodeEntries('OK', 'XRANGE')).toThrow(expect.objectContaining({ kind: 'invalid' }));
});

test('pending entries are decoded, and what is none is an error', () => {
  const year = 365 * 24 * 3_600_000;
  expect(
    decodePending([
      ['1-0', 2, 5, null],
      ['2-0', 1, year, 'record'],
    ]),
  ).toEqual([
    { id: '1-0', deliveries: 2, released: false, record: null },
    { id: '2-0', deliveries: 1, released: true, record: 'record' },
  ]);
  expect(decodePendingConsumers([2, '1-0', '2-0', [['one', '2']]])).toEqual(['one']);
  expect(decodePendingConsumers([0, null, null, null])).toEqual([]);
  for (const reply of [null, 'OK', [['1-0', 2, 'soon', null]], [null]]) {
    expect(() => decodePending(reply)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});

test('maps are decoded in any shape, whatever their names are', () => {
  const pairs = [
    ['__proto__', 1],
    ['length', 2],
  ] as const;
  for (const reply of [pairs.flat(), new Map(pairs), JSON.parse('{"__proto__":1,"length":2}')]) {
    expect([...decodeMap(reply, 'XINFO')]).toEqual(pairs);
  }
  for (const reply of [null, 'OK', ['odd']]) {
    expect(() => decodeMap(reply, 'XINFO')).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});

test('integers are decoded in any shape', () => {
  expect([5, 5n, '5', '-5'].map((reply) => decodeInteger(reply, 'XLEN'))).toEqual([5, 5, 5, -5]);
  for (const reply of [null, '', '5x', 'OK', []]) {
    expect(() => decodeInteger(reply, 'XLEN')).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});
