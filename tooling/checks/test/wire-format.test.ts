// apps/docs/wire-format.md is a specification: its examples are what the code writes and reads.
import { once } from 'node:events';
import {
  companionKey,
  decodeFields,
  EventConsumer,
  EventPublisher,
  type Fields,
  jsonCodec,
  type StandardSchema,
  versioned,
} from '@events/core';
import { RedisTransport } from '@events/redis-ioredis';
import { startRedis, until } from '@events/tooling-redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { fencedBlocks, section, tableRows } from './support/markdown.js';
import { readPage } from './support/pages.js';
import { rawLines, redisCommands } from './support/shell.js';

const page = readPage('apps/docs/wire-format.md').text;
const code = (text = ''): string => text.replaceAll('`', '');
const firstColumn = (heading: string, table = 0): string[] =>
  tablesOf(section(page, heading))[table]?.flatMap(([cell = '']) => code(cell).split(', ')) ?? [];
const commandsOf = (heading: string): string[][] =>
  fencedBlocks(section(page, heading))
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code: lines }) => redisCommands(lines));
const jsonOf = (heading: string): Record<string, unknown> => {
  const block = fencedBlocks(section(page, heading)).find(({ language }) => language === 'json');
  return JSON.parse(block?.code ?? '') as Record<string, unknown>;
};

function tablesOf(text: string): string[][][] {
  return text
    .split(/\n\n/)
    .map(tableRows)
    .filter((rows) => rows.length > 0);
}

let server: Awaited<ReturnType<typeof startRedis>>;
let transport: RedisTransport;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  await server.command('FLUSHALL');
  transport = new RedisTransport({ url: server.url });
});

afterEach(async () => {
  await transport.close();
});

const [add = [], read = []] = commandsOf('An event is one entry');

test('the XADD line writes what the XRANGE line is said to print', async () => {
  await server.command(...add);
  const printed =
    fencedBlocks(page)
      .find(({ language }) => language === 'text')
      ?.code.split('\n') ?? [];
  const [entryId, ...lines] = rawLines(await server.command(...read));
  expect(entryId).toMatch(/^\d+-\d+$/);
  expect(lines).toEqual(printed.slice(1));
});

test('the XADD line is an event, as every member of it says', () => {
  const fields = add.slice(3);
  expect(fields.filter((_, index) => index % 2 === 0)).toEqual(firstColumn('An event is one entry'));
  expect(decodeFields('1-0', fields)).toEqual({
    id: '5f0f7c1e-6f0e-4a53-9f06-6d5f6b2a9a31',
    type: 'order.placed',
    source: 'legacy-shop',
    timeMs: Date.UTC(2026, 10, 23, 12),
    key: 'o-1',
    headers: {},
    version: 1,
    data: { total: 42 },
  });
});

test('a publisher writes the same fields and the same members of meta, in the same order', async () => {
  const any: StandardSchema = { '~standard': { version: 1, vendor: 'tests', validate: (value) => ({ value }) } };
  const publisher = new EventPublisher({
    transport,
    source: 'shop',
    defaultStream: 'orders',
    events: { 'order.placed': versioned(any).next(any, (data) => data) },
    codec: { ...jsonCodec, contentType: 'application/vnd.shop+json' },
    compression: { aboveBytes: 0 },
  });
  await publisher.publish('order.placed', { note: 'x'.repeat(99) }, { key: 'o-1', headers: { trace: 't-1' } });
  await publisher.close();
  const [[, fields]] = (await server.command('XRANGE', 'orders', '-', '+')) as [[string, string[]]];
  expect(fields.filter((_, index) => index % 2 === 0)).toEqual(firstColumn('An event is one entry'));
  expect(Object.keys(JSON.parse(fields[5] ?? '') as object)).toEqual(firstColumn('An event is one entry', 1));
});

