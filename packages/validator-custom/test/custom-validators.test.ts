import { defineEvents, type EventInput, type EventOutput, type StandardSchema } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import { assertionValidator, jsonSchemaValidator, parserValidator, predicateValidator } from '../src/index.js';

type Same<Left, Right> =
  (<Probe>() => Probe extends Left ? 1 : 2) extends <Probe>() => Probe extends Right ? 1 : 2 ? true : false;
function same<_IsSame extends true>(): void {}

const ask = async (schema: Pick<StandardSchema, '~standard'>, value: unknown) => schema['~standard'].validate(value);

function assertText(value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new TypeError('must be a text');
}

test('contracts have the types that the functions say', () => {
  const events = defineEvents({
    guard: predicateValidator((value): value is { id: string } => typeof value === 'object'),
    assertion: assertionValidator(assertText),
    parser: parserValidator<Date, string>((value) => new Date(String(value))),
    later: parserValidator(async () => 7),
    schema: jsonSchemaValidator<{ id: string }>({ type: 'object' }, new Ajv()),
    open: predicateValidator(() => true),
  });
  type Events = typeof events;
  same<Same<EventInput<Events, 'guard'>, { id: string }>>();
  same<Same<EventOutput<Events, 'assertion'>, string>>();
  same<Same<EventInput<Events, 'parser'>, string>>();
  same<Same<EventOutput<Events, 'parser'>, Date>>();
  same<Same<EventOutput<Events, 'later'>, number>>();
  same<Same<EventOutput<Events, 'schema'>, { id: string }>>();
  same<Same<EventInput<Events, 'open'>, unknown>>();
  expect(Object.keys(events)).toHaveLength(6);
});

describe.each([
  ['predicateValidator', predicateValidator],
  ['assertionValidator', assertionValidator],
  ['parserValidator', parserValidator],
] as const)('%s', (_name, validator) => {
  const make = validator as (given: unknown) => unknown;

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'needs a function'],
    ['a text', 'x', 'needs a function'],
    ['a schema', z.string(), 'needs a function'],
    ['a schema that is a function', Object.assign(() => true, { '~standard': {} }), 'use it as it is'],
  ])('refuses %s', (_what, given, message) => {
    expect(() => make(given)).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(message) }),
    );
  });
});

describe('a predicate', () => {
  test('refuses with the message given', async () => {
    expect(
      await ask(
        predicateValidator(() => false, 'is no order'),
        1,
      ),
    ).toEqual({ issues: [{ message: 'is no order' }] });
    expect(
      await ask(
        predicateValidator(() => false),
        1,
      ),
    ).toEqual({ issues: [{ message: 'was refused' }] });
  });

  test('must say true or false', async () => {
    for (const verdict of [undefined, 1, 'yes', Promise.resolve(1)]) {
      expect(
        await ask(
          predicateValidator(() => verdict as unknown as boolean),
          1,
        ),
      ).toEqual({
        issues: [{ message: 'the predicate says neither true nor false' }],
      });
    }
  });
});

describe('what is thrown', () => {
  test.each<[string, unknown, unknown]>([
    ['an error', new Error('is no order'), [{ message: 'is no order' }]],
    ['a text', 'is no order', [{ message: 'is no order' }]],
    ['nothing', undefined, [{ message: 'was refused' }]],
    ['an error without a message', new Error(''), [{ message: 'was refused' }]],
    [
      'an error that throws',
      {
        get issues() {
          throw new Error('x');
        },
      },
      [{ message: 'was refused' }],
    ],
    [
      'an error with issues',
      { issues: [{ message: 'bad', path: ['a', 1, { key: 'b' }] }, {}] },
      [{ message: 'bad', path: ['a', 1, 'b'] }, { message: 'was refused' }],
    ],
    ['an error with issues that are none', Object.assign(new Error('x'), { issues: ['bad'] }), [{ message: 'x' }]],
    ['a zod error', z.object({ id: z.string() }).safeParse({}).error, [{ message: expect.any(String), path: ['id'] }]],
  ])('becomes issues: %s', async (_name, thrown, issues) => {
    const throwing = () => {
      throw thrown;
    };
    for (const validator of [
      assertionValidator(throwing),
      assertionValidator(() => Promise.reject(thrown)),
      parserValidator(throwing),
      parserValidator(() => Promise.reject(thrown)),
    ]) {
      expect(await ask(validator, 1)).toEqual({ issues });
    }
  });
});

