import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineEvents, EventConsumer, type StandardSchema, type ValidatorFactory } from '../src/index.js';
import { ConsumingStage, fieldsOf, gate } from './support/consuming.js';
import { publishing } from './support/publishing.js';
import { StubTransport } from './support/stub-transport.js';
import { turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const order = z.object({ total: z.number().positive() });
const contracts = defineEvents({ 'order.placed': order });

/** A factory that notes what it was asked for, and whose schemas say so. */
function noting(vendor: string) {
  const asked: unknown[] = [];
  const factory: ValidatorFactory = Object.assign(
    (schema: never, options: unknown): StandardSchema => {
      asked.push(options);
      return { '~standard': { ...(schema as StandardSchema)['~standard'], vendor: 'noted' } };
    },
    { vendor },
  );
  return { factory, asked };
}

const sides = [
  ['publisher', (options: object) => publishing(options as never)],
  [
    'consumer',
    (options: object) =>
      new EventConsumer({ transport: new StubTransport(), stream: 'orders', group: 'billing', ...options }),
  ],
] as const;

describe.each(sides)('the validation of a %s refuses', (_side, open) => {
  test.each<[string, object, string]>([
    ['nothing to check with', { validation: {} }, 'nothing to check with'],
    ['nothing to check with, though enabled', { validation: { enabled: true } }, 'nothing to check with'],
    ['an option that it does not have', { validation: { schemas: {} } }, '"schemas"'],
    ['what is no truth value', { events: contracts, validation: { enabled: 'yes' } }, 'validation.enabled'],
    ['what is no schema', { validation: { schema: { type: 'object' } } }, 'not a Standard Schema'],
    ['two answers to one question', { events: contracts, validation: { schema: order } }, 'give one of them'],
    ['a custom validator that is no function', { validation: { customValidator: /x/ } }, 'customValidator'],
    ['an unknown strict mode', { events: contracts, validation: { strictMode: 'harsh' } }, "'refuse', 'strip', 'keep'"],
    [
      'a strict mode without a schema',
      { validation: { customValidator: () => true, strictMode: true } },
      'need a schema',
    ],
    ['a strict mode without a validator', { events: contracts, validation: { strictMode: true } }, "schemas of 'zod'"],
    [
      'a strict mode without a validator for this library',
      { validation: { schema: order, strictMode: 'strip', validator: noting('valibot').factory } },
      'validation.schema names itself',
    ],
    [
      'a validator that is none',
      { events: contracts, validation: { validator: order } },
      'zodValidator, valibotValidator',
    ],
  ])('%s', (_name, options, message) => {
    expect(() => open(options)).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(message) }),
    );
  });

  test.each<[string, object]>([
    [
      'everything of the roadmap',
      { validation: { enabled: true, schema: order, customValidator: () => true, strictMode: false } },
    ],
    ['what is off', { validation: { enabled: false } }],
    ['contracts that are off', { events: contracts, validation: { enabled: false } }],
  ])('but not %s', (_name, options) => {
    expect(() => open(options)).not.toThrow();
  });

  test.each([
    [true, 'refuse'],
    ['refuse', 'refuse'],
    ['strip', 'strip'],
    ['keep', 'keep'],
    [false, undefined],
  ])('nothing of a validator, which is given every schema of its vendor: strictMode %s', (strictMode, expected) => {
    const [zod, other] = [noting('zod'), noting('other')];
    open({ events: contracts, validation: { strictMode, validator: [other.factory, zod.factory] } });
    expect(zod.asked).toEqual([{ strictMode: expected }]);
    expect(other.asked).toEqual([]);
  });
});

describe('only a consumer has', () => {
  test('onInvalid', () => {
    const validation = { schema: order, onInvalid: 'deliver' } as const;
    expect(() => publishing({ validation } as never)).toThrow('"onInvalid"');
    expect(() => new ConsumingStage({ validation })).not.toThrow();
    expect(() => new ConsumingStage({ validation: { onInvalid: 'stop' } })).toThrow('nothing to check with');
    expect(() => new ConsumingStage({ validation: { schema: order, onInvalid: 'drop' as never } })).toThrow(
      'onInvalid',
    );
  });

  test('onNewerVersion, and needs contracts for it', () => {
    expect(() => new ConsumingStage({ onNewerVersion: 'skip' })).toThrow('onNewerVersion needs contracts');
    expect(() => new ConsumingStage({ events: contracts, onNewerVersion: 'drop' as never })).toThrow('onNewerVersion');
  });
});