describe('what the tables say of missing and unknown fields', () => {
  const complete: Readonly<Record<string, string>> = { id: 'e', type: 't', meta: '{}', data: '1' };
  const fieldsWithout = (name: string): Fields =>
    Object.entries(complete)
      .filter(([each]) => each !== name)
      .flat();

  test.each(tablesOf(section(page, 'An event is one entry'))[0] ?? [])('without %s', (name, _value, missing) => {
    const decode = () => decodeFields('1795435200000-0', fieldsWithout(code(name)));
    if (missing === 'undecodable') expect(decode).toThrow(expect.objectContaining({ code: 'EVENTS_UNDECODABLE' }));
    else expect(decode()).toEqual(decodeFields('1795435200000-0', [...fieldsWithout('meta'), 'meta', '{}']));
  });

  test('without any member of meta', () => {
    const { source, timeMs, key, headers, version } = decodeFields('1795435200000-0', fieldsWithout('meta'));
    expect({ source, timeMs, key, headers, version }).toEqual({
      version: 1,
      source: '',
      timeMs: 1_795_435_200_000,
      key: undefined,
      headers: {},
    });
  });

  test('the order does not matter, what is unknown is ignored, and the first of two counts', () => {
    const fields = ['more', 'x', 'data', '1', 'data', '2', 'meta', '{"more":1,"key":"k"}', 'type', 't', 'id', 'e'];
    expect(decodeFields('1-0', fields)).toMatchObject({ id: 'e', type: 't', key: 'k', data: 1 });
  });

  test.each([
    ['a value that is not UTF-8', { type: Uint8Array.of(0xff) }],
    ['JSON that does not parse', { data: '{' }],
    ['meta that is not an object', { meta: '[]' }],
    ['a member of another type', { meta: '{"key":1}' }],
    ['a time that is none', { meta: '{"time":"yesterday"}' }],
    ['headers that are not strings', { meta: '{"headers":{"a":1}}' }],
    ['an empty id', { id: '' }],
    ['an empty type', { type: '' }],
    ['a key __proto__', { data: '{"a":[{"__proto__":1}]}' }],
    ['a key __proto__, escaped', { data: '{"a":{"\\u005f_proto__":1}}' }],
    ['a key constructor.prototype', { data: '{"constructor":{"prototype":1}}' }],
  ])('undecodable: %s', (_what, part) => {
    expect(() => decodeFields('1-0', Object.entries({ ...complete, ...part }).flat())).toThrow(
      expect.objectContaining({ code: 'EVENTS_UNDECODABLE' }),
    );
  });
});

test.each(tablesOf(section(page, 'Keys'))[0] ?? [])('the dead letters of %s are %s', (stream, deadLetters) => {
  expect(companionKey(code(stream), 'dlq')).toBe(code(deadLetters));
});

