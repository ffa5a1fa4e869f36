import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeFields } from '../src/index.js';
import { encodeData, encodeFields, MetaEncoder } from '../src/wire-format.js';
import { publishing } from './support/publishing.js';

/** The bytes that a server stores, as Redis' own protocol would carry them. */
function bytesOf(fields: readonly (string | Uint8Array)[]): string {
  return Buffer.concat(fields.map((field) => Buffer.concat([Buffer.from(field), Buffer.from('|')]))).toString('latin1');
}

describe('the golden entries, which other languages read and which may never change', () => {
  test('the smallest event', async () => {
    const { publisher, appender } = publishing({ source: 'shop' });
    appender.storeAll();
    await publisher.publish('order.placed', null, { id: '1', time: new Date(0) });
    expect(appender.calls[0]?.entries).toEqual([
      expect.objectContaining({
        stream: 'orders',
        fields: [
          ...['id', '1', 'type', 'order.placed'],
          ...['meta', '{"source":"shop","time":"1970-01-01T00:00:00.000Z"}', 'data', 'null'],
        ],
      }),
    ]);
  });

  test('an event with everything', async () => {
    const { publisher, appender } = publishing({ source: 'shöp "eu"', streamPrefix: 'prod' });
    appender.storeAll();
    await publisher.publish(
      'com.example/order.placed',
      { orderId: 'o-1', total: 12.5, lines: [{ sku: 'ä€😀', count: 2 }], note: 'a\n"b"\u0000' },
      {
        id: 'b7a1c1b0-5c6e-4c43-9d3e-5d8d2d6f0d11',
        key: 'o-1',
        headers: { traceparent: '00-ab-cd-01', Ünïcode: '✓' },
        time: new Date('2026-01-02T03:04:05.678Z'),
      },
    );
    const fields = appender.calls[0]?.entries[0]?.fields ?? [];
    expect(fields).toEqual([
      'id',
      'b7a1c1b0-5c6e-4c43-9d3e-5d8d2d6f0d11',
      'type',
      'com.example/order.placed',
      'meta',
      '{"source":"shöp \\"eu\\"","time":"2026-01-02T03:04:05.678Z","key":"o-1","headers":{"traceparent":"00-ab-cd-01","Ünïcode":"✓"}}',
      'data',
      '{"orderId":"o-1","total":12.5,"lines":[{"sku":"ä€😀","count":2}],"note":"a\\n\\"b\\"\\u0000"}',
    ]);
    expect(bytesOf(fields)).toContain('"sku":"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"');
  });

  test('a lone surrogate is escaped, so that the bytes are valid UTF-8', () => {
    expect(encodeData('a', '\ud800').text).toBe('"\\ud800"');
  });
});

describe('what is published comes back', () => {
  const encode = (data: unknown, meta = new MetaEncoder('tests').encode(0, undefined, undefined)) =>
    decodeFields('5-0', encodeFields('1', 'a', meta, encodeData('a', data).text));

  test('any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (data) => {
        // JSON knows no negative zero, and this library refuses keys that could pollute prototypes
        const text = JSON.stringify(data);
        fc.pre(!text.includes('__proto__') && !text.includes('"prototype"'));
        expect(encode(data).data).toEqual(JSON.parse(text));
      }),
    );
  });

  test('any text, in data, key, source and headers', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (text, other) => {
        const meta = new MetaEncoder(other).encode(0, text, { [other]: text });
        fc.pre(other !== '__proto__');
        const event = encode(text, meta);
        expect(event).toMatchObject({ data: text, key: text, source: other });
        expect({ ...event.headers }).toEqual({ [other]: text });
      }),
    );
  });

  test('any time that a Date can hold', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (time) => {
        const meta = new MetaEncoder('tests').encode(time.getTime(), undefined, undefined);
        expect(encode(null, meta).timeMs).toBe(time.getTime());
      }),
    );
  });

  test('times that alternate between events of one publisher', () => {
    const encoder = new MetaEncoder('tests');
    const times = [1, 2, 1, 1, 86_400_000, 2].map(
      (timeMs) => encode(null, encoder.encode(timeMs, undefined, undefined)).timeMs,
    );
    expect(times).toEqual([1, 2, 1, 1, 86_400_000, 2]);
  });

  test('what is undefined is left out, a Date comes back as text, and -0 as 0', () => {
    const date = new Date('2026-01-02T03:04:05.678Z');
    const given = { kept: 1, dropped: undefined, date, url: new URL('redis://host/'), zero: -0 };
    expect(encode(given).data).toEqual({
      kept: 1,
      date: '2026-01-02T03:04:05.678Z',
      url: 'redis://host/',
      zero: 0,
    });
  });

  test.each<[string, unknown, boolean]>([
    ['data as it is', { list: [1, 'a', null, { deep: true }], left: undefined }, true],
    [
      'objects of a class',
      new (class Order {
        readonly total = 1;
      })(),
      true,
    ],
    ['objects that inherit functions', Object.assign(Object.create({ pay: () => 1 }), { total: 1 }), true],
    ['objects without a prototype', Object.assign(Object.create(null), { total: 1 }), true],
    ['a Date, which comes back as text', { deep: [new Date(0)] }, false],
    ['what has a toJSON', { toJSON: () => ({ total: 1 }) }, false],
  ])('it is known of %s whether it is read back the same', (_name, data, isSame) => {
    expect(encodeData('a', data).isSame).toBe(isSame);
  });
});

