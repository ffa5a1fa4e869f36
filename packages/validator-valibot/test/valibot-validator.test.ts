import { defineEvents, type EventInput, type EventOutput, EventPublisher } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { valibotValidator } from '../src/index.js';

type Same<Left, Right> =
  (<Probe>() => Probe extends Left ? 1 : 2) extends <Probe>() => Probe extends Right ? 1 : 2 ? true : false;
function same<_IsSame extends true>(): void {}

const schema = v.object({ id: v.string() });
const issuesOf = async (validator: { readonly '~standard': { validate(value: unknown): unknown } }, value: unknown) =>
  ((await validator['~standard'].validate(value)) as { readonly issues?: unknown }).issues;

test('a contract has the input and the output type of its schema', () => {
  const dated = v.object({
    at: v.pipe(
      v.string(),
      v.transform((text) => new Date(text)),
    ),
  });
  const events = defineEvents({ a: valibotValidator(dated, { strictMode: 'refuse' }) });
  same<Same<EventInput<typeof events, 'a'>, { at: string }>>();
  same<Same<EventOutput<typeof events, 'a'>, { at: Date }>>();
  expect(events.a['~standard'].vendor).toBe('valibot');
});

test.each([
  ['no schema', {}, undefined, 'takes a schema of valibot'],
  ['nothing', null, undefined, 'takes a schema of valibot'],
  ['an unknown mode', schema, { strictMode: 'harsh' }, "'refuse', 'strip', 'keep'"],
])('%s is refused', (_name, given, options, message) => {
  expect(() => valibotValidator(given as never, options as never)).toThrow(
    expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(message) }),
  );
});

test('what a contract says of itself goes before what holds for all', async () => {
  const kept = valibotValidator(valibotValidator(schema, { strictMode: 'keep' }), { strictMode: 'refuse' });
  expect(await kept['~standard'].validate({ id: 'a', more: 1 })).toEqual({ value: { id: 'a', more: 1 } });
  const refusing = valibotValidator(valibotValidator(schema), { strictMode: 'refuse' });
  expect(await issuesOf(refusing, { id: 'a', more: 1 })).toEqual([{ path: ['more'], message: 'unknown field' }]);
  const plain = valibotValidator(schema);
  expect(valibotValidator(plain)).toBe(plain);
});

describe('issues', () => {
  const payment = valibotValidator(
    v.object({
      payment: v.union([v.object({ card: v.object({ last4: v.string() }) }), v.object({ cents: v.number() })]),
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

  test('never tell what was refused within a union', async () => {
    expect(JSON.stringify(await issuesOf(payment, { payment: { cents: 'swordfish' } }))).not.toContain('swordfish');
    expect(JSON.stringify(await issuesOf(payment, { payment: { card: { last4: 4711 } } }))).not.toContain('4711');
  });

  test('count the options that are too many to tell', async () => {
    const options = Array.from({ length: 8 }, (_, index) => v.object({ [`key${index}`]: v.string() }));
    const [issue] = (await issuesOf(valibotValidator(v.union(options)), {})) as [{ message: string }];
    expect(issue.message).toMatch(/, or 3 more$/);
  });
});

describe.each(['draft-2020-12', 'draft-07'])('the JSON Schema (%s)', (target) => {
  const sized = v.object({ id: v.pipe(v.string(), v.description('of the order')), size: v.optional(v.number(), 1) });

  test('says what is taken, and what is refused', () => {
    expect(valibotValidator(sized)['~standard'].jsonSchema.input({ target })).toMatchObject({
      $schema: expect.stringContaining(target === 'draft-07' ? 'draft-07' : '2020-12'),
      properties: { id: { type: 'string', description: 'of the order' }, size: { type: 'number', default: 1 } },
      required: ['id'],
    });
  });

  test('is not written in other dialects, and not of what JSON Schema cannot express', () => {
    const { jsonSchema } = valibotValidator(sized)['~standard'];
    expect(() => jsonSchema.output({ target: 'draft-04' })).toThrow("not 'draft-04'");
    expect(() => valibotValidator(v.bigint())['~standard'].jsonSchema.input({ target })).toThrow();
  });
});

test('given itself as validation.validator, it holds for every valibot contract', async () => {
  const transport = new MemoryTransport();
  const publisher = new EventPublisher({
    transport,
    source: 'tests',
    defaultStream: 's',
    trimStrategy: { enabled: false },
    events: defineEvents({ a: schema }),
    validation: { strictMode: 'refuse', validator: [valibotValidator] },
  });
  await expect(publisher.publish('a', { id: 'a', more: 1 } as { id: string })).rejects.toMatchObject({
    issues: [{ path: 'more', message: 'unknown field' }],
  });
  await publisher.close();
  await transport.close();
});