describe('an event that fails for good', () => {
  const found = { record: '', keys: [] as string[], fields: [] as string[] };

  beforeEach(async () => {
    await server.command(...add);
    const options = {
      stream: 'orders',
      group: 'billing',
      maxRetries: 1,
      recoveryStrategy: () => 300,
      deduplicate: true,
    };
    const consumer = new EventConsumer({ ...options, transport });
    consumer.subscribe('order.placed', () => {
      throw new Error('The bank is closed');
    });
    consumer.subscribe('order.paid', () => undefined);
    const deadLettered = once(consumer, 'deadLettered');
    await consumer.start();
    await new EventPublisher({ transport, source: 'shop', defaultStream: 'orders' }).publish('order.paid', null);
    const records = async () => (await server.command('HVALS', '{orders}:retry:billing')) as string[];
    found.record = (await until(async () => (await records())[0])) ?? '';
    await until(async () => ((await server.command('KEYS', '*dedup*')) as string[]).length > 0);
    found.keys = (await server.command('KEYS', '{orders}:*')) as string[];
    await deadLettered;
    found.keys.push(...((await server.command('KEYS', '{orders}:dlq')) as string[]));
    await consumer.stop();
    const [[, fields]] = (await server.command('XRANGE', '{orders}:dlq', '-', '+')) as [[string, string[]]];
    found.fields = fields;
  });

  test('has a retry record and a dead letter with the members described, in the order described', () => {
    expect(shapeOf(JSON.parse(found.record))).toEqual(shapeOf(jsonOf('Retry records')));
    expect(found.fields.slice(0, -2)).toEqual(add.slice(3));
    expect(found.fields.at(-2)).toBe('deadLetter');
    const provenance = JSON.parse(found.fields.at(-1) ?? '') as Record<string, unknown>;
    expect(shapeOf(provenance)).toEqual(shapeOf(jsonOf('Dead letters')));
    expect(provenance).toMatchObject({ reason: 'retries-exhausted', attempts: 2, stream: 'orders', group: 'billing' });
    const always = firstColumn('Dead letters').filter((member) => member !== 'issues');
    expect(Object.keys(provenance)).toEqual(always);
  });

  test('leaves the keys described, each of them once, and no other', () => {
    const suffixes = found.keys.map((key) => key.replace('{orders}:', ''));
    const described = firstColumn('Keys', 1).map((suffix) => suffix.replace('<group>', 'billing'));
    const patterns = described.map((suffix) => new RegExp(`^${suffix.replace(/<\w+>/, '[\\w.-]+')}$`));
    const matched = patterns.map((pattern) => suffixes.filter((suffix) => pattern.test(suffix)).length);
    expect(matched).toEqual(patterns.map(() => 1));
    expect(suffixes).toHaveLength(patterns.length);
  });
});

test('a partitioned stream has the keys described, and no other', async () => {
  const options = { transport, streamPrefix: 'prod', partitions: 4 };
  const publisher = new EventPublisher({ ...options, source: 'shop', defaultStream: 'orders' });
  const consumer = new EventConsumer({ ...options, stream: 'orders', group: 'billing', ordering: 'key' });
  const handled = new Promise<void>((resolve) => {
    consumer.subscribe('*', () => resolve());
  });
  await consumer.start();
  await publisher.publish('order.paid', null, { key: 'o-1' });
  await handled;
  const found = (await server.command('KEYS', '*')) as string[];
  // every stream has them, partitions too
  const keys = found.filter((key) => !key.endsWith(':groups'));
  const lease = (await server.command('HGETALL', '{prod:orders:p3}:partitions:billing')) as string[];
  await consumer.stop();
  await publisher.close();
  const described = firstColumn('Partitions', 1).map((key) => key.replace('<group>', 'billing'));
  expect(described).toHaveLength(3);
  const forms = new Set(keys.map((key) => key.replace(/:p\d/, ':p3')));
  expect([...forms].sort()).toEqual([...described, 'prod:orders:p3'].sort());
  expect(keys).toHaveLength(10);
  expect(found).toHaveLength(14);
  const fields = lease.filter((_, index) => index % 2 === 0);
  for (const field of fields) expect(section(page, 'Partitions')).toContain(`\`${field}\``);
  expect(fields.length).toBeGreaterThanOrEqual(3);
});

test('an undecodable entry becomes a dead letter, byte for byte', async () => {
  await server.command('XADD', 'orders', '*', 'strange', Buffer.of(0xff, 0x00));
  const consumer = new EventConsumer({ transport, stream: 'orders', group: 'billing' });
  consumer.subscribe('*', () => undefined);
  const deadLettered = once(consumer, 'deadLettered');
  await consumer.start();
  expect((await deadLettered)[0]).toMatchObject({ reason: 'undecodable' });
  await consumer.stop();
  const inspector = transport.inspector();
  const [entry] = await inspector.range('{orders}:dlq', '-', '+', 1);
  await inspector.close();
  expect(entry?.fields?.slice(0, 3)).toEqual(['strange', Uint8Array.of(0xff, 0x00), 'deadLetter']);
});

/** The members of a value in their order, with the types of their values. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([name, member]) => [name, shapeOf(member)]);
}
