import {
  EventConsumer,
  EventPublisher,
  keepUnread,
  maxAge,
  maxLength,
  type TrimPolicy,
  type TrimStrategy,
} from '@events/core';
import { MemoryTransport } from '@events/memory';
import { describe, expect, test } from '@jest/globals';
import { EventAdmin } from '../src/index.js';
import { idAfter, partitionIn, roleOf } from '../src/stream-keys.js';

async function stage(streamPrefix?: string) {
  const transport = new MemoryTransport();
  const admin = new EventAdmin({ transport, streamPrefix });
  const publish = async (stream: string, count: number, prefix = streamPrefix, partitions?: number) => {
    const options = { transport, source: 'tests', streamPrefix: prefix, partitions, trimStrategy: { enabled: false } };
    const publisher = new EventPublisher({ ...options, defaultStream: stream });
    await Promise.all(Array.from({ length: count }, (_, number) => publisher.publish('a', number)));
    await publisher.close();
  };
  const group = async (key: string, name: string, read = 0, acknowledged = 0) => {
    const subscription = transport.subscription({ stream: key, group: name, consumer: 'c' });
    await subscription.ensureGroup('beginning');
    await subscription.register(60_000);
    const entries = read === 0 ? [] : await subscription.read(read, 0);
    await subscription.acknowledge({ ids: entries.slice(0, acknowledged).map(({ id }) => id), postponed: [] });
    return subscription;
  };
  return { transport, admin, publish, group };
}

describe('streams', () => {
  test('lists what is in the environment, dead letters and partitions too, and nothing else', async () => {
    const { admin, publish, transport } = await stage('prod');
    await publish('orders', 3);
    // ids are random: so many leave no partition out
    await publish('mails', 64, 'prod', 2);
    await publish('orders', 5, 'staging');
    await publish('orders', 6, 'production');
    const consumer = new EventConsumer({ transport, streamPrefix: 'prod', stream: 'orders', group: 'billing' });
    const deadLettered = new Promise((resolve) => consumer.once('deadLettered', resolve));
    consumer.subscribe('*', ({ data }, context) => (data === 0 ? context.deadLetter('no') : undefined));
    await consumer.start();
    await deadLettered;
    await consumer.stop();
    const streams = await admin.streams();
    expect(
      streams.map(({ key, name, kind, partition, length, groups }) => [key, name, kind, partition, length, groups]),
    ).toEqual([
      ['prod:mails:p0', 'mails', 'events', 0, expect.any(Number), 0],
      ['prod:mails:p1', 'mails', 'events', 1, expect.any(Number), 0],
      ['prod:orders', 'orders', 'events', undefined, 3, 1],
      ['{prod:orders}:dlq', 'orders', 'deadLetters', undefined, 1, 0],
    ]);
    for (const { bytes } of streams) expect(bytes).toBeGreaterThan(0);
  });

  test('without a prefix, lists everything', async () => {
    const { admin, publish } = await stage();
    await publish('orders', 1, 'staging');
    await publish('x{tag}', 1);
    expect((await admin.streams()).map(({ name }) => name)).toEqual(['staging:orders', 'x{tag}']);
  });
});

