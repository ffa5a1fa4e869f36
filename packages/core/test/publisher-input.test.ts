import { describe, expect, test } from '@jest/globals';
import { EventPublisher, type PublisherOptions, type PublishOptions } from '../src/index.js';
import { publishing } from './support/publishing.js';
import { StubTransport } from './support/stub-transport.js';

const transport = new StubTransport();
const good = { transport, source: 'tests' };

describe('options that cannot work are refused, each by its name', () => {
  test.each<[string, unknown, string, string]>([
    ['nothing at all', undefined, 'EVENTS_OPTIONS', 'EventPublisher takes an object of options'],
    ['null', null, 'EVENTS_OPTIONS', 'EventPublisher takes an object of options'],
    ['an unknown option', { ...good, maxInflight: 1 }, 'EVENTS_OPTIONS', '"maxInflight"'],
    ['an option of a later version', { ...good, tracing: {} }, 'EVENTS_OPTIONS', '"tracing"'],
    ['no transport', { source: 'tests' }, 'EVENTS_OPTIONS', 'needs a transport'],
    ['a Redis client as transport', { ...good, transport: { xadd: () => {} } }, 'EVENTS_OPTIONS', 'needs a transport'],
    ['no source', { transport }, 'EVENTS_OPTIONS', "'source'"],
    ['an empty source', { ...good, source: '' }, 'EVENTS_OPTIONS', "'source'"],
    ['a source that is no text', { ...good, source: 7 }, 'EVENTS_OPTIONS', "'source'"],
    ['a bad prefix', { ...good, streamPrefix: 'a:b' }, 'EVENTS_OPTIONS', 'streamPrefix'],
    ['a bad default stream', { ...good, defaultStream: 'a b' }, 'EVENTS_STREAM_NAME', '"a b"'],
    ['a route to a bad stream', { ...good, routes: { a: 'x:dlq' } }, 'EVENTS_STREAM_NAME', '"x:dlq"'],
    ['a route of a bad pattern', { ...good, routes: { 'a*': 'x' } }, 'EVENTS_EVENT_TYPE', '"a*"'],
    ['a contract that is none', { ...good, events: { a: {} } }, 'EVENTS_OPTIONS', "contract of 'a'"],
    ['a contract of a bad type', { ...good, events: { 'a b': {} } }, 'EVENTS_EVENT_TYPE', '"a b"'],
    ['timeoutMs too small', { ...good, timeoutMs: 9 }, 'EVENTS_OPTIONS', 'timeoutMs'],
    ['timeoutMs too large', { ...good, timeoutMs: 3_600_001 }, 'EVENTS_OPTIONS', 'timeoutMs'],
    ['timeoutMs as text', { ...good, timeoutMs: '5000' }, 'EVENTS_OPTIONS', 'timeoutMs'],
    ['maxInFlight 0', { ...good, maxInFlight: 0 }, 'EVENTS_OPTIONS', 'maxInFlight'],
    ['half an event in flight', { ...good, maxInFlight: 1.5 }, 'EVENTS_OPTIONS', 'maxInFlight'],
    ['maxInFlightBytes negative', { ...good, maxInFlightBytes: -1 }, 'EVENTS_OPTIONS', 'maxInFlightBytes'],
    ['maxInFlightBytes infinite', { ...good, maxInFlightBytes: Infinity }, 'EVENTS_OPTIONS', 'maxInFlightBytes'],
    ['maxPayloadBytes 0', { ...good, maxPayloadBytes: 0 }, 'EVENTS_OPTIONS', 'maxPayloadBytes'],
    ['more than Redis can store', { ...good, maxPayloadBytes: 536_870_913 }, 'EVENTS_OPTIONS', 'maxPayloadBytes'],
    ['another overflow', { ...good, overflow: 'drop' }, 'EVENTS_OPTIONS', 'overflow'],
    ['retryUnknown as text', { ...good, retryUnknown: 'no' }, 'EVENTS_OPTIONS', 'retryUnknown'],
    ['an unknown durability', { ...good, durability: 'all' }, 'EVENTS_OPTIONS', 'durability'],
    ['durability without replicas', { ...good, durability: {} }, 'EVENTS_OPTIONS', 'durability.replicas'],
    ['no replica at all', { ...good, durability: { replicas: 0 } }, 'EVENTS_OPTIONS', 'durability.replicas'],
    ['fsync: false', { ...good, durability: { fsync: false } }, 'EVENTS_OPTIONS', 'durability.fsync'],
    ['a misspelt durability', { ...good, durability: { replica: 1 } }, 'EVENTS_OPTIONS', '"replica"'],
    [
      'a wait for replicas that leaves no time',
      { ...good, timeoutMs: 1_000, durability: { replicas: 1, timeoutMs: 251 } },
      'EVENTS_OPTIONS',
      'durability.timeoutMs must be a whole number from 1 to 250',
    ],
    ['an unknown recovery', { ...good, failoverRecovery: 'all' }, 'EVENTS_OPTIONS', 'failoverRecovery'],
    ['a recovery without window', { ...good, failoverRecovery: {} }, 'EVENTS_OPTIONS', 'republishWindowMs'],
    ['idempotent as text', { ...good, idempotent: 'yes' }, 'EVENTS_OPTIONS', 'idempotent'],
    [
      'a window that ends too soon',
      { ...good, idempotent: { windowMs: 9_999 } },
      'EVENTS_OPTIONS',
      'idempotent.windowMs',
    ],
    ['streamValidation as text', { ...good, streamValidation: 'strict' }, 'EVENTS_OPTIONS', 'streamValidation'],
    ['a logger that cannot log', { ...good, logger: {} }, 'EVENTS_OPTIONS', 'logger'],
  ])('%s', (_name, options, code, named) => {
    expect(() => new EventPublisher(options as PublisherOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(named) }),
    );
  });

  test('before anything of the transport is opened', () => {
    expect(transport.appenders).toEqual([]);
  });
});

