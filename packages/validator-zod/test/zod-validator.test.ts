import { defineEvents, EventConsumer, type EventInput, type EventOutput, EventPublisher } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { z as z3 } from 'zod3';
import { zodValidator } from '../src/index.js';

type Same<Left, Right> =
  (<Probe>() => Probe extends Left ? 1 : 2) extends <Probe>() => Probe extends Right ? 1 : 2 ? true : false;
function same<_IsSame extends true>(): void {}

const issuesOf = async (schema: { readonly '~standard': { validate(value: unknown): unknown } }, value: unknown) =>
  ((await schema['~standard'].validate(value)) as { readonly issues?: unknown }).issues;

test('a contract has the input and the output type of its schema', () => {
  const schema = z.object({ at: z.string().transform((text) => new Date(text)) });
  const events = defineEvents({ a: zodValidator(schema, { strictMode: 'refuse' }) });
  same<Same<EventInput<typeof events, 'a'>, { at: string }>>();
  same<Same<EventOutput<typeof events, 'a'>, { at: Date }>>();
  expect(events.a['~standard'].vendor).toBe('zod');
});

test.each([
  ['no schema', {}, undefined, 'takes a schema of zod'],
  [
    'a schema of another library',
    { '~standard': { version: 1, vendor: 'x', validate: () => ({ value: 1 }) } },
    undefined,
    'zod',
  ],
  ['an unknown mode', z.string(), { strictMode: 'harsh' }, "'refuse', 'strip', 'keep'"],
])('%s is refused', (_name, schema, options, message) => {
  expect(() => zodValidator(schema as never, options as never)).toThrow(
    expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(message) }),
  );
});

describe('what a contract says of itself goes before what holds for all', () => {
  const schema = z.object({ id: z.string() });

  test('its own mode stays', async () => {
    const kept = zodValidator(zodValidator(schema, { strictMode: 'keep' }), { strictMode: 'refuse' });
    expect(await kept['~standard'].validate({ id: 'a', more: 1 })).toEqual({ value: { id: 'a', more: 1 } });
  });

  test('one without a mode takes it', async () => {
    const refusing = zodValidator(zodValidator(schema), { strictMode: 'refuse' });
    expect(await issuesOf(refusing, { id: 'a', more: 1 })).toEqual([{ path: ['more'], message: 'unknown field' }]);
    const plain = zodValidator(schema);
    expect(zodValidator(plain)).toBe(plain);
  });
});

describe.each([
  ['zod 4', z],
  ['zod 3', z3 as unknown as typeof z],
])('issues of %s', (_name, zod) => {
  const payment = zodValidator(
    zod.object({
      payment: zod.union([
        zod.object({ card: zod.object({ last4: zod.string() }) }),
        zod.object({ cents: zod.number() }),
      ]),
    }),
  );

  test('say of a union why each option was refused, with paths from there on', async () => {
    expect(await issuesOf(payment, { payment: { card: {}, cents: 'x' } })).toEqual([
      {
        path: ['payment'],
        message: expect.stringMatching(/^matches no option: \(card\.last4: .+\), or \(cents: .+\)$/),
      },
    ]);
  });

  test('count the options that are too many to tell', async () => {
    const options = Array.from({ length: 8 }, (_, index) => zod.object({ kind: zod.literal(index) }));
    const [issue] = (await issuesOf(zodValidator(zod.union(options as never)), { kind: 9 })) as [{ message: string }];
    expect(issue.message).toMatch(/, or 3 more$/);
  });

  test('name the discriminator that no option has', async () => {
    const variants = zodValidator(
      zod.discriminatedUnion('kind', [zod.object({ kind: zod.literal('a') }), zod.object({ kind: zod.literal('b') })]),
    );
    const [issue] = (await issuesOf(variants, { kind: 'c' })) as [{ message: string; path: unknown }];
    expect(issue.path).toEqual(['kind']);
    expect(issue.message).toMatch(/kind|discriminator/);
  });

  test('never tell what was refused', async () => {
    const coloured = zodValidator(
      zod.object({
        payment: zod.union([zod.object({ colour: zod.enum(['red']) }), zod.object({ note: zod.literal('x') })]),
      }),
    );
    for (const [schema, value] of [
      [payment, 'swordfish'],
      [payment, { cents: 'swordfish' }],
      [coloured, { colour: 'swordfish', note: 'swordfish' }],
    ] as const) {
      expect(JSON.stringify(await issuesOf(schema, { payment: value }))).not.toContain('swordfish');
    }
  });
});

describe.each([
  ['zod 4', z, 'draft-2020-12'],
  ['zod 4', z, 'draft-07'],
  ['zod 3', z3 as unknown as typeof z, 'draft-2020-12'],
  ['zod 3', z3 as unknown as typeof z, 'draft-07'],
])('the JSON Schema of %s (%#)', (_name, zod, target) => {
  const schema = zod.object({ id: zod.string().describe('of the order'), size: zod.number().default(1) });

  test('says what is taken', () => {
    const json = zodValidator(schema)['~standard'].jsonSchema.input({ target });
    expect(json).toMatchObject({
      $schema: expect.stringContaining(target === 'draft-07' ? 'draft-07' : '2020-12'),
      type: 'object',
      properties: { id: { type: 'string', description: 'of the order' }, size: { type: 'number', default: 1 } },
      required: ['id'],
    });
  });

  test('says what is refused', () => {
    const json = zodValidator(schema, { strictMode: 'refuse' })['~standard'].jsonSchema.input({ target });
    expect(json).toMatchObject({ properties: { id: { description: 'of the order' } }, additionalProperties: false });
  });

  test('is not written in other dialects', () => {
    const { jsonSchema } = zodValidator(schema)['~standard'];
    expect(() => jsonSchema.output({ target: 'draft-04' })).toThrow("not 'draft-04'");
    expect(jsonSchema.output({ target })).toMatchObject({ type: 'object' });
  });
});

test('given itself as validation.validator, it holds for every zod contract, on both sides', async () => {
  const transport = new MemoryTransport();
  const events = defineEvents({
    strict: z.object({ id: z.string() }),
    open: zodValidator(z.object({ id: z.string() }), { strictMode: 'keep' }),
  });
  const validation = { strictMode: true, validator: zodValidator };
  const common = { transport, source: 'tests', defaultStream: 's', trimStrategy: { enabled: false } };
  const publisher = new EventPublisher({ ...common, events, validation });
  await expect(publisher.publish('strict', { id: 'a', more: 1 } as { id: string })).rejects.toMatchObject({
    code: 'EVENTS_VALIDATION',
    issues: [{ path: 'more', message: 'unknown field' }],
  });
  await publisher.publish('open', { id: 'a', more: 1 } as { id: string });
  await new EventPublisher(common).publish('strict', { id: 'a', more: 1 });
  const consumer = new EventConsumer({ transport, stream: 's', group: 'g', events, validation });
  const handled: unknown[] = [];
  const letter = new Promise((resolve) => consumer.on('deadLettered', resolve));
  await consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
  await expect(letter).resolves.toMatchObject({ reason: 'validation', event: { type: 'strict' } });
  await consumer.stop();
  expect(handled).toEqual([{ id: 'a', more: 1 }]);
  await publisher.close();
  await transport.close();
});
