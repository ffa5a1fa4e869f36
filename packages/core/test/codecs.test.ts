import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Codec,
  decodeFields,
  type Fields,
  jsonCodec,
  SerializationError,
  type StandardSchema,
  UndecodableEntryError,
} from '../src/index.js';
import { ConsumingStage } from './support/consuming.js';
import { publishing } from './support/publishing.js';
import { until, useVirtualTime } from './support/virtual-time.js';

/** Any JSON value but those that are refused for their keys. */
const jsonValue = fc.jsonValue().filter((value) => !/__proto__|"constructor"/.test(JSON.stringify(value)));

useVirtualTime();

/** Text back to front, as bytes that are no UTF-8. */
const reversing: Codec = {
  contentType: 'text/x-reversed',
  encode: (data) => ({ stored: Uint8Array.from([0xff, ...Buffer.from(String(data)).reverse()]), isSame: true }),
  decode: (stored) => {
    if (typeof stored === 'string' || stored[0] !== 0xff) throw new UndecodableEntryError('not reversed');
    return Buffer.from(stored.subarray(1)).reverse().toString();
  },
};

function codecThat(parts: Partial<Codec>): Codec {
  return { ...reversing, contentType: 'text/x-odd', ...parts };
}

async function storedBy(options: object, data: unknown, publishOptions: object = {}): Promise<Fields> {
  const { publisher, appender } = publishing(options);
  appender.storeAll();
  await publisher.publish('a', data, { id: 'e-1', time: new Date(5), ...publishOptions });
  return appender.calls[0]?.entries[0]?.fields as Fields;
}

async function consuming(options: object) {
  const stage = new ConsumingStage(options);
  const handled: unknown[] = [];
  await stage.consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
  return { stage, handled };
}

describe('a codec', () => {
  test('writes what another reads, and the entry says which', async () => {
    const fields = await storedBy({ codec: reversing }, 'swordfish', { key: 'k' });
    expect(JSON.parse(String(fields[5]))).toMatchObject({ key: 'k', contentType: 'text/x-reversed' });
    expect(fields[7]).toEqual(Uint8Array.from([0xff, ...Buffer.from('hsifdrows')]));
    const { stage, handled } = await consuming({ codecs: [reversing] });
    stage.stream.add(fields, await storedBy({}, 'plain JSON'), await storedBy({ codec: jsonCodec }, 'too'));
    await until(() => handled.length === 3);
    expect(handled).toEqual(['swordfish', 'plain JSON', 'too']);
    expect(decodeFields('1-0', fields, { codecs: [reversing] })).toMatchObject({ id: 'e-1', data: 'swordfish' });
  });

  test('is told of the event', async () => {
    const told: unknown[] = [];
    const codec = codecThat({
      encode: (data, event) => {
        told.push(event);
        return reversing.encode(data, event);
      },
      decode: (stored, { id, type, time, headers }) => {
        told.push([id, type, time, { ...headers }]);
        return reversing.decode(stored, {} as never);
      },
    });
    const fields = await storedBy({ codec }, 'x', { headers: { h: 'v' } });
    const { stage, handled } = await consuming({ codecs: [codec] });
    stage.stream.add(fields);
    await until(() => handled.length === 1);
    expect(told).toEqual([
      { id: 'e-1', type: 'a', source: 'tests', time: new Date(5), key: undefined, headers: { h: 'v' } },
      ['e-1', 'a', new Date(5), { h: 'v' }],
    ]);
  });

  test.each<[string, Partial<Codec>]>([
    [
      'throws',
      {
        encode: () => {
          throw new Error('swordfish');
        },
      },
    ],
    [
      'refuses without an outcome',
      {
        encode: () => {
          throw new SerializationError('no');
        },
      },
    ],
    ['answers nothing', { encode: () => undefined as never }],
    ['answers with a number', { encode: () => ({ stored: 7 as never, isSame: true }) }],
  ])('that %s refuses the call', async (_name, parts) => {
    const { publisher, appender } = publishing({ codec: codecThat(parts) });
    const error = await publisher.publish('a', 'swordfish').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'EVENTS_SERIALIZATION', outcome: 'not-stored' });
    expect(String((error as Error).stack)).not.toContain('swordfish');
    expect(appender.calls).toEqual([]);
  });

  test('is asked what consumers will read, where that is something else', async () => {
    const codec = codecThat({
      encode: (data) => ({ stored: String(data), isSame: false }),
      decode: (stored) => `${String(stored)}!`,
    });
    const asked: unknown[] = [];
    const schema: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'tests',
        validate: (value) => {
          asked.push(value);
          return { value };
        },
      },
    };
    await storedBy({ codec, validation: { schema } }, 'a');
    expect(asked).toEqual(['a', 'a!']);
  });

  test.each<[string, Partial<Codec>]>([
    [
      'throws',
      {
        decode: () => {
          throw new Error('swordfish');
        },
      },
    ],
    [
      'says what is wrong',
      {
        decode: () => {
          throw new UndecodableEntryError('not mine');
        },
      },
    ],
  ])('that %s at an entry sends it to the dead letters', async (_name, parts) => {
    const { stage } = await consuming({ codecs: [codecThat(parts)] });
    stage.stream.add(await storedBy({ codec: codecThat({}) }, 'swordfish'));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'undecodable' })]);
    expect(JSON.stringify(stage.subscription.deadLettered)).not.toContain('swordfish');
  });

  test('that a consumer does not have is undecodable, and the error says which it has', async () => {
    const { stage } = await consuming({ codecs: [codecThat({})] });
    stage.stream.add(await storedBy({ codec: reversing }, 'x'));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({
        reason: 'undecodable',
        error: expect.objectContaining({ message: expect.stringContaining('application/json, text/x-odd') }),
      }),
    ]);
  });

  test.each<[string, object, string]>([
    ['without a content type', { codecs: [{ ...reversing, contentType: '' }] }, 'contentType'],
    ['with a content type in capitals', { codecs: [{ ...reversing, contentType: 'Text/X' }] }, 'contentType'],
    ['that cannot decode', { codecs: [{ ...reversing, decode: undefined }] }, 'decode'],
    ['given twice', { codecs: [reversing, { ...reversing }] }, 'two for text/x-reversed'],
    ['given without a list', { codecs: reversing }, 'array'],
    ['beside an impossible limit', { maxPayloadBytes: 0 }, 'maxPayloadBytes'],
  ])('%s is refused', (_name, options, message) => {
    expect(() => new ConsumingStage(options)).toThrow(message);
  });

  test('that is none is refused by a publisher', () => {
    expect(() => publishing({ codec: {} as Codec })).toThrow('contentType');
  });
});

