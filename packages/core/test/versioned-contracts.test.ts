import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  type ConsumerOptions,
  defineEvents,
  type EventContracts,
  type EventInput,
  type EventOutput,
  versioned,
  versionsOf,
} from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { publishing } from './support/publishing.js';
import { until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const v1 = z.object({ total: z.number() });
const v2 = z.object({ cents: z.number().int(), currency: z.string().default('EUR') });
const v3 = z.object({ amount: z.object({ cents: z.bigint().or(z.string().transform(BigInt)), currency: z.string() }) });

const placed = versioned(v1)
  .next(v2, ({ total }) => ({ cents: Math.round(total * 100) }))
  .next(v3, async ({ cents, currency }) => ({ amount: { cents: String(cents), currency } }));
const contracts = defineEvents({ 'order.placed': placed, 'order.paid': z.object({ orderId: z.string() }) });

type Same<Left, Right> =
  (<Probe>() => Probe extends Left ? 1 : 2) extends <Probe>() => Probe extends Right ? 1 : 2 ? true : false;
function same<_IsSame extends true>(): void {}

/** As a publisher of that version would have stored it. */
function stored(data: unknown, version: unknown) {
  const meta = JSON.stringify({ source: 'tests', version });
  return ['id', 'e-1', 'type', 'order.placed', 'meta', meta, 'data', JSON.stringify(data)];
}

async function consuming<Contracts extends EventContracts>(options: Partial<ConsumerOptions<Contracts>>) {
  const stage = new ConsumingStage<Contracts>(options);
  const handled: unknown[] = [];
  await stage.consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
  return { stage, handled };
}

describe('a contract with versions', () => {
  test('is the schema of its last version', () => {
    same<Same<EventInput<typeof contracts, 'order.placed'>, z.input<typeof v3>>>();
    same<Same<EventOutput<typeof contracts, 'order.placed'>, z.output<typeof v3>>>();
    expect(placed['~standard']).toBe(v3['~standard']);
    expect(versionsOf(placed).map(({ schema }) => schema)).toEqual([v1, v2, v3]);
    expect(versionsOf(v1)).toEqual([{ schema: v1, upcast: undefined }]);
  });

  test('is built of schemas and functions, and says so', () => {
    // @ts-expect-error: what the next version takes
    versioned(v1).next(v2, () => ({ euros: 1 }));
    // @ts-expect-error: no schema
    expect(() => versioned({})).toThrow('The first version is not a Standard Schema');
    // @ts-expect-error: no schema
    expect(() => versioned(v1).next({}, () => 1)).toThrow('Version 2 is not a Standard Schema');
    // @ts-expect-error: no function
    expect(() => versioned(v1).next(v2)).toThrow('version 2 of version 1');
    expect(() => versioned(v1).next(placed, () => ({}) as never)).toThrow('may not have versions itself');
  });

  test('leaves the earlier ones as they were', () => {
    const first = versioned(v1);
    first.next(v2, ({ total }) => ({ cents: total }));
    expect(versionsOf(first)).toEqual([{ schema: v1, upcast: undefined }]);
  });
});

describe('a publisher', () => {
  test('says under which version it publishes, from the second on', async () => {
    const { publisher, appender } = publishing({ events: contracts });
    appender.storeAll();
    await publisher.publish('order.placed', { amount: { cents: '7', currency: 'EUR' } }, { key: 'k' });
    await publisher.publish('order.paid', { orderId: 'o-1' });
    const metas = appender.calls.flatMap(({ entries }) => entries).map(({ fields }) => JSON.parse(String(fields[5])));
    expect(metas).toEqual([
      { source: 'tests', time: expect.any(String), key: 'k', version: 3 },
      { source: 'tests', time: expect.any(String) },
    ]);
    await expect(publisher.publish('order.placed', { total: 7 } as never)).rejects.toMatchObject({
      code: 'EVENTS_VALIDATION',
    });
  });
});

describe('a consumer of the third version', () => {
  test.each<[string, unknown, number | undefined]>([
    ['without a version, the first', { total: 12.5 }, undefined],
    ['of the first', { total: 12.5 }, 1],
    ['of the second, with its defaults', { cents: 1250 }, 2],
    ['of the third', { amount: { cents: '1250', currency: 'EUR' } }, 3],
  ])('handles an event %s', async (_name, data, version) => {
    const { stage, handled } = await consuming({ events: contracts });
    stage.stream.add(stored(data, version));
    await until(() => handled.length === 1);
    expect(handled).toEqual([{ amount: { cents: 1250n, currency: 'EUR' } }]);
  });

  test.each<[string, unknown, number, string]>([
    ['its own version', { cents: 12.5 }, 2, "'order.placed' (version 2) does not match"],
    ['the last version', { amount: {} }, 3, "'order.placed' (version 3) does not match"],
  ])('refuses what does not match %s', async (_name, data, version, message) => {
    const { stage } = await consuming({ events: contracts });
    stage.stream.add(stored(data, version));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('validationFailed')).toEqual([
      expect.objectContaining({ error: expect.objectContaining({ message: expect.stringContaining(message) }) }),
    ]);
  });

  test.each<[string, () => never | Promise<never>]>([
    [
      'throws',
      () => {
        throw new TypeError('swordfish');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('swordfish'))],
  ])('refuses what an upcaster %s at, without quoting it', async (_name, upcast) => {
    const events = defineEvents({ 'order.placed': versioned(v1).next(v2, upcast) });
    const { stage } = await consuming({ events });
    stage.stream.add(stored({ total: 1 }, 1));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({
        reason: 'validation',
        error: expect.objectContaining({ issues: [{ path: '', message: 'the upcaster threw TypeError' }] }),
      }),
    ]);
    expect(JSON.stringify(stage.subscription.deadLettered)).not.toContain('swordfish');
  });

  test('raises versions, and checks none of them, when validation is off', async () => {
    const { stage, handled } = await consuming({ events: contracts, validation: { enabled: false } });
    stage.stream.add(stored({ total: 'x' }, 1));
    await until(() => handled.length === 1);
    expect(handled).toEqual([{ amount: { cents: 'NaN', currency: undefined } }]);
  });

  test.each([0, -1, 1.5, '3', null, 2 ** 60])('takes no %p for a version', async (version) => {
    const { stage } = await consuming({ events: contracts });
    stage.stream.add(stored({ total: 1 }, version));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'undecodable' })]);
  });
});

