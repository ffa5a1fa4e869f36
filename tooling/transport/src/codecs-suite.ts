import { gzipSync } from 'node:zlib';
import { cloudEventsCodec } from '@events/codec-cloudevents';
import { msgpackCodec } from '@events/codec-msgpack';
import {
  type Codec,
  EventConsumer,
  EventPublisher,
  jsonCodec,
  type PublisherOptions,
  type Transport,
} from '@events/core';
import { until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const logger = { warn() {}, error() {} };
const codecs = [msgpackCodec, cloudEventsCodec];

/** JSON values, in texts of all planes, but for keys that are refused and what JSON itself does not tell apart. */
const jsonValue = fc
  .jsonValue({ stringUnit: 'binary', maxDepth: 4 })
  .filter((value) => !/__proto__|"constructor"/.test(JSON.stringify(value)))
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const text = fc.string({ unit: 'binary', maxLength: 40 });

interface Sent {
  readonly data: unknown;
  readonly key: string;
  readonly header: string;
}

/** What is written with each codec comes back through a server and a client; what nobody wrote ends nothing. */
export function codecsSuite(kit: TransportKit): void {
  describe(`${kit.name}, codecs`, () => {
    const laboratory = new Laboratory(kit);

    async function consuming(transport: Transport) {
      const consumer = new EventConsumer({ transport, stream, group: 'g', codecs, logger, maxPayloadBytes: 1_000_000 });
      laboratory.keep(consumer, () => consumer.stop({ timeoutMs: 0 }));
      const handled = new Map<string, Sent>();
      const letters: unknown[] = [];
      const errors: unknown[] = [];
      consumer.on('deadLettered', ({ reason }) => void letters.push(reason));
      consumer.on('error', (error) => void errors.push(error));
      consumer.subscribe('*', ({ id, data, key, headers }) => {
        handled.set(id, { data, key: key ?? '', header: headers.h ?? '' });
      });
      await consumer.start();
      return { handled, letters, errors };
    }

    function publisherWith(transport: Transport, options: Partial<PublisherOptions>): EventPublisher {
      const trimStrategy = { enabled: false };
      const publisher = new EventPublisher({
        transport,
        source: 'suite',
        defaultStream: stream,
        trimStrategy,
        ...options,
      });
      return laboratory.keep(publisher, () => publisher.close());
    }

    test.each<[string, Codec, Partial<PublisherOptions>]>([
      ['JSON', jsonCodec, {}],
      ['JSON, packed with gzip', jsonCodec, { compression: { aboveBytes: 0 } }],
      ['JSON, packed with Brotli', jsonCodec, { compression: { aboveBytes: 0, encoding: 'br' } }],
      ['MessagePack', msgpackCodec, {}],
      ['MessagePack, packed', msgpackCodec, { compression: { aboveBytes: 0 } }],
      ['CloudEvents', cloudEventsCodec, {}],
    ])('any JSON value comes back as it was: %s', async (_name, codec, options) => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const publisher = publisherWith(transport, { codec, ...options });
      const { handled, letters, errors } = await consuming(transport);
      const sent = new Map<string, Sent>();
      const values = fc.sample(fc.tuple(jsonValue, text, text), 400);
      await Promise.all(
        values.map(async ([data, key, header], index) => {
          sent.set(`e-${index}`, { data, key, header });
          return publisher.publish('any.value', data, { id: `e-${index}`, key, headers: { h: header } });
        }),
      );
      await until(async () => handled.size + letters.length === values.length);
      expect([letters, errors]).toEqual([[], []]);
      for (const [id, event] of sent) expect([id, handled.get(id)]).toEqual([id, event]);
    });

    test('any garbage ends in the dead letters, never in a handler, and ends nothing else', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const { handled, letters, errors } = await consuming(transport);
      const entries = fc.sample(garbage, 600);
      for (const fields of entries) await server.command('XADD', stream, '*', ...fields);
      const publisher = publisherWith(transport, {});
      await publisher.publish('any.value', 'the last one', { id: 'last' });
      await until(async () => letters.length + handled.size === entries.length + 1, { timeoutMs: 25_000 });
      expect([...handled.keys()]).toEqual(['last']);
      expect(new Set(letters)).toEqual(new Set(['undecodable']));
      expect(errors).toEqual([]);
      expect(await server.command('XLEN', '{orders}:dlq')).toBe(entries.length);
      await until(async () => ((await server.command('XPENDING', stream, 'g')) as unknown[])[0] === 0);
    });
  });
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((each) => Uint8Array.from(each));
const meta = (value: object) => JSON.stringify(value);
const entry = (metaText: string | Uint8Array, data: string | Uint8Array) => [
  'id',
  'e',
  'type',
  't',
  'meta',
  metaText,
  'data',
  data,
];
const isJson = (given: string | Uint8Array) => {
  try {
    JSON.parse(Buffer.from(given).toString());
    return true;
  } catch {
    return false;
  }
};

/** What is no event, by whatever way it is none. */
const garbage: fc.Arbitrary<(string | Uint8Array)[]> = fc.oneof(
  // names and values that mean nothing
  fc
    .array(
      fc.tuple(
        text.map((name) => `x${name}`),
        fc.oneof(text, bytes),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((pairs) => pairs.flat()),
  // an event, nearly
  fc.constantFrom<(string | Uint8Array)[]>(
    ['id', 'e', 'type', 't'],
    ['id', '', 'type', 't', 'data', '1'],
    ['type', 't', 'data', '1'],
    ['id', 'e', 'data', '1'],
    ['id', Uint8Array.of(0xff), 'type', 't', 'data', '1'],
    ['id', 'e', 'type', Uint8Array.of(0xc3), 'data', '1'],
  ),
  // no JSON where JSON must be
  fc
    .oneof(text, bytes)
    .filter((data) => !isJson(data))
    .map((data) => entry('{}', data)),
  fc
    .oneof(text, bytes)
    .filter((data) => !isJson(data))
    .map((data) => entry(data, '1')),
  fc
    .constantFrom('[]', '1', 'null', '{"key":1}', '{"time":"yesterday"}', '{"headers":[1]}', '{"headers":{"a":1}}')
    .map((given) => entry(given, '1')),
  fc.constantFrom('{"__proto__":1}', '{"a":{"constructor":{"prototype":{}}}}').map((data) => entry('{}', data)),
  fc.constantFrom(0, -1, 1.5, '1', null).map((version) => entry(meta({ version }), '1')),
  // other media types and packings, with anything behind them
  fc
    .tuple(fc.constantFrom('text/plain', '', 'application/JSON', 'toString'), fc.oneof(text, bytes))
    .map(([contentType, data]) => entry(meta({ contentType }), data)),
  fc
    .tuple(fc.constantFrom('gzip', 'br', 'deflate', 'zip', '__proto__'), bytes)
    .map(([contentEncoding, data]) => entry(meta({ contentEncoding }), Buffer.concat([Uint8Array.of(0xff), data]))),
  fc.constant(entry(meta({ contentEncoding: 'gzip' }), gzipSync(Buffer.alloc(5_000_000)))),
  fc.oneof(text, bytes).map((data) => entry(meta({ contentType: 'application/cloudevents+json' }), data)),
  // 0xc1 is never used in MessagePack
  bytes.map((data) =>
    entry(meta({ contentType: 'application/vnd.msgpack' }), Buffer.concat([Uint8Array.of(0xc1), data])),
  ),
);
