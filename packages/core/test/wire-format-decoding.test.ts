import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeFields, type Fields, type FieldValue } from '../src/index.js';

const meta = '{"source":"shop","time":"2026-01-02T03:04:05.678Z"}';
const usual = { id: '1', type: 'order.placed', meta, data: '{"total":1}' };

function entry(changes: Readonly<Record<string, FieldValue | undefined>> = {}): Fields {
  const fields: FieldValue[] = [];
  for (const [name, value] of Object.entries({ ...usual, ...changes }))
    if (value !== undefined) fields.push(name, value);
  return fields;
}

function undecodable(reason: string) {
  return expect.objectContaining({
    code: 'EVENTS_UNDECODABLE',
    name: 'UndecodableEntryError',
    message: expect.stringContaining(reason),
  });
}

describe('an entry is an event', () => {
  test('in the usual order of fields', () => {
    expect(decodeFields('5-0', entry())).toEqual({
      id: '1',
      type: 'order.placed',
      source: 'shop',
      timeMs: Date.parse('2026-01-02T03:04:05.678Z'),
      key: undefined,
      headers: {},
      version: 1,
      data: { total: 1 },
    });
  });

  test('in any order of fields, with others between them', () => {
    const pairs: [string, FieldValue][] = [
      ...Object.entries(usual),
      ['extra', 'x'],
      ['binary', new Uint8Array([0xff])],
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(pairs, { minLength: pairs.length }), (shuffled) => {
        expect(decodeFields('5-0', shuffled.flat())).toEqual(decodeFields('5-0', entry()));
      }),
    );
  });

  test('by the first of fields of one name', () => {
    expect(decodeFields('5-0', [...entry(), 'data', '2', 'id', 'other', 'type', 'other']).data).toEqual({ total: 1 });
    expect(decodeFields('5-0', ['id', 'first', ...entry()]).id).toBe('first');
  });

  test('without meta: of an unknown source, at the time of its entry id', () => {
    expect(decodeFields('1700000000123-7', entry({ meta: undefined }))).toMatchObject({
      source: '',
      timeMs: 1_700_000_000_123,
      key: undefined,
      headers: {},
    });
  });

  test('with an empty meta, or one that says other things', () => {
    for (const other of ['{}', '{"unknown":[1]}', ' { "source" : "shop" } ']) {
      expect(decodeFields('1700000000123-7', entry({ meta: other })).timeMs).toBe(1_700_000_000_123);
    }
  });

  test('when its data is huge', () => {
    const text = 'x'.repeat(8_000_000);
    expect(decodeFields('5-0', entry({ data: JSON.stringify(text) })).data).toBe(text);
  });

  test('with data of any JSON type', () => {
    for (const data of [null, true, 0, 'text', [], {}]) {
      expect(decodeFields('5-0', entry({ data: JSON.stringify(data) })).data).toEqual(data);
    }
  });

  test('with a time in any offset', () => {
    const elsewhere = '{"time":"2026-01-02T05:04:05.678+02:00"}';
    expect(decodeFields('5-0', entry({ meta: elsewhere })).timeMs).toBe(Date.parse('2026-01-02T03:04:05.678Z'));
  });

  test('whose headers have no prototype', () => {
    const { headers } = decodeFields('5-0', entry({ meta: '{"headers":{"constructor":"ACME","toString":"x"}}' }));
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.entries(headers)).toEqual([
      ['constructor', 'ACME'],
      ['toString', 'x'],
    ]);
    expect(Object.getPrototypeOf(decodeFields('5-0', entry()).headers)).toBeNull();
  });
});

