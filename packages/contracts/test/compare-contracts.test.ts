import { defineEvents, type StandardSchema, versioned } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { z } from 'zod';
import { type Compatibility, compareContracts, describeContracts, type JsonSchema } from '../src/index.js';
import { narrowings } from '../src/narrowings.js';
import { registry } from './support/registry.js';

const of = (schema: StandardSchema) => describeContracts(defineEvents({ a: schema }));
const breaking = (before: StandardSchema, after: StandardSchema, compatibility: Compatibility = 'backward') =>
  compareContracts(of(before), of(after), { compatibility })
    .filter(({ isBreaking }) => isBreaking)
    .map(({ path, message }) => `${path}: ${message}`);

const order = z.object({ id: z.string(), total: z.number(), note: z.string().optional() });

describe('what breaks consumers that read stored events', () => {
  test.each<[string, StandardSchema, StandardSchema, string]>([
    ['a new required field', order, order.extend({ vat: z.number() }), 'vat: must be there now'],
    ['a field that becomes required', order, order.extend({ note: z.string() }), 'note: must be there now'],
    [
      'another type',
      order,
      order.extend({ total: z.string() }),
      'total: was of type number, and must be of type string now',
    ],
    [
      'a narrower type',
      order,
      order.extend({ total: z.int() }),
      'total: was of type number, and must be of type integer now',
    ],
    [
      'a field that may not be null any more',
      z.object({ a: z.string().nullable() }),
      z.object({ a: z.string() }),
      'a: was of type null',
    ],
    ['a value that is gone', z.enum(['a', 'b', 'c']), z.enum(['a']), ': does not take "b", "c" any more'],
    ['values where there were none', z.string(), z.enum(['a']), ': takes only "a" now'],
    ['fields that are refused', order, z.strictObject(order.shape), ': refuses fields that it does not name now'],
    ['a field that is refused', order, order.omit({ note: true }).strict(), 'note: is refused now'],
    ['a higher lower bound', z.number().min(1), z.number().min(2), ': minimum is 2 now, and was 1'],
    ['a new upper bound', z.string(), z.string().max(9), ': maxLength is 9 now'],
    ['another pattern', z.string().regex(/a/), z.string().regex(/b/), ': pattern has changed'],
    ['a new format', z.string(), z.email(), ': format has changed: none before, "email" now'],
    ['elements of another type', z.array(z.string()), z.array(z.number()), '[]: was of type string'],
    ['fewer elements', z.array(z.string()), z.array(z.string()).max(3), ': maxItems is 3 now'],
    [
      'a tuple with another element',
      z.tuple([z.string(), z.number()]),
      z.tuple([z.string(), z.string()]),
      '[1]: was of type number',
    ],
    [
      'a field deep below',
      z.object({ a: z.array(z.object({ b: z.string() })) }),
      z.object({ a: z.array(z.object({ b: z.number() })) }),
      'a.[].b: was of type string',
    ],
    ['an option that is gone', z.union([z.string(), z.number()]), z.string(), ': was of type number'],
    [
      'a variant that is gone',
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('a') }),
        z.object({ kind: z.literal('b'), b: z.string() }),
      ]),
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') })]),
      'kind: does not take "b" any more',
    ],
    [
      'a variant that has changed',
      z.union([z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b'), b: z.string() })]),
      z.union([z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b'), b: z.number() })]),
      'b: was of type string',
    ],
    [
      'records of another type',
      z.record(z.string(), z.string()),
      z.record(z.string(), z.number()),
      '*: was of type string',
    ],
    [
      'both sides of an intersection',
      order,
      z.intersection(order, z.object({ vat: z.number() })),
      'vat: must be there now',
    ],
    [
      'a schema that contains itself',
      z.object({
        get next() {
          return selfish.optional();
        },
        size: z.number(),
      }),
      z.object({
        get next() {
          return selfish.optional();
        },
        size: z.string(),
      }),
      'size: was of type number',
    ],
    ['a schema that says nothing any more', order, z.object({ at: z.date() }), 'has no JSON Schema any more'],
    ['anything that becomes something', z.any(), z.string(), 'must be of type string now'],
  ])('%s', (_name, before, after, message) => {
    const found = breaking(before, after);
    expect(found).toContainEqual(expect.stringContaining(message));
    // a field that is refused is one that is not named, and a format may be written as a pattern too
    expect(found.length).toBeLessThanOrEqual(2);
  });

  test.each<[string, StandardSchema, StandardSchema]>([
    ['nothing', order, order],
    ['a new optional field', order, order.extend({ vat: z.number().optional() })],
    ['a new field with a default', order, order.extend({ vat: z.number().default(0) })],
    ['a field that is gone', order, order.omit({ note: true })],
    ['a field that becomes optional', order, order.partial()],
    ['a wider type', z.int(), z.number()],
    ['a new value', z.enum(['a']), z.enum(['a', 'b'])],
    ['values that become any text', z.enum(['a']), z.string()],
    ['a lower bound that is lower', z.number().min(2), z.number().min(1)],
    ['a bound that is gone', z.string().max(9), z.string()],
    ['a new option', z.string(), z.union([z.string(), z.number()])],
    ['options in another order', z.union([z.string(), z.number()]), z.union([z.number(), z.string()])],
    ['a description', order, order.describe('An order')],
    ['something that becomes anything', order, z.any()],
    [
      'an intersection of the same',
      z.intersection(order, z.object({ vat: z.number() })),
      order.extend({ vat: z.number() }),
    ],
    ['strictness that is gone', z.strictObject(order.shape), order],
  ])('not %s', (_name, before, after) => {
    expect(breaking(before, after)).toEqual([]);
  });
});