describe('a bad call is refused with its own code, and nothing is sent', () => {
  const headers = (value: unknown) => ({ headers: value }) as PublishOptions;

  test.each<[string, unknown, unknown, unknown, string, string]>([
    ['an empty type', '', 1, {}, 'EVENTS_EVENT_TYPE', 'Event type ""'],
    ['a malformed type', 'order placed', 1, {}, 'EVENTS_EVENT_TYPE', '"order placed"'],
    ['a wildcard', 'order.*', 1, {}, 'EVENTS_EVENT_TYPE', '"order.*"'],
    ['a type that is no text', undefined, 1, {}, 'EVENTS_EVENT_TYPE', 'Event type'],
    ['a bad stream', 'a', 1, { stream: 'x y' }, 'EVENTS_STREAM_NAME', '"x y"'],
    ['a stream that is no text', 'a', 1, { stream: null }, 'EVENTS_STREAM_NAME', 'is not a string'],
    ['undefined data', 'a', undefined, {}, 'EVENTS_SERIALIZATION', 'it is undefined'],
    ['a BigInt', 'a', 1n, {}, 'EVENTS_SERIALIZATION', 'BigInt'],
    ['__proto__ in data', 'a', JSON.parse('{"__proto__":1}'), {}, 'EVENTS_SERIALIZATION', '__proto__'],
    ['a payload too large', 'a', 'x'.repeat(99), {}, 'EVENTS_PAYLOAD_TOO_LARGE', 'maxPayloadBytes is 100'],
    ['one too large only as UTF-8', 'a', 'ä'.repeat(50), {}, 'EVENTS_PAYLOAD_TOO_LARGE', 'has 102 bytes'],
    ['an unknown option', 'a', 1, { streams: 'x' }, 'EVENTS_OPTIONS', "'streams'"],
    ['null as options', 'a', 1, null, 'EVENTS_OPTIONS', 'options'],
    ['a text as options', 'a', 1, 'orders', 'EVENTS_OPTIONS', 'option'],
    ['a key that is no text', 'a', 1, { key: 7 }, 'EVENTS_OPTIONS', "'key'"],
    ['an empty id', 'a', 1, { id: '' }, 'EVENTS_OPTIONS', "'id'"],
    ['an id that is no text', 'a', 1, { id: 7 }, 'EVENTS_OPTIONS', "'id'"],
    ['a time that is no Date', 'a', 1, { time: 1_700_000_000 }, 'EVENTS_OPTIONS', "'time'"],
    ['an invalid Date', 'a', 1, { time: new Date(Number.NaN) }, 'EVENTS_OPTIONS', "'time'"],
    ['headers that are no object', 'a', 1, headers('x'), 'EVENTS_OPTIONS', "'headers'"],
    ['headers null', 'a', 1, headers(null), 'EVENTS_OPTIONS', "'headers'"],
    ['a list of headers', 'a', 1, headers(['x']), 'EVENTS_OPTIONS', "'headers'"],
    ['a header that is no text', 'a', 1, headers({ traceparent: 7 }), 'EVENTS_OPTIONS', "'traceparent'"],
    ['a header __proto__', 'a', 1, headers(JSON.parse('{"__proto__":"x"}')), 'EVENTS_OPTIONS', "'__proto__'"],
  ])('%s', async (_name, type, data, options, code, reason) => {
    const { publisher, appender } = publishing({ maxPayloadBytes: 100 });
    const call = publisher.publish(type as string, data, options as PublishOptions);
    await expect(call).rejects.toMatchObject({
      code,
      outcome: 'not-stored',
      retryable: false,
      message: expect.stringContaining(reason),
    });
    await publisher.flush();
    expect(appender.calls).toEqual([]);
  });

  test('no stream at all', async () => {
    const { publisher, appender } = publishing({ defaultStream: undefined, routes: { 'order.*': 'orders' } });
    await expect(publisher.publish('payment.made', 1)).rejects.toMatchObject({
      code: 'EVENTS_STREAM_NAME',
      outcome: 'not-stored',
      message: expect.stringContaining("No stream for 'payment.made'"),
    });
    expect(appender.calls).toEqual([]);
  });

  test('a payload as large as it may be is sent', async () => {
    const { publisher, appender } = publishing({ maxPayloadBytes: 100 });
    appender.storeAll();
    await expect(publisher.publish('a', 'x'.repeat(98))).resolves.toMatchObject({ status: 'stored' });
    await expect(publisher.publish('a', 'ä'.repeat(49))).resolves.toMatchObject({ status: 'stored' });
  });

  test('and the payload stands in no message', async () => {
    const { publisher } = publishing({ maxPayloadBytes: 20 });
    const refusals = [
      publisher.publish('a', { password: 'swordfish', size: 'x'.repeat(20) }),
      publisher.publish('a', { password: 'swordfish', amount: 1n }),
      publisher.publish('a', { toJSON: () => undefined, password: 'swordfish' }),
    ];
    for (const refusal of refusals) {
      await expect(refusal).rejects.not.toMatchObject({ message: expect.stringContaining('swordfish') });
    }
  });
});

