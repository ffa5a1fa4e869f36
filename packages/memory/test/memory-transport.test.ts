import { plainAppending } from '@events/conformance';
import { OptionsError } from '@events/core';
import { MemoryTransport, type MemoryTransportOptions } from '@events/memory';
import { describe, expect, test } from '@jest/globals';

/** Exactly what is beyond the bound, read or not. */
const everything = { limit: null, isExact: true, keepUnread: null };

const member = { stream: 'orders', group: 'billing', consumer: 'one' };
const event = { stream: 'orders', id: 'any', fields: ['number', '1'] };

async function joined(transport: MemoryTransport, consumer = 'one') {
  const subscription = transport.subscription({ ...member, consumer });
  await subscription.ensureGroup('beginning');
  return subscription;
}

describe('broker', () => {
  test('each transport has its own, unless it is given another one’s', async () => {
    const first = new MemoryTransport();
    const sharing = new MemoryTransport({ broker: first.broker });
    await first.appender(plainAppending).append([event], 1_000);
    expect((await sharing.inspector().describe('orders'))?.length).toBe(1);
    expect(await new MemoryTransport().inspector().describe('orders')).toBeUndefined();
    await first.close();
    expect((await sharing.inspector().describe('orders'))?.length).toBe(1);
  });

  test('calls itself memory, and never evicts', async () => {
    const capabilities = { engine: 'memory', version: null, commands: {}, evictionPolicy: 'noeviction', findings: [] };
    expect(await new MemoryTransport().capabilities()).toEqual(capabilities);
  });

  test('gives rising ids, also when the clock steps back', async () => {
    const times = [5_000, 5_000, 4_000, 6_000, 1];
    const transport = new MemoryTransport({ now: () => times.shift() ?? 6_000 });
    const ids = await transport.appender(plainAppending).append(Array(5).fill(event), 1_000);
    expect(ids).toEqual(['5000-0', '5000-1', '5000-2', '6000-0', '6000-1']);
  });

  test('keeps copies: no later change reaches what is stored', async () => {
    const transport = new MemoryTransport();
    const bytes = Uint8Array.of(0xff, 1);
    const fields = ['bytes', bytes];
    await transport.appender(plainAppending).append([{ stream: 'orders', id: 'any', fields }], 1_000);
    bytes[1] = 2;
    fields[0] = 'changed';
    const inspector = transport.inspector();
    const [first] = await inspector.range('orders', '-', '+', 1);
    expect(first?.fields).toEqual(['bytes', Uint8Array.of(0xff, 1)]);
    (first?.fields?.[1] as Uint8Array)[1] = 3;
    expect((await inspector.range('orders', '-', '+', 1))[0]?.fields).toEqual(['bytes', Uint8Array.of(0xff, 1)]);
  });

  test('stores half a character as a server would be sent it', async () => {
    const transport = new MemoryTransport();
    await transport
      .appender(plainAppending)
      .append([{ stream: 'orders', id: 'any', fields: ['half', 'a\ud83d'] }], 1_000);
    expect((await transport.inspector().range('orders', '-', '+', 1))[0]?.fields).toEqual(['half', 'a\ufffd']);
  });

  test('serves first who has waited longest', async () => {
    const transport = new MemoryTransport();
    const served: string[] = [];
    const readers = await Promise.all(['one', 'two', 'three'].map((consumer) => joined(transport, consumer)));
    const reads = readers.map(async (reader, index) => {
      for (const { fields } of await reader.read(1, 5_000)) served.push(`${index}: ${fields?.[1]}`);
    });
    const appender = transport.appender(plainAppending);
    for (const number of ['1', '2', '3'])
      await appender.append([{ stream: 'orders', id: 'any', fields: ['number', number] }], 1_000);
    await Promise.all(reads);
    expect(served).toEqual(['0: 1', '1: 2', '2: 3']);
  });

  test('cannot know the lag of a group that began in the middle, until it has read to the end', async () => {
    const transport = new MemoryTransport();
    const [, second] = (await transport.appender(plainAppending).append(Array(4).fill(event), 1_000)) as string[];
    const subscription = transport.subscription(member);
    await subscription.ensureGroup({ entryId: second ?? '' });
    const lag = async () => (await transport.inspector().describe('orders'))?.groups[0]?.lag;
    expect(await lag()).toBeNull();
    await subscription.read(1, 0);
    expect(await lag()).toBeNull();
    await subscription.read(1, 0);
    expect(await lag()).toBe(0);
  });

  test('counts what was trimmed unread as not given, as Redis 7.0 does', async () => {
    const transport = new MemoryTransport();
    const subscription = await joined(transport);
    await transport.appender(plainAppending).append(Array(5).fill(event), 1_000);
    await subscription.read(1, 0);
    const inspector = transport.inspector();
    await transport.janitor().trim('orders', { ...everything, bound: { maxLength: 1 } });
    expect((await inspector.describe('orders'))?.groups[0]?.lag).toBe(4);
  });

  test('handles half a million entries', async () => {
    const transport = new MemoryTransport();
    const appender = transport.appender(plainAppending);
    const batch = Array(1_000).fill(event);
    for (let index = 0; index < 500; index += 1) await appender.append(batch, 1_000);
    const subscription = await joined(transport);
    const inspector = transport.inspector();
    const janitor = transport.janitor();
    for (let read = 0; read < 500_000; read += 1_000) {
      const entries = await subscription.read(1_000, 0);
      expect(entries.length).toBe(1_000);
      await subscription.acknowledge({ ids: entries.slice(1).map(({ id }) => id), postponed: [] });
      await janitor.trim('orders', { ...everything, bound: { maxLength: 500_000 - read } });
    }
    expect(await inspector.describe('orders')).toMatchObject({ length: 1_000, groups: [{ pending: 500, lag: 0 }] });
    expect((await subscription.owned('0-0', 1_000)).length).toBe(500);
  }, 20_000);
});