describe('compression', () => {
  const large = { note: 'x'.repeat(10_000) };

  test.each([
    [true, 'gzip'],
    [{ encoding: 'br' }, 'br'],
    [{ aboveBytes: 10_000 }, 'gzip'],
  ] as const)('packs what is large: %p', async (compression, encoding) => {
    const fields = await storedBy({ compression }, large);
    expect(JSON.parse(String(fields[5]))).toMatchObject({ contentEncoding: encoding });
    expect((fields[7] as Uint8Array).length).toBeLessThan(200);
    const { stage, handled } = await consuming({});
    stage.stream.add(fields);
    await until(() => handled.length === 1);
    expect(handled).toEqual([large]);
    expect(decodeFields('1-0', fields).data).toEqual(large);
  });

  test.each<[string, object, unknown]>([
    ['what is small', { compression: true }, { note: 'x'.repeat(1_000) }],
    ['what is at the limit', { compression: { aboveBytes: 12 } }, { note: 'xy' }],
    ['what would not become smaller', { compression: { aboveBytes: 0 } }, 7],
    ['anything, unless it is asked for', {}, large],
  ])('leaves alone %s', async (_name, options, data) => {
    const fields = await storedBy(options, data);
    expect(fields[7]).toBe(JSON.stringify(data));
    expect(JSON.parse(String(fields[5]))).toEqual({ source: 'tests', time: expect.any(String) });
  });

  test('packs what a codec wrote', async () => {
    const fields = await storedBy({ codec: reversing, compression: true }, 'ab'.repeat(5_000));
    expect(JSON.parse(String(fields[5]))).toMatchObject({ contentType: 'text/x-reversed', contentEncoding: 'gzip' });
    expect(decodeFields('1-0', fields, { codecs: [reversing] }).data).toBe('ab'.repeat(5_000));
  });

  test('does not lift the limit on payloads', async () => {
    await expect(storedBy({ compression: true, maxPayloadBytes: 9_999 }, large)).rejects.toMatchObject({
      code: 'EVENTS_PAYLOAD_TOO_LARGE',
    });
  });

  test.each([true, { encoding: 'zip' }, { aboveBytes: -1 }, { level: 9 }, 'gzip'])(
    'takes options that make sense: %p',
    (compression) => {
      const open = () => publishing({ compression: compression as never });
      if (compression === true) expect(open).not.toThrow();
      else expect(open).toThrow(expect.objectContaining({ code: 'EVENTS_OPTIONS' }));
    },
  );

  const packed = (data: Fields[number], contentEncoding = 'gzip') => [
    ...['id', 'e', 'type', 'a', 'meta', JSON.stringify({ contentEncoding }), 'data'],
    data,
  ];

  test.each<[string, Fields, string]>([
    ['a bomb', packed(gzipSync(Buffer.alloc(20_000_000))), 'more than 1000000 bytes'],
    ['what is not packed', packed('{"total":1}'), 'not valid gzip'],
    ['what is cut off', packed(gzipSync('x'.repeat(9_999)).subarray(0, 20)), 'not valid gzip'],
    ['another packing', packed(gzipSync('1'), 'zip'), "neither 'gzip' nor 'br'"],
    ['a packing by the name of a method', packed(gzipSync('1'), 'toString'), "neither 'gzip' nor 'br'"],
    ['packed nonsense', packed(gzipSync('{"total":')), 'not valid'],
    ['packed bytes that are no text', packed(gzipSync(Buffer.from([0xff]))), 'not valid UTF-8'],
    ['bytes that nobody packed', ['id', 'e', 'type', 'a', 'data', Buffer.from([0xff])], 'not valid UTF-8'],
  ])('ends in the dead letters when it is %s', async (_name, fields, message) => {
    const { stage, handled } = await consuming({ maxPayloadBytes: 1_000_000 });
    stage.stream.add(fields);
    await until(() => stage.count('deadLettered') === 1);
    expect(handled).toEqual([]);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({
        reason: 'undecodable',
        error: expect.objectContaining({ message: expect.stringContaining(message) }),
      }),
    ]);
  });

  test('of any text by either packing comes back, also where the packed bytes are valid UTF-8', async () => {
    await fc.assert(
      fc.asyncProperty(jsonValue, fc.constantFrom('gzip', 'br'), async (data, encoding) => {
        const fields = [...(await storedBy({ compression: { encoding, aboveBytes: 0 } }, data))];
        const bytes = fields[7] as Uint8Array | string;
        if (typeof bytes !== 'string') {
          const text = new TextDecoder('utf-8', { ignoreBOM: true });
          if (Buffer.from(text.decode(bytes)).equals(bytes)) fields[7] = text.decode(bytes);
        }
        expect(decodeFields('1-0', fields).data).toEqual(JSON.parse(JSON.stringify(data)));
      }),
      { numRuns: 200 },
    );
  });
});
