import {
  combine,
  EventPublisher,
  type EventsError,
  keepUnread,
  maxAge,
  maxLength,
  type PublisherOptions,
  type Subscription,
} from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { MemoryTransport } from '../src/index.js';

const deadlineMs = 10_000;

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  const endsAtMs = Date.now() + deadlineMs;
  while (!(await what())) {
    if (Date.now() > endsAtMs) throw new Error('It did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

type Told = { readonly name: string; readonly value: { readonly reason?: string } };
type Fate = 'open' | 'stored' | EventsError;

function stage(trimStrategy: NonNullable<PublisherOptions['trimStrategy']>, more: Partial<PublisherOptions> = {}) {
  const transport = more.transport === undefined ? new MemoryTransport() : (more.transport as MemoryTransport);
  const told: Told[] = [];
  const publisher = new EventPublisher({
    transport,
    source: 'tests',
    defaultStream: 'orders',
    trimStrategy,
    logger: { warn: () => undefined, error: () => undefined },
    ...more,
  });
  for (const name of ['backpressure', 'recovered', 'error'] as const) {
    publisher.on(name, (value: unknown) => told.push({ name, value: value as Told['value'] }));
  }
  const inspector = transport.inspector();
  const length = async () => (await inspector.describe('orders'))?.length ?? 0;
  const publish = (count: number, key?: string) => {
    const fates = new Array<Fate>(count).fill('open');
    for (let number = 0; number < count; number += 1) {
      publisher.publish('order.placed', { number }, key === undefined ? {} : { key }).then(
        () => {
          fates[number] = 'stored';
        },
        (error: EventsError) => {
          fates[number] = error;
        },
      );
    }
    return fates;
  };
  const group = async (name: string) => {
    const subscription = transport.subscription({ stream: 'orders', group: name, consumer: 'c' });
    await subscription.ensureGroup('beginning');
    await subscription.register(60_000);
    return subscription;
  };
  const count = (name: string) => told.filter((each) => each.name === name).length;
  return { transport, publisher, told, length, publish, group, count };
}

async function readAndAcknowledge(subscription: Subscription, count: number) {
  const entries = await subscription.read(count, 0);
  await subscription.acknowledge({ ids: entries.map(({ id }) => id), postponed: [] });
  return entries;
}

const countOf = (fates: readonly Fate[], fate: Fate) => fates.filter((each) => each === fate).length;

describe("overflow: 'reject'", () => {
  test('stores as much as fits, then refuses with the name of the group that is behind, until it has caught up', async () => {
    const { publisher, publish, group, length, count, told } = stage({ maxLength: 100, overflow: 'reject' });
    const billing = await group('billing');
    const fates = publish(300);
    await until(() => countOf(fates, 'open') === 0);
    expect(countOf(fates, 'stored')).toBe(100);
    expect(await length()).toBe(100);
    expect(fates.at(-1)).toMatchObject({
      code: 'EVENTS_OVERLOADED',
      outcome: 'not-stored',
      message: expect.stringMatching(/'orders' has 100 entries and may have 100: group 'billing'/),
    });
    await expect(publisher.publish('order.placed', {})).rejects.toMatchObject({ code: 'EVENTS_OVERLOADED' });
    expect(told[0]).toEqual({
      name: 'backpressure',
      value: { reason: 'stream', stream: 'orders', measured: 100, limit: 100 },
    });
    await readAndAcknowledge(billing, 100);
    await until(async () => {
      await Promise.allSettled([publisher.publish('order.placed', {})]);
      return count('recovered') === 1;
    });
    expect(count('backpressure')).toBe(1);
    expect(await length()).toBeLessThanOrEqual(100);
    await publisher.close();
  });

  test('does not refuse what only waits to be trimmed', async () => {
    const { publisher, publish, group, told } = stage({ maxLength: 1_000, overflow: 'reject' });
    const billing = await group('billing');
    for (let round = 0; round < 20; round += 1) {
      const fates = publish(100);
      await until(() => countOf(fates, 'open') === 0);
      expect(countOf(fates, 'stored')).toBe(100);
      await readAndAcknowledge(billing, 100);
      // a pass of the trimmer fits in
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    expect(told).toEqual([]);
    await publisher.close();
  });

  test('by age: refuses while a group still needs what is too old', async () => {
    const { publisher, publish, group } = stage(keepUnread(maxAge(50), { overflow: 'reject' }));
    const billing = await group('billing');
    const first = publish(10);
    await until(() => countOf(first, 'stored') === 10);
    await until(async () => {
      const fate = await publisher.publish('order.placed', {}).catch((error: EventsError) => error.code);
      return fate === 'EVENTS_OVERLOADED';
    });
    await until(async () => {
      await readAndAcknowledge(billing, 1_000);
      return publisher.publish('order.placed', {}).then(
        () => true,
        () => false,
      );
    });
    await publisher.close();
  });
});

describe("overflow: 'block'", () => {
  test('lets publishers wait for room, in the order of each key, and never passes the bound', async () => {
    const { publisher, publish, group, length, count, transport } = stage({ maxLength: 100, overflow: 'block' });
    const billing = await group('billing');
    const [ones, others] = [publish(400, 'one'), publish(400, 'other')];
    await until(() => count('backpressure') === 1);
    expect(await length()).toBe(100);
    const numbers: Record<string, number[]> = { one: [], other: [] };
    let longest = 0;
    while (countOf(ones, 'open') + countOf(others, 'open') > 0) {
      longest = Math.max(longest, await length());
      for (const { fields } of await readAndAcknowledge(billing, 25)) {
        const [meta, data] = [JSON.parse(String(fields?.[5])), JSON.parse(String(fields?.[7]))];
        numbers[meta.key]?.push(data.number);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(countOf(ones, 'stored') + countOf(others, 'stored')).toBe(800);
    expect(longest).toBeLessThanOrEqual(100);
    for (const key of ['one', 'other']) {
      expect(numbers[key]).toEqual([...(numbers[key] ?? [])].sort((one, other) => one - other));
    }
    await readAndAcknowledge(billing, 1_000);
    await publisher.publish('order.placed', {});
    await publisher.close();
    await transport.close();
  });

  test('is over after timeoutMs, and says why', async () => {
    const { publisher, publish, group } = stage({ maxLength: 10, overflow: 'block' }, { timeoutMs: 200 });
    await group('billing');
    const fates = publish(12);
    await until(() => countOf(fates, 'open') === 0);
    expect(countOf(fates, 'stored')).toBe(10);
    expect(fates[11]).toMatchObject({ code: 'EVENTS_OVERLOADED', message: expect.stringMatching(/'billing'/) });
    await publisher.close();
  });

  test('holds for every publisher of the stream', async () => {
    const transport = new MemoryTransport();
    const stages = [1, 2, 3, 4].map(() => stage({ maxLength: 100, overflow: 'block' }, { transport, timeoutMs: 300 }));
    await stages[0]?.group('billing');
    const fates = stages.map(({ publish }) => publish(100));
    await until(() => fates.every((each) => countOf(each, 'open') === 0));
    expect(await stages[0]?.length()).toBe(fates.reduce((sum, each) => sum + countOf(each, 'stored'), 0));
    // by what the others had on their way
    expect(await stages[0]?.length()).toBeLessThanOrEqual(175);
    await Promise.all(stages.map(({ publisher }) => publisher.close()));
  });

  test('asks seldom while there is plenty of room', async () => {
    const transport = new MemoryTransport();
    const open = transport.janitor.bind(transport);
    let surveys = 0;
    transport.janitor = () => {
      const janitor = open();
      const survey = janitor.survey.bind(janitor);
      janitor.survey = (stream) => {
        surveys += 1;
        return survey(stream);
      };
      return janitor;
    };
    const { publisher, publish } = stage({ maxLength: 1_000_000, overflow: 'block' }, { transport });
    for (let round = 0; round < 20; round += 1) {
      const fates = publish(1_000);
      await until(() => countOf(fates, 'stored') === 1_000);
    }
    // one for each 5,000 events; the trimmer has its own
    expect(surveys).toBeLessThan(40);
    await publisher.close();
  });

  test('tells what stands against asking', async () => {
    const transport = new MemoryTransport();
    const open = transport.janitor.bind(transport);
    const cause = new Error('not allowed');
    transport.janitor = () => Object.assign(open(), { survey: () => Promise.reject(cause) });
    const classify = transport.classify.bind(transport);
    transport.classify = (error) => (error === cause ? { kind: 'denied', cause } : classify(error));
    const { publisher } = stage({ maxLength: 10, overflow: 'block' }, { transport });
    await expect(publisher.publish('order.placed', {})).rejects.toMatchObject({
      code: 'EVENTS_PERMISSION',
      outcome: 'not-stored',
    });
    await publisher.close();
  });

  test('leaves a transient failure room to pass', async () => {
    const transport = new MemoryTransport();
    const open = transport.janitor.bind(transport);
    const cause = new Error('not there');
    let failures = 3;
    transport.janitor = () => {
      const janitor = open();
      const survey = janitor.survey.bind(janitor);
      janitor.survey = (stream) => {
        failures -= 1;
        return failures >= 0 ? Promise.reject(cause) : survey(stream);
      };
      return janitor;
    };
    const classify = transport.classify.bind(transport);
    transport.classify = (error) => (error === cause ? { kind: 'offline', cause } : classify(error));
    const { publisher } = stage({ maxLength: 10, overflow: 'block' }, { transport });
    await expect(publisher.publish('order.placed', {})).resolves.toMatchObject({ status: 'stored' });
    await publisher.close();
  });
});

describe('what says that publishers are held back', () => {
  test.each([
    ['a strategy', { maxLength: 1, overflow: 'block' } as const],
    ['keepUnread', keepUnread(maxLength(1), { overflow: 'block' })],
    [
      'the strictest of combined policies',
      combine(keepUnread(maxLength(1), { overflow: 'drop' }), keepUnread(maxAge(1), { overflow: 'block' })),
    ],
  ])('%s', async (_name, strategy) => {
    const { publisher, publish, group } = stage(strategy, { timeoutMs: 150 });
    await group('billing');
    const fates = publish(2);
    await until(() => countOf(fates, 'open') === 0);
    expect(countOf(fates, 'stored')).toBe(1);
    await publisher.close();
  });

  test('not the decision of a policy of one’s own, which is told how to say it', async () => {
    const policy = () => ({ maxLength: 1, keepUnread: { overflow: 'block' as const, maxGroupIdleMs: 60_000 } });
    const { publisher, publish, group, told } = stage(policy);
    await group('billing');
    publish(5);
    await until(() => told.length > 0);
    expect(told[0]?.value).toMatchObject({
      code: 'EVENTS_OPTIONS',
      message: expect.stringMatching(/keepUnread\(policy/),
    });
    await publisher.close();
  });
});