describe('an event goes', () => {
  test('to the stream of the call, else of its route, else to the default stream, each behind the prefix', async () => {
    const { publisher, appender } = publishing({
      streamPrefix: 'prod',
      defaultStream: 'rest',
      routes: { 'order.*': 'orders', 'order.paid': 'payments' },
    });
    appender.storeAll();
    const streams = await Promise.all([
      publisher.publish('order.placed', 1),
      publisher.publish('order.paid', 1),
      publisher.publish('customer.created', 1),
      publisher.publish('order.placed', 1, { stream: 'special:{eu}' }),
    ]);
    expect(streams.map(({ stream }) => stream)).toEqual([
      'prod:orders',
      'prod:payments',
      'prod:rest',
      'prod:special:{eu}',
    ]);
    expect(appender.calls[0]?.entries.map(({ stream }) => stream)).toEqual(streams.map(({ stream }) => stream));
  });

  test('with a random id and the time of the call, unless it brings its own', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const before = Date.now();
    const receipts = await Promise.all([
      publisher.publish('a', 1),
      publisher.publish('a', 1),
      publisher.publish('a', 1, { id: 'x' }),
    ]);
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(3);
    expect(receipts[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(receipts[2]).toEqual({
      id: 'x',
      type: 'a',
      stream: 'orders',
      entryId: expect.any(String),
      status: 'stored',
    });
    const meta = JSON.parse(String(appender.calls[0]?.entries[0]?.fields[5]));
    expect(Date.parse(meta.time)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(meta.time)).toBeLessThanOrEqual(Date.now());
  });

  test('as it was when publish was called, whatever the caller does to it afterwards', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const data = { total: 1 };
    const call = publisher.publish('a', data);
    data.total = 2;
    await call;
    expect(appender.calls[0]?.entries[0]?.fields[7]).toBe('{"total":1}');
  });
});