describe('describe and lag', () => {
  test('say how far each group is', async () => {
    const { admin, publish, group } = await stage('prod');
    await publish('orders', 10);
    await group('prod:orders', 'ahead', 10, 10);
    await group('prod:orders', 'behind', 4, 1);
    const [report] = await admin.describe('orders');
    expect(report).toMatchObject({
      name: 'orders',
      key: 'prod:orders',
      partition: undefined,
      length: 10,
      deadLetters: 0,
      bytes: expect.any(Number),
      companionBytes: expect.any(Number),
    });
    const lag = await admin.lag('orders');
    expect(lag).toEqual([
      { group: 'ahead', partition: undefined, lag: 0, lagMs: 0, pending: 0 },
      { group: 'behind', partition: undefined, lag: 6, lagMs: expect.any(Number), pending: 3 },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect((await admin.lag('orders'))[1]?.lagMs).toBeGreaterThanOrEqual(30);
    const behind = report?.groups.find(({ group: name }) => name === 'behind');
    expect(behind?.consumers).toEqual([{ name: 'c', pending: 3, silentMs: expect.any(Number) }]);
  });

  test('of a stream that is not there, say so', async () => {
    const { admin, publish } = await stage('prod');
    await publish('orders', 1, 'staging');
    await expect(admin.describe('orders')).rejects.toMatchObject({
      code: 'EVENTS_STREAM_NOT_FOUND',
      message: expect.stringContaining("'prod:orders'"),
    });
    await expect(admin.lag('b a d')).rejects.toMatchObject({ code: 'EVENTS_STREAM_NAME' });
  });
});

describe('pending', () => {
  test('lists pages, of all consumers or of one', async () => {
    const { admin, publish, group } = await stage();
    await publish('orders', 10);
    await group('orders', 'billing', 7);
    const first = await admin.pending('orders', 'billing', { count: 4 });
    const second = await admin.pending('orders', 'billing', { count: 4, after: first.at(-1)?.entryId });
    expect([first.length, second.length]).toEqual([4, 3]);
    expect(first[0]).toEqual({ entryId: expect.any(String), consumer: 'c', idleMs: expect.any(Number), deliveries: 1 });
    expect(new Set([...first, ...second].map(({ entryId }) => entryId)).size).toBe(7);
    expect(await admin.pending('orders', 'billing', { consumer: 'nobody' })).toEqual([]);
  });

  test('names the groups where there is no such one, and asks for the partition where there are some', async () => {
    const { admin, publish, group } = await stage();
    await publish('orders', 1);
    await group('orders', 'billing');
    await expect(admin.pending('orders', 'mails')).rejects.toMatchObject({
      code: 'EVENTS_GROUP_NOT_FOUND',
      message: expect.stringContaining("'billing'"),
    });
    await publish('parts', 64, undefined, 2);
    await group('parts:p1', 'billing', 10);
    await expect(admin.pending('parts', 'billing')).rejects.toThrow('one of 0, 1');
    await expect(admin.pending('parts', 'billing', { partition: 2 })).rejects.toMatchObject({
      code: 'EVENTS_STREAM_NOT_FOUND',
    });
    expect((await admin.pending('parts', 'billing', { partition: 1 })).length).toBeGreaterThan(0);
  });

  test.each([[{ count: 0 }], [{ after: '5' }], [{ idle: 1 } as never]])('%j is refused', async (options) => {
    const { admin } = await stage();
    await expect(admin.pending('orders', 'billing', options)).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
  });
});

describe('trim', () => {
  const strategies: readonly (readonly [string, TrimPolicy | TrimStrategy])[] = [
    ['the newest, read or not', { maxLength: 30, trimThreshold: 1, keepUnread: false }],
    ['what is unread', { maxLength: 30, trimThreshold: 1 }],
    ['what is unread, up to the bound', { maxLength: 80, trimThreshold: 0.5, overflow: 'drop' }],
    ['what is unread, by a policy', keepUnread(maxLength(10))],
    ['nothing old', maxAge(1)],
    ['nothing', maxLength(0)],
    ['everything', maxLength(1_000)],
    ['everything, by a policy that says nothing', () => undefined],
  ];

  test.each(strategies)('keeping %s: a dry run says exactly what then happens', async (_name, strategy) => {
    const { admin, publish, group } = await stage('prod');
    await publish('orders', 100);
    await group('prod:orders', 'done', 100, 100);
    await group('prod:orders', 'half', 60, 40);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const planned = await admin.trim('orders', strategy, { dryRun: true });
    expect((await admin.streams())[0]?.length).toBe(100);
    const trimmed = await admin.trim('orders', strategy);
    expect(planned).toEqual(trimmed);
    expect((await admin.streams())[0]?.length).toBe(100 - (trimmed[0]?.removed ?? 0));
  });

  test('says what each group loses, and who keeps what', async () => {
    const { admin, publish, group } = await stage();
    await publish('orders', 100);
    await group('orders', 'half', 60, 40);
    const dropped = await admin.trim(
      'orders',
      { maxLength: 10, trimThreshold: 1, keepUnread: false },
      { dryRun: true },
    );
    expect(dropped).toMatchObject([
      { removed: 90, length: 10, lost: [{ group: 'half', unread: 30, pending: 20 }], kept: [] },
    ]);
    expect(await admin.trim('orders', keepUnread(maxLength(10)))).toMatchObject([
      { removed: 40, length: 60, lost: [], kept: ['half'], partition: undefined },
    ]);
  });

  test('trims every partition', async () => {
    const { admin, publish } = await stage();
    await publish('orders', 100, undefined, 4);
    const trims = await admin.trim('orders', maxLength(5));
    expect(trims.map(({ partition, length }) => [partition, length])).toEqual([0, 1, 2, 3].map((part) => [part, 5]));
  });

  test.each<[string, unknown, object]>([
    ['no strategy', undefined, {}],
    ['one that is off', { enabled: false }, {}],
    ['one without a length', {}, {}],
    ['an unknown option', maxLength(1), { force: true }],
    ['a dry run by name', maxLength(1), { dryRun: 'yes' }],
  ])('%s is refused', async (_name, strategy, options) => {
    const { admin, publish } = await stage();
    await publish('orders', 3);
    await expect(admin.trim('orders', strategy as TrimStrategy, options)).rejects.toMatchObject({
      code: 'EVENTS_OPTIONS',
    });
    expect((await admin.streams())[0]?.length).toBe(3);
  });
});

test('memory counts streams, dead letters and what else belongs to them', async () => {
  const { admin, publish, group } = await stage('prod');
  await publish('orders', 100);
  await publish('mails', 1);
  await publish('orders', 100, 'staging');
  await group('prod:orders', 'billing', 5);
  const report = await admin.memory();
  expect(report.streams.map(({ name }) => name)).toEqual(['orders', 'mails']);
  expect(report.totalBytes).toBe(report.streams.reduce((sum, { totalBytes }) => sum + totalBytes, 0));
  expect(report.streams[0]).toMatchObject({ partition: undefined, deadLetterBytes: 0 });
});

test('the prefixes of a server are listed and changed', async () => {
  const { admin } = await stage();
  expect(await admin.allowedPrefixes()).toEqual([]);
  await admin.allowPrefix('prod');
  expect(await admin.allowPrefix('eu')).toEqual(['eu', 'prod']);
  expect(await admin.disallowPrefix('prod')).toEqual(['eu']);
  await expect(admin.allowPrefix('a:b')).rejects.toMatchObject({ code: 'EVENTS_OPTIONS' });
});

test('a closed admin says so, and leaves the transport open', async () => {
  const { admin, transport } = await stage();
  await admin.close();
  await admin.close();
  await expect(admin.streams()).rejects.toMatchObject({ code: 'EVENTS_CLOSED' });
  expect(await transport.inspector().describe('orders')).toBeUndefined();
});

describe('a key', () => {
  test.each([
    ['prod:orders', 'prod', { owner: 'prod:orders', companion: undefined }],
    ['{prod:orders}:dlq', 'prod', { owner: 'prod:orders', companion: 'dlq' }],
    ['{prod:orders:p3}:retry:a:b', 'prod', { owner: 'prod:orders:p3', companion: 'retry:a:b' }],
    ['prod:{eu}:orders:dlq', 'prod', { owner: 'prod:{eu}:orders', companion: 'dlq' }],
    ['prod:x{eu}', 'prod', { owner: 'prod:x{eu}', companion: undefined }],
    ['prod:x{eu}:groups:turn:trim', 'prod', { owner: 'prod:x{eu}', companion: 'groups:turn:trim' }],
    ['production:orders', 'prod', undefined],
    ['{production:orders}:dlq', 'prod', undefined],
    ['dlq:orders', undefined, { owner: 'dlq:orders', companion: undefined }],
  ])('%s of %s has its role', (key, prefix, role) => expect(roleOf(key, prefix)).toEqual(role));

  test('of a partition is told from others', () => {
    expect(partitionIn('orders:p12')).toEqual({ stream: 'orders', partition: 12 });
    expect(partitionIn('orders:px')).toEqual({ stream: 'orders:px', partition: undefined });
  });

  test('has an id after each id', () => {
    expect([idAfter('5-1'), idAfter('5-18446744073709551615')]).toEqual(['5-2', '6-0']);
  });
});