describe('a publisher', () => {
  test('checks the data of every event with one schema', async () => {
    const { publisher, appender } = publishing({ validation: { schema: order } });
    appender.storeAll();
    await expect(publisher.publish('anything', { total: 1 })).resolves.toMatchObject({ status: 'stored' });
    await expect(publisher.publish('anything', { total: -1 })).rejects.toMatchObject({
      code: 'EVENTS_VALIDATION',
      outcome: 'not-stored',
      issues: [{ path: 'total', message: expect.any(String) }],
    });
  });

  test('does not look at data when validation is off, and at types all the same', async () => {
    const { publisher, appender } = publishing({ events: contracts, validation: { enabled: false } });
    appender.storeAll();
    await expect(publisher.publish('order.placed', { total: -1 })).resolves.toMatchObject({ status: 'stored' });
    await expect(publisher.publish('order.lost' as never, {} as never)).rejects.toMatchObject({
      code: 'EVENTS_EVENT_TYPE',
    });
  });

  test('asks a custom validator about the whole event, after the schema', async () => {
    const asked: unknown[] = [];
    const { publisher, appender } = publishing({
      validation: {
        schema: z.object({ at: z.string().transform((text) => new Date(text)) }),
        customValidator: (event) => {
          asked.push(event);
          return event.key !== 'secret';
        },
      },
    });
    appender.storeAll();
    const time = new Date(5);
    await publisher.publish('a', { at: '2026-01-02' }, { id: 'e-1', key: 'k', headers: { h: 'v' }, time });
    expect(asked).toEqual([
      { id: 'e-1', type: 'a', source: 'tests', time, key: 'k', headers: { h: 'v' }, data: { at: '2026-01-02' } },
    ]);
    const failures: unknown[] = [];
    publisher.on('validationFailed', (failure) => void failures.push(failure));
    await expect(publisher.publish('a', { at: 'x' }, { key: 'secret' })).rejects.toMatchObject({
      code: 'EVENTS_VALIDATION',
      outcome: 'not-stored',
      message: expect.stringContaining("'a' was refused: customValidator says false"),
    });
    expect(failures).toHaveLength(1);
    await expect(publisher.publish('a', { at: 7 })).rejects.toMatchObject({ issues: [{ path: 'at' }] });
    expect(asked).toHaveLength(2);
  });

  test.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('swordfish');
      },
      'customValidator threw Error',
    ],
    ['rejects', () => Promise.reject(new RangeError('swordfish')), 'customValidator threw RangeError'],
    ['says nothing', () => undefined, 'neither true nor false'],
    ['resolves with nothing', async () => undefined, 'neither true nor false'],
    ['says no later', async () => false, 'says false'],
  ])('takes a custom validator that %s for a refusal', async (_name, customValidator, message) => {
    const { publisher, appender } = publishing({ validation: { customValidator: customValidator as () => boolean } });
    const error = await publisher.publish('a', 'swordfish').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'EVENTS_VALIDATION', message: expect.stringContaining(message) });
    expect(String(error)).not.toContain('swordfish');
    expect(appender.calls).toEqual([]);
  });

  test.each([
    ['at once', false],
    ['later', true],
  ])(
    'checks what it is given, and what consumers will read: a Date and the text that it becomes, %s',
    async (_name, isLate) => {
      const late = <Schema extends z.ZodType>(schema: Schema) => (isLate ? schema.refine(async () => true) : schema);
      const events = defineEvents({
        date: late(z.object({ at: z.date() })),
        text: late(z.object({ at: z.string() })),
        both: late(z.object({ at: z.coerce.date() })),
      });
      const { publisher, appender } = publishing({ events });
      appender.storeAll();
      const refusal = (message: RegExp) => ({
        code: 'EVENTS_VALIDATION',
        outcome: 'not-stored',
        issues: [{ path: 'at' }],
        message: expect.stringMatching(message),
      });
      const at = new Date(0);
      await expect(publisher.publish('date', { at })).rejects.toMatchObject(
        refusal(/^Data of 'date', as consumers will read it, does not match/),
      );
      await expect(publisher.publish('text', { at: at as never })).rejects.toMatchObject(
        refusal(/^Data of 'text' does not match/),
      );
      await expect(publisher.publish('both', { at })).resolves.toMatchObject({ status: 'stored' });
      expect(appender.calls.flatMap(({ entries }) => entries).map(({ fields }) => fields[7])).toEqual([
        '{"at":"1970-01-01T00:00:00.000Z"}',
      ]);
    },
  );
});