describe('an event of a newer version', () => {
  const newer = stored({ anything: 1 }, 4);

  test('is handed to other consumers, and goes to the dead letters when none of them knows it', async () => {
    const { stage, handled } = await consuming({ events: contracts, maxRetries: 2, recoveryStrategy: () => 100 });
    stage.stream.add(newer);
    await until(() => stage.count('deadLettered') === 1);
    expect(handled).toEqual([]);
    expect(stage.subscription.released.length).toBeGreaterThanOrEqual(2);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({
        reason: 'newer-version',
        error: expect.objectContaining({ code: 'EVENTS_EVENT_VERSION', version: 4 }),
      }),
    ]);
  });

  test('goes to the dead letters at once, where the user says so', async () => {
    const { stage } = await consuming({ events: contracts, onNewerVersion: 'deadLetter' });
    stage.stream.add(newer);
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.count('retry')).toBe(0);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'newer-version' })]);
  });

  test('is skipped, where the user says so', async () => {
    const { stage, handled } = await consuming({ events: contracts, onNewerVersion: 'skip' });
    stage.stream.add(newer, stored({ total: 1 }, 1));
    await until(() => handled.length === 1 && stage.group.pending.size === 0);
    expect(stage.occurrences('skipped')).toEqual([expect.objectContaining({ reason: 'newer-version' })]);
  });

  test('stops the consumer, where the user says so, and stays pending', async () => {
    const { stage } = await consuming({ events: contracts, onNewerVersion: 'stop' });
    const [id] = stage.stream.add(newer);
    await until(() => stage.consumer.state === 'failed' && stage.subscription.released.length > 0);
    expect(stage.occurrences('error')).toEqual([expect.objectContaining({ code: 'EVENTS_EVENT_VERSION' })]);
    expect([...stage.group.pending.keys()]).toEqual([id]);
  });

  test('of a type without versions is newer, too', async () => {
    const { stage } = await consuming({ events: defineEvents({ a: v1 }), onNewerVersion: 'deadLetter' });
    stage.stream.add(['id', 'e', 'type', 'a', 'meta', '{"version":2}', 'data', '{"total":1}']);
    await until(() => stage.count('deadLettered') === 1);
  });

  test('is like any other where there are no contracts', async () => {
    const { stage, handled } = await consuming({});
    stage.stream.add(newer, fieldsOf('b', 2));
    await until(() => handled.length === 2);
    expect(handled).toEqual([{ anything: 1 }, 2]);
  });
});