const selfish = z.object({
  get next(): z.ZodOptional<typeof selfish> {
    return selfish.optional();
  },
});

describe('compatibility', () => {
  const wider = order.extend({ total: z.union([z.number(), z.string()]) });

  test.each<[Compatibility, number, number]>([
    ['backward', 0, 1],
    ['forward', 1, 0],
    ['full', 1, 1],
  ])('%s', (mode, whenWider, whenNarrower) => {
    expect(breaking(order, wider, mode)).toHaveLength(whenWider);
    expect(breaking(wider, order, mode)).toHaveLength(whenNarrower);
  });

  test('is one of three', () => {
    expect(() => breaking(order, order, 'sideways' as Compatibility)).toThrow("'backward', 'forward', 'full'");
  });
});

describe('types and versions', () => {
  const before = describeContracts(registry);
  const { 'order.paid': _paid, ...others } = registry;

  test('that are gone break, that are new do not', () => {
    expect(compareContracts(before, describeContracts(others))).toEqual([
      { type: 'order.paid', version: undefined, path: '', message: 'the type is gone', isBreaking: true },
    ]);
    expect(compareContracts(describeContracts(others), before)).toEqual([
      expect.objectContaining({ type: 'order.paid', message: 'the type is new', isBreaking: false }),
    ]);
    expect(compareContracts(before, before)).toEqual([]);
  });

  test('a new version breaks only consumers of before; one that is gone breaks what is stored', () => {
    const one = of(versioned(z.object({ a: z.string() })));
    const two = of(versioned(z.object({ a: z.string() })).next(z.object({ b: z.number() }), () => ({ b: 1 })));
    expect(compareContracts(one, two)).toEqual([expect.objectContaining({ version: 2, isBreaking: false })]);
    expect(compareContracts(one, two, { compatibility: 'full' })).toEqual([
      expect.objectContaining({ version: 2, isBreaking: true, message: expect.stringContaining('deploy them first') }),
    ]);
    expect(compareContracts(two, one)).toEqual([
      expect.objectContaining({ version: 2, message: 'the version is gone', isBreaking: true }),
    ]);
  });

  test('what is no description is refused', () => {
    expect(() => compareContracts({} as never, before)).toThrow(expect.objectContaining({ code: 'EVENTS_OPTIONS' }));
  });
});

describe('whatever is said to break nothing breaks nothing', () => {
  /** Small schemas of few words, so that two of them often have much in common. */
  const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom<JsonSchema>(
        true,
        {},
        { type: 'string' },
        { type: 'number' },
        { type: 'integer' },
        { type: 'null' },
      ),
      fc.constantFrom<JsonSchema>(
        { enum: ['a', 1] },
        { const: 'a' },
        { type: ['string', 'null'] },
        { type: 'string', maxLength: 1 },
      ),
      fc.constantFrom<JsonSchema>(
        { type: 'number', minimum: 1 },
        { type: 'number', maximum: 1 },
        { type: 'string', minLength: 2 },
      ),
      fc.record({ type: fc.constant('array'), items: tie('schema') }),
      fc
        .record({
          properties: fc.dictionary(fc.constantFrom('x', 'y'), tie('schema'), { maxKeys: 2 }),
          required: fc.subarray(['x', 'y']),
          additionalProperties: fc.constantFrom(true, false),
        })
        .map((object) => ({ type: 'object', ...object })),
      fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((anyOf) => ({ anyOf })),
      fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((allOf) => ({ allOf })),
    ) as fc.Arbitrary<JsonSchema>,
  }));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<unknown>(null, 'a', 'ab', '', 0, 1, 2, 1.5, true),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('x', 'y'), tie('value'), { maxKeys: 2 }),
    ),
  }));

  /** Fields that the old schema does not name and the new one does: stored data with them is thought not to exist. */
  const isAdded = (from: JsonSchema, to: JsonSchema) => {
    const names = (each: JsonSchema) =>
      new Set([...JSON.stringify(each).matchAll(/"([xy])":/g)].map(([, name]) => name));
    return [...names(to)].some((name) => !names(from).has(name));
  };

  test('for any two schemas, and any data', () => {
    const ajv = new Ajv({ strict: false });
    let compared = 0;
    fc.assert(
      fc.property(schema, schema, fc.array(value, { minLength: 10, maxLength: 20 }), (from, to, values) => {
        if (isAdded(from, to) || narrowings(from, to).length > 0) return;
        compared += 1;
        const [before, after] = [ajv.compile(from), ajv.compile(to)];
        for (const each of values)
          if (before(each)) expect([from, to, each, after(each)]).toEqual([from, to, each, true]);
      }),
      { numRuns: 3_000 },
    );
    // otherwise it says nothing
    expect(compared).toBeGreaterThan(200);
  });
});
