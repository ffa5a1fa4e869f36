import { decodeFields, EventConsumer, EventPublisher } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { describe, expect, test } from '@jest/globals';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { msgpackCodec } from '../src/index.js';

/** Any JSON value but those that are refused for their keys. */
const jsonValue = fc.jsonValue().filter((value) => !/__proto__|"constructor"/.test(JSON.stringify(value)));

const event = { id: 'e-1', type: 'a', source: 's', time: new Date(0), key: undefined, headers: {} };
const there = (data: unknown) => msgpackCodec.encode(data, event);
/** As a transport gives it: text wherever the bytes are valid UTF-8. */
function asField(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes;
  }
}
const back = (stored: unknown) => msgpackCodec.decode(asField(stored as Uint8Array), event);

describe('what comes back', () => {
  test('is what was given: any JSON value', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const { stored, isSame } = there(value);
        expect(isSame).toBe(true);
        // as JSON, it does not tell -0 from 0
        expect(back(stored)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is what was given: numbers, big integers, dates and bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 50 }).map((each) => Uint8Array.from(each));
    const value = fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n),
      fc.date({ noInvalidDate: true }),
      bytes,
    );
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const read = back(there({ values }).stored) as { readonly values: unknown[] };
        for (const [index, given] of values.entries()) {
          const found = read.values[index];
          if (given instanceof Uint8Array) expect([...(found as Uint8Array)]).toEqual([...given]);
          else if (given instanceof Date) expect((found as Date).getTime()).toBe(given.getTime());
          else if (Object.is(given, -0)) expect(found).toBe(0);
          else expect(found).toBe(given);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('of a Buffer is an Uint8Array, and that is said', () => {
    const { stored, isSame } = there({ deep: [Buffer.from('x')] });
    expect(isSame).toBe(false);
    expect(Buffer.isBuffer((back(stored) as { deep: unknown[] }).deep[0])).toBe(false);
  });

  test('has no property that is undefined', () => {
    expect(back(there({ a: undefined, b: 1 }).stored)).toEqual({ b: 1 });
  });
});

describe('is refused, with its path:', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'it is, or holds, undefined'],
    ['undefined in a list', { list: [1, undefined] }, "'list.1' is, or holds, undefined"],
    ['a hole', { list: new Array(1) }, "'list.0'"],
    ['a function', { deep: { call: () => 1 } }, "'deep.call' is, or holds, a function"],
    ['a symbol', Symbol('s'), 'a symbol'],
    ['a BigInt that is too large', { big: 2n ** 64n }, "'big' is, or holds, a BigInt of more than 64 bits"],
    ['a BigInt that is too small', -(2n ** 63n) - 1n, '64 bits'],
    ['an invalid Date', { at: new Date(Number.NaN) }, "'at' is, or holds, an invalid Date"],
    ['a Map', new Map(), 'a Map'],
    ['a Set', new Set(), 'a Set'],
    ['a RegExp', /x/, 'a RegExp'],
    ['an Error', new Error('x'), 'an Error'],
    ['a Promise', Promise.resolve(), 'a Promise'],
    ['a boxed value', Object(1), 'a boxed value'],
    ['bytes of another kind', { samples: new Float64Array(1) }, "'samples' is, or holds, bytes"],
    ['a URL', { url: new URL('redis://host') }, "'url' is, or holds, an object with a toJSON"],
    ['a circle', circular, 'nested too deeply'],
    ['a key that pollutes', { deep: JSON.parse('{"__proto__":1}') }, "a key '__proto__'"],
  ])('%s', (_name, data, message) => {
    expect(() => there(data)).toThrow(
      expect.objectContaining({
        code: 'EVENTS_SERIALIZATION',
        outcome: 'not-stored',
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe('garbage', () => {
  const decodes = (stored: string | Uint8Array) => {
    try {
      return { data: msgpackCodec.decode(stored, event) };
    } catch (error) {
      return { error };
    }
  };

  test('is undecodable, or data; nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.string()), (stored) => {
        const { error } = decodes(stored);
        if (error !== undefined) expect(error).toMatchObject({ code: 'EVENTS_UNDECODABLE' });
      }),
      { numRuns: 2_000 },
    );
  });

  test.each<[string, Uint8Array]>([
    ['claims to be a list of four billion', Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['claims to be a list of 30 million', Uint8Array.of(0xdd, 0x01, 0xc9, 0xc3, 0x80, 0xc0)],
    ['claims to be a map of four billion', Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['claims to be a long text', Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['is nothing', Uint8Array.of()],
    ['has more behind it', Uint8Array.of(0xc0, 0xc0)],
    ['has a key that pollutes', encode(new Map([['x', 1]]) && JSON.parse('{"__proto__":{"x":1}}'))],
  ])('that %s is refused without trouble', (_name, stored) => {
    const before = process.memoryUsage().heapTotal;
    expect(decodes(stored)).toEqual({ error: expect.objectContaining({ code: 'EVENTS_UNDECODABLE' }) });
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(100_000_000);
  });

  test('with a constructor that pollutes is refused by core', () => {
    const data = there({ constructor: { prototype: { admin: true } } }).stored;
    const meta = JSON.stringify({ contentType: msgpackCodec.contentType });
    const fields = ['id', 'e', 'type', 'a', 'meta', meta, 'data', data];
    expect(() => decodeFields('1-0', fields, { codecs: [msgpackCodec] })).toThrow('constructor.prototype');
  });
});

test('a publisher writes it, and a consumer reads it', async () => {
  const transport = new MemoryTransport();
  const publisher = new EventPublisher({
    transport,
    source: 'tests',
    defaultStream: 's',
    trimStrategy: { enabled: false },
    codec: msgpackCodec,
    compression: { aboveBytes: 100 },
  });
  const consumer = new EventConsumer({ transport, stream: 's', group: 'g', codecs: [msgpackCodec] });
  const handled: unknown[] = [];
  await consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
  const data = { at: new Date(5), cents: 2n ** 60n, bytes: Uint8Array.of(0, 255), note: 'x'.repeat(1_000) };
  await publisher.publish('a', data);
  while (handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(handled).toEqual([data]);
  await consumer.stop();
  await publisher.close();
  await transport.close();
});