test('a parser gives what it makes of the data', async () => {
  expect(
    await ask(
      parserValidator((value) => Number(value)),
      '7',
    ),
  ).toEqual({ value: 7 });
  expect(
    await ask(
      parserValidator(async (value) => Number(value)),
      '7',
    ),
  ).toEqual({ value: 7 });
});

describe('a JSON Schema', () => {
  const ajv = () => addFormats.default(new Ajv({ allErrors: true }));

  test.each<[string, () => unknown, string]>([
    ['no Ajv', () => jsonSchemaValidator({}, undefined as never), 'needs an Ajv instance'],
    ['no schema', () => jsonSchemaValidator('x' as never, new Ajv()), 'needs a JSON Schema'],
    ['a schema that Ajv refuses', () => jsonSchemaValidator({ type: 'text' }, new Ajv()), 'Ajv refuses'],
  ])('is refused: %s', (_name, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(message) }),
    );
  });

  test('names what is missing, what is not known, and where', async () => {
    const schema = {
      type: 'object',
      required: ['id'],
      additionalProperties: false,
      properties: { id: {}, 'a/b~c': { type: 'object', properties: { at: { type: 'string', format: 'date-time' } } } },
    };
    expect(await ask(jsonSchemaValidator(schema, ajv()), { more: 1, 'a/b~c': { at: 'x' } })).toEqual({
      issues: expect.arrayContaining([
        { path: ['id'], message: 'is missing' },
        { path: ['more'], message: 'unknown field' },
        { path: ['a/b~c', 'at'], message: 'must match format "date-time"' },
      ]),
    });
  });

  test.each([
    [{ useDefaults: true }, { properties: { size: { default: 1 } } }, {}, { size: 1 }],
    [{ coerceTypes: true }, { properties: { size: { type: 'number' } } }, { size: '1' }, { size: 1 }],
    [{ removeAdditional: true }, { properties: {}, additionalProperties: false }, { more: 1 }, {}],
  ])('changes a copy where Ajv changes what it checks: %p', async (options, schema, given, output) => {
    const before = JSON.stringify(given);
    const validator = jsonSchemaValidator(
      { type: 'object', ...schema } as object as { type: string },
      new Ajv(options as object),
    );
    expect(await ask(validator, given)).toEqual({ value: output });
    expect(JSON.stringify(given)).toBe(before);
  });

  test('gives the data itself where it does not', async () => {
    const given = { id: 1 };
    const result = await ask(jsonSchemaValidator(true, new Ajv()), given);
    expect(result.issues === undefined && result.value).toBe(given);
    expect(await ask(jsonSchemaValidator(false, new Ajv()), given)).toMatchObject({ issues: [expect.anything()] });
  });

  test('is its own documentation', () => {
    const { jsonSchema } = jsonSchemaValidator({ type: 'object' }, new Ajv())['~standard'];
    expect(jsonSchema.input({ target: 'draft-07' })).toEqual({ type: 'object' });
    expect(jsonSchemaValidator(false, new Ajv())['~standard'].jsonSchema.output({ target: 'draft-07' })).toEqual({
      not: {},
    });
  });

  test('that rejects with something else than errors is a schema that throws', async () => {
    const broken = { compile: () => () => Promise.reject(new Error('broken')) };
    await expect(ask(jsonSchemaValidator({}, broken), 1)).rejects.toThrow('broken');
  });
});