describe('an entry is no event', () => {
  test.each<[string, Fields, string]>([
    ['without fields', [], "Field 'id' is missing"],
    ['without an id', entry({ id: undefined }), "Field 'id' is missing"],
    ['without a type', entry({ type: undefined }), "Field 'type' is missing"],
    ['without data', entry({ data: undefined }), "Field 'data' is missing"],
    ['with half a field', [...entry({ data: undefined }), 'data'], "Field 'data' is missing"],
    ['with an empty id', entry({ id: '' }), "Field 'id' is empty"],
    ['with an empty type', entry({ type: '' }), "Field 'type' is empty"],
    ['with a name only in another case', entry({ id: undefined, ID: '1' }), "Field 'id' is missing"],
    ['with a binary id', entry({ id: new Uint8Array([0xff]) }), "Field 'id' is not valid UTF-8"],
    ['with a binary type', entry({ type: new Uint8Array([0xff]) }), "Field 'type' is not valid UTF-8"],
    ['with binary meta', entry({ meta: new Uint8Array([0xff]) }), "Field 'meta' is not valid UTF-8"],
    ['with binary data', entry({ data: new Uint8Array([0xff]) }), "Field 'data' is not valid UTF-8"],
    ['with data that is no JSON', entry({ data: 'swordfish' }), "Field 'data' is not valid JSON"],
    ['with empty data', entry({ data: '' }), "Field 'data' is not valid JSON"],
    ['with data cut off', entry({ data: '{"total":' }), "Field 'data' is not valid JSON"],
    ['with a byte order mark', entry({ data: '\ufeff{}' }), "Field 'data' is not valid JSON"],
    ['with meta that is no JSON', entry({ meta: 'swordfish' }), "Field 'meta' is not valid JSON"],
    ['with empty meta', entry({ meta: '' }), "Field 'meta' is not valid JSON"],
    ['with meta null', entry({ meta: 'null' }), "Field 'meta' is not a JSON object"],
    ['with a list as meta', entry({ meta: '[]' }), "Field 'meta' is not a JSON object"],
    ['with a text as meta', entry({ meta: '"x"' }), "Field 'meta' is not a JSON object"],
    ['with a source that is no text', entry({ meta: '{"source":7}' }), "'source' in field 'meta' is not a string"],
    ['with a key that is no text', entry({ meta: '{"key":7}' }), "'key' in field 'meta' is not a string"],
    ['with a time that is no time', entry({ meta: '{"time":"swordfish"}' }), "'time' in field 'meta'"],
    ['with a time that is a number', entry({ meta: '{"time":1700000000000}' }), "'time' in field 'meta'"],
    ['with time null', entry({ meta: '{"time":null}' }), "'time' in field 'meta'"],
    ['with headers that are a list', entry({ meta: '{"headers":["x"]}' }), "'headers' in field 'meta'"],
    ['with headers null', entry({ meta: '{"headers":null}' }), "'headers' in field 'meta'"],
    ['with a header that is no text', entry({ meta: '{"headers":{"a":1}}' }), "'headers' in field 'meta'"],
    ['with __proto__ in data', entry({ data: '{"a":{"__proto__":{}}}' }), "Field 'data' has a key '__proto__'"],
    [
      'with __proto__ escaped',
      entry({ data: '{"\\u005f\\u005fproto\\u005f_":{}}' }),
      "Field 'data' has a key '__proto__'",
    ],
    [
      'with __proto__ escaped in capitals',
      entry({ data: '{"\\u005F_pr\\u006Fto__":1}' }),
      "Field 'data' has a key '__proto__'",
    ],
    ['with __proto__ in meta', entry({ meta: '{"__proto__":{"key":"x"}}' }), "Field 'meta' has a key '__proto__'"],
    [
      'with __proto__ in headers',
      entry({ meta: '{"headers":{"__proto__":"x"}}' }),
      "Field 'meta' has a key '__proto__'",
    ],
    ['with constructor.prototype', entry({ data: '[{"constructor":{"prototype":{}}}]' }), "'constructor.prototype'"],
    [
      'with constructor.prototype escaped',
      entry({ data: '{"c\\u006fnstructor":{"\\u0070rototype":{}}}' }),
      "'constructor.prototype'",
    ],
  ])('%s', (_name, fields, reason) => {
    expect(() => decodeFields('5-0', fields)).toThrow(undecodable(reason));
    expect(() => decodeFields('5-0', fields)).not.toThrow(/swordfish/);
  });

  test('with an empty time, from the first entry of a process on', async () => {
    await jest.isolateModulesAsync(async () => {
      const fresh = await import('../src/index.js');
      for (let round = 0; round < 2; round += 1) {
        expect(() => fresh.decodeFields('5-0', entry({ meta: '{"time":""}' }))).toThrow(
          undecodable("'time' in field 'meta'"),
        );
        fresh.decodeFields('5-0', entry());
      }
    });
  });

  test('and whatever it holds, nothing but UndecodableEntryError comes of it', () => {
    const value = fc.oneof(
      fc.constantFrom(
        'id',
        'type',
        'meta',
        'data',
        '',
        '{}',
        '[]',
        'null',
        '1',
        '"x"',
        '{"headers":{}}',
        '{"time":"x"}',
      ),
      fc.json(),
      fc.string(),
      fc.uint8Array(),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), (fields) => {
        try {
          const event = decodeFields('5-0', fields);
          expect([typeof event.id, typeof event.type, typeof event.timeMs]).toEqual(['string', 'string', 'number']);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EVENTS_UNDECODABLE' });
        }
      }),
      { numRuns: 300 },
    );
  });
});