describe('process', () => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

  test('is kept alive by a read that waits, as by a socket, and by nothing else', async () => {
    const before = timers();
    const transport = new MemoryTransport();
    await transport.appender(plainAppending).append([event], 1_000);
    const subscription = await joined(transport);
    await subscription.register(60_000);
    await subscription.read(1, 0);
    expect(timers()).toBe(before);
    const reading = subscription.read(1, 60_000);
    expect(timers()).toBe(before + 1);
    await transport.close();
    await reading;
    expect(timers()).toBe(before);
  });
});

describe('options', () => {
  test('say how core retries', () => {
    expect(new MemoryTransport().retryPolicy).toEqual({ strategy: 'retry', maxRetries: 3 });
    expect(new MemoryTransport({ maxRetries: 0 }).retryPolicy).toEqual({ strategy: 'retry', maxRetries: 0 });
    expect(new MemoryTransport({ failoverStrategy: 'failfast' }).retryPolicy).toEqual({
      strategy: 'failfast',
      maxRetries: 0,
    });
  });

  test.each<[string, object]>([
    ['persist', { persist: true }],
    ['failoverStrategy', { failoverStrategy: 'sometimes' }],
    ['maxRetries', { maxRetries: -1 }],
    ['maxRetries', { failoverStrategy: 'failfast', maxRetries: 3 }],
    ['deadlineMs', { deadlineMs: 0 }],
    ['broker', { broker: {} }],
    ['now', { now: 5 }],
    ['now', { broker: new MemoryTransport().broker, now: Date.now }],
  ])('%s is refused by name in %j', (name, options) => {
    const construct = () => new MemoryTransport(options as MemoryTransportOptions);
    expect(construct).toThrow(OptionsError);
    expect(construct).toThrow(name);
  });
});

describe('appending', () => {
  test.each(['replicas', 'fsync'] as const)(
    'durability %s is refused, with the reason, and nothing is stored',
    async (level) => {
      const transport = new MemoryTransport();
      const appender = transport.appender({ ...plainAppending, durability: { level, replicas: 1, timeoutMs: 100 } });
      const answers = await appender.append([event, event], 1_000);
      const refusal = { kind: 'unsupported', cause: { message: expect.stringContaining('no replicas') } };
      expect(answers).toMatchObject([refusal, refusal]);
      expect(await transport.inspector().describe('orders')).toBeUndefined();
    },
  );

  test('the window of idempotency is of the time of the broker', async () => {
    let now = 1_000;
    const transport = new MemoryTransport({ now: () => now });
    const idempotency = { windowMs: 500, maxEntries: 100, onShortened: () => {} };
    const appender = transport.appender({ ...plainAppending, idempotency });
    const answers: unknown[] = [];
    for (const time of [1_000, 1_499, 1_500, 1_501]) {
      now = time;
      answers.push(...(await appender.append([event], 1_000)));
    }
    expect(answers).toEqual([
      '1000-0',
      { entryId: '1000-0', isDuplicate: true, isDurable: true, replicas: null },
      '1500-0',
      { entryId: '1500-0', isDuplicate: true, isDurable: true, replicas: null },
    ]);
  });

  test('a window that is cut short is told once a minute, with what is left of it', async () => {
    let now = 1_000;
    const transport = new MemoryTransport({ now: () => now });
    const told: unknown[] = [];
    const onShortened = (...notice: unknown[]) => told.push(notice);
    const appender = transport.appender({
      ...plainAppending,
      idempotency: { windowMs: 10_000, maxEntries: 2, onShortened },
    });
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      now += 100;
      await appender.append([{ ...event, id }], 1_000);
    }
    expect(told).toEqual([['orders', 200]]);
  });
});