describe('data that JSON cannot hold is refused without being quoted', () => {
  const circular: Record<string, unknown> = { secret: 'swordfish' };
  circular.self = circular;
  let deep: unknown = 'swordfish';
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  const throws = () => {
    throw new Error('swordfish');
  };

  test.each([
    ['undefined', undefined, 'it is undefined. Use null'],
    ['a function', () => 'swordfish', 'it is function'],
    ['a symbol', Symbol('swordfish'), 'it is symbol'],
    ['a BigInt', { total: 1n, note: 'swordfish' }, "'total' is, or holds, a BigInt"],
    ['NaN', { lines: [{ price: 1 }, { price: Number.NaN }] }, "'lines.1.price' is, or holds, NaN"],
    ['infinity', -Infinity, 'it is, or holds, -Infinity'],
    ['undefined in an array', { list: [1, undefined] }, "'list.1' is, or holds, undefined"],
    ['a hole in an array', { list: new Array(1) }, "'list.0' is, or holds, undefined"],
    ['a function below', { list: [{ call: () => 'swordfish' }] }, "'list.0.call' is, or holds, a function"],
    ['a symbol below', { mark: Symbol('swordfish') }, 'a symbol'],
    ['a Map', { map: new Map([['swordfish', 1]]) }, 'a Map'],
    ['a Set', { set: new Set(['swordfish']) }, 'a Set'],
    ['a RegExp', { pattern: /swordfish/ }, 'a RegExp'],
    ['an Error', { error: new Error('swordfish') }, 'an Error'],
    ['a Promise', { promise: Promise.resolve('swordfish') }, 'a Promise'],
    ['a boxed number', { boxed: Object(7) }, 'a boxed value'],
    ['a Buffer', { bytes: Buffer.from('swordfish') }, "'bytes' is, or holds, bytes"],
    ['a typed array', { bytes: new Uint8Array(2) }, 'bytes'],
    ['an invalid Date', { at: new Date(Number.NaN) }, "'at' is, or holds, an invalid Date"],
    ['NaN in what toJSON returns', { toJSON: () => ({ price: Number.NaN }) }, "'price' is, or holds, NaN"],
    ['a toJSON that returns nothing', { list: { toJSON: () => undefined } }, 'undefined'],
    ['a circle', circular, 'circular'],
    ['a toJSON that throws', { toJSON: throws }, 'a toJSON in it throws'],
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', { enumerable: true, get: throws }),
      'cannot be stored as JSON',
    ],
    ['what is nested too deeply', deep, 'nested too deeply'],
  ])('%s', (_name, data, reason) => {
    const refusal = expect.objectContaining({
      code: 'EVENTS_SERIALIZATION',
      outcome: 'not-stored',
      message: expect.stringContaining(reason),
    });
    expect(() => encodeData('order.placed', data)).toThrow(refusal);
    expect(() => encodeData('order.placed', data)).not.toThrow(/swordfish/);
  });
});

describe('keys that could pollute prototypes', () => {
  test.each([
    ['at the top', JSON.parse('{"__proto__":{"admin":true}}')],
    ['below', { list: [{ deep: JSON.parse('{"__proto__":1}') }] }],
    ['by way of the constructor', { constructor: { prototype: { admin: true } } }],
    ['in what toJSON returns', { toJSON: () => JSON.parse('{"__proto__":1}') }],
  ])('are refused %s', (_name, data) => {
    expect(() => encodeData('a', data)).toThrow(
      expect.objectContaining({ code: 'EVENTS_SERIALIZATION', message: expect.stringMatching(/__proto__|prototype/) }),
    );
  });

  test.each([
    ['a text that names them', { note: '__proto__ and "prototype" and constructor' }],
    ['a constructor that is data', { constructor: 'ACME Ltd.', prototype: { id: 7 } }],
    ['a constructor without a prototype', { constructor: { name: 'prototype', of: '"prototype"' } }],
    ['an empty constructor', { constructor: null, note: '__proto__' }],
  ])('are not seen in %s', (_name, data) => {
    expect(JSON.parse(encodeData('a', data).text)).toEqual(data);
  });
});