describe('a consumer', () => {
  async function consuming(options: ConstructorParameters<typeof ConsumingStage>[0]) {
    const stage = new ConsumingStage(options);
    const handled: unknown[] = [];
    await stage.consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
    return { stage, handled };
  }

  test('gives what the schema makes of the data of every event', async () => {
    const { stage, handled } = await consuming({
      validation: { schema: z.string().transform((text) => text.length) },
    });
    stage.stream.add(fieldsOf('a', 'four'), fieldsOf('b', 7));
    await until(() => handled.length + stage.count('deadLettered') === 2);
    expect(handled).toEqual([4]);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'validation' })]);
  });

  test('asks a custom validator about the event as the handler is about to get it', async () => {
    const asked: unknown[] = [];
    const { stage, handled } = await consuming({
      validation: {
        schema: z.number().transform((value) => value * 2),
        customValidator: async (event) => {
          asked.push(event.data);
          return event.data !== 4;
        },
      },
    });
    stage.stream.add(fieldsOf('a', 1), fieldsOf('a', 2), fieldsOf('a', 3));
    await until(() => handled.length + stage.count('deadLettered') === 3);
    expect(asked).toEqual([2, 4, 6]);
    expect(handled).toEqual([2, 6]);
  });

  test('gives data as it is stored when validation is off', async () => {
    const { stage, handled } = await consuming({
      events: defineEvents({ a: z.string().transform((text) => text.length) }),
      validation: { enabled: false, onInvalid: 'stop', customValidator: () => false },
    });
    stage.stream.add(fieldsOf('a', 'four'), fieldsOf('a', 7));
    await until(() => handled.length === 2);
    expect(handled).toEqual(['four', 7]);
    expect(stage.emitted).toEqual([expect.objectContaining({ name: 'groupCreated' })]);
  });

  test.each([
    ['at once', z.number()],
    ['later', z.number().refine(async () => true)],
  ])('delivers what does not match as it is stored, and says so: %s', async (_name, schema) => {
    const { stage, handled } = await consuming({
      events: defineEvents({ a: schema }),
      validation: { onInvalid: 'deliver' },
    });
    stage.stream.add(fieldsOf('a', 'text', { id: 'e-1' }), fieldsOf('a', 7));
    await until(() => handled.length === 2);
    expect(handled).toEqual(expect.arrayContaining(['text', 7]));
    expect(stage.occurrences('validationFailed')).toEqual([
      expect.objectContaining({
        event: { id: 'e-1', type: 'a', key: undefined },
        error: expect.objectContaining({ issues: [{ path: '', message: expect.any(String) }] }),
      }),
    ]);
    expect(stage.count('deadLettered')).toBe(0);
  });

  test.each([
    ['at once', z.number()],
    ['later', z.number().refine(async () => true)],
  ])('stops at what does not match, and leaves it to the group: %s', async (_name, schema) => {
    const { stage, handled } = await consuming({
      events: defineEvents({ a: schema }),
      validation: { onInvalid: 'stop' },
      concurrency: 1,
    });
    const [, bad, after] = stage.stream.add(fieldsOf('a', 1), fieldsOf('a', 'text'), fieldsOf('a', 3));
    await until(() => stage.consumer.state === 'failed' && stage.subscription.released.length >= 2);
    await turn();
    expect(handled).toEqual([1]);
    expect(stage.count('validationFailed')).toBe(1);
    expect(stage.occurrences('error')).toEqual([expect.objectContaining({ code: 'EVENTS_VALIDATION' })]);
    expect([...stage.group.pending.keys()]).toEqual([bad, after]);
  });

  test('that stops hands the entry back while other handlers still run', async () => {
    const running = gate();
    const stage = new ConsumingStage({ events: defineEvents({ a: z.number() }), validation: { onInvalid: 'stop' } });
    await stage.consumer.subscribe('*', () => running.promise).start();
    const begunAt = Date.now();
    const [, bad] = stage.stream.add(fieldsOf('a', 1), fieldsOf('a', 'text'));
    await until(() => stage.subscription.released.includes(String(bad)));
    // well before the stop runs out of time
    expect(Date.now() - begunAt).toBeLessThan(5_000);
    running.open();
    await until(() => stage.consumer.state !== 'running');
  });
});
