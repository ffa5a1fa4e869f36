import { type EventAttributes, EventConsumer, EventPublisher } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { describe, expect, test } from '@jest/globals';
import { CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import { cloudEventsCodec } from '../src/index.js';

/** Any JSON value but those that are refused for their keys. */
const jsonValue = fc.jsonValue().filter((value) => !/__proto__|"constructor"/.test(JSON.stringify(value)));

const event: EventAttributes = {
  id: 'e-1',
  type: 'order.placed',
  source: 'orders service',
  time: new Date('2026-01-02T03:04:05.678Z'),
  key: 'o-1',
  headers: { traceparent: '00-1-2-03', 'Content-Language': 'en', id: 'forged', data: 'forged' },
};
const there = (data: unknown) => cloudEventsCodec.encode(data, event);
const back = (stored: string | Uint8Array) => cloudEventsCodec.decode(stored, event);

/** What the official SDK reads, and checks against the specification. */
function read(stored: unknown): CloudEvent {
  const headers = { 'content-type': 'application/cloudevents+json' };
  const found = HTTP.toEvent({ headers, body: String(stored) }) as CloudEvent;
  expect(found.validate()).toBe(true);
  return found;
}

describe('the official SDK reads', () => {
  test('the event, with its attributes', () => {
    const found = read(there({ total: 42 }).stored);
    expect(found.toJSON()).toEqual({
      specversion: '1.0',
      id: 'e-1',
      type: 'order.placed',
      source: 'orders%20service',
      time: '2026-01-02T03:04:05.678Z',
      subject: 'o-1',
      datacontenttype: 'application/json',
      traceparent: '00-1-2-03',
      data: { total: 42 },
    });
  });

  test('any JSON value', () => {
    fc.assert(
      fc.property(jsonValue, (data) => {
        const { stored } = there(data);
        const expected = JSON.parse(JSON.stringify(data));
        expect(JSON.parse(String(stored)).data).toEqual(expected);
        if (data !== null && typeof data === 'object') expect(read(stored).data).toEqual(expected);
        expect(back(stored)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('an event without a key, which has no subject', () => {
    for (const key of [undefined, '']) {
      const { stored } = cloudEventsCodec.encode(1, { ...event, key, headers: {} });
      expect(read(stored).subject).toBeUndefined();
    }
  });
});

describe('what the official SDK writes is read', () => {
  const written = (given: object) =>
    String(HTTP.structured(new CloudEvent({ id: 'e-1', type: 'order.placed', source: '/shop', ...given })).body);

  test.each<[string, object, unknown]>([
    ['an object', { data: { total: 42 } }, { total: 42 }],
    ['a text', { data: 'text', datacontenttype: 'text/plain' }, 'text'],
    ['nothing', {}, null],
    ['extensions, which are left aside', { data: [1], traceparent: 'x' }, [1]],
  ])('with %s', (_name, given, data) => {
    expect(back(written(given))).toEqual(data);
  });

  test('with bytes', () => {
    expect(back(written({ data_base64: Buffer.from([0, 255]).toString('base64') }))).toEqual(Uint8Array.of(0, 255));
  });
});

describe('is undecodable:', () => {
  const document = { specversion: '1.0', id: 'e-1', type: 'order.placed', source: '/shop', data: 1 };

  test.each<[string, unknown, string]>([
    ['no JSON', '{"specversion"', 'not valid JSON'],
    ['bytes', Uint8Array.of(0xff), 'UTF-8'],
    ['no object', '[1]', 'a JSON object'],
    ['another version', { ...document, specversion: '0.3' }, "specversion '1.0'"],
    ['another event', { ...document, id: 'e-2' }, 'id and type'],
    ['another type', { ...document, type: 'order.paid' }, 'id and type'],
    ['no source', { ...document, source: undefined }, 'no source'],
    ['two kinds of data', { ...document, data_base64: 'AA==' }, 'both'],
    ['no Base64', { ...document, data: undefined, data_base64: 'A' }, 'Base64'],
    ['a key that pollutes', '{"specversion":"1.0","data":{"__proto__":1}}', '__proto__'],
  ])('%s', (_name, given, message) => {
    const stored = typeof given === 'string' || given instanceof Uint8Array ? given : JSON.stringify(given);
    expect(() => back(stored)).toThrow(
      expect.objectContaining({ code: 'EVENTS_UNDECODABLE', message: expect.stringContaining(message) }),
    );
  });

  test('whatever else there is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array()), (stored) => {
        expect(() => back(stored)).toThrow(expect.objectContaining({ code: 'EVENTS_UNDECODABLE' }));
      }),
      { numRuns: 1_000 },
    );
  });
});

test('what JSON would lose is refused, and a Date is said to become text', () => {
  expect(() => there({ price: Number.NaN })).toThrow(
    expect.objectContaining({ code: 'EVENTS_SERIALIZATION', message: expect.stringContaining("'price'") }),
  );
  expect(there({ at: new Date(0) }).isSame).toBe(false);
  expect(there({ at: 'x' }).isSame).toBe(true);
});

test('a publisher writes it, and a consumer reads it', async () => {
  const transport = new MemoryTransport();
  const publisher = new EventPublisher({
    transport,
    source: 'tests',
    defaultStream: 's',
    trimStrategy: { enabled: false },
    codec: cloudEventsCodec,
  });
  const consumer = new EventConsumer({ transport, stream: 's', group: 'g', codecs: [cloudEventsCodec] });
  const handled: unknown[] = [];
  await consumer.subscribe('*', ({ data, key }) => void handled.push([data, key])).start();
  await publisher.publish('order.placed', { total: 42 }, { key: 'o-1' });
  while (handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(handled).toEqual([[{ total: 42 }, 'o-1']]);
  await consumer.stop();
  await publisher.close();
  await transport.close();
});
