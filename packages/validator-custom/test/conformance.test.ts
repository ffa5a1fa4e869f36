import { type PlainOrder, validatorConformance } from '@events/conformance';
import type { StandardSchema } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { test } from '@jest/globals';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type } from 'arktype';
import { assertionValidator, jsonSchemaValidator, parserValidator, predicateValidator } from '../src/index.js';

const openTransport = () => new MemoryTransport();
const common = { openTransport, tellsPaths: false, isAsynchronous: false };

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Written by hand, as a team has it that uses no library. */
function problemsOf(value: unknown): Problem[] {
  if (typeof value !== 'object' || value === null) return [{ path: [], message: 'must be an object' }];
  const { orderId, lines, note } = value as Partial<Record<keyof PlainOrder, unknown>>;
  const problems: Problem[] = [];
  if (typeof orderId !== 'string') problems.push({ path: ['orderId'], message: 'must be a text' });
  if (note !== undefined && typeof note !== 'string') problems.push({ path: ['note'], message: 'must be a text' });
  if (!Array.isArray(lines)) return [...problems, { path: ['lines'], message: 'must be a list' }];
  for (const [index, line] of lines.entries()) {
    const { sku, quantity } = line ?? {};
    if (typeof sku !== 'string') problems.push({ path: ['lines', index, 'sku'], message: 'must be a text' });
    const isCount = Number.isInteger(quantity) && quantity >= 1;
    if (!isCount) problems.push({ path: ['lines', index, 'quantity'], message: 'must be a whole number from 1' });
  }
  return problems;
}

const isOrder = (value: unknown): value is PlainOrder => problemsOf(value).length === 0;

function assertOrder(value: unknown): asserts value is PlainOrder {
  const issues = problemsOf(value);
  if (issues.length > 0) throw Object.assign(new Error('This is no order'), { issues });
}

const jsonSchema = {
  type: 'object',
  required: ['orderId', 'lines'],
  properties: {
    orderId: { type: 'string' },
    note: { type: 'string' },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        required: ['sku', 'quantity'],
        properties: { sku: { type: 'string' }, quantity: { type: 'integer', minimum: 1 } },
      },
    },
  },
} as const;

const answer = (value: unknown) => {
  const issues = problemsOf(value);
  return issues.length === 0 ? { value: value as PlainOrder } : { issues };
};
const handWritten: StandardSchema<PlainOrder> = { '~standard': { version: 1, vendor: 'by hand', validate: answer } };
const handWrittenLater: StandardSchema<PlainOrder> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: async (value) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      return answer(value);
    },
  },
};
const throwing: StandardSchema<PlainOrder> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: (value) => {
      assertOrder(value);
      return { value };
    },
  },
};
const callable = Object.assign(() => {
  throw new Error('a schema that is a function is not to be called');
}, handWritten);

const arktype = type({
  orderId: 'string',
  lines: type({ sku: 'string', quantity: 'number.integer >= 1' }).array(),
  'note?': 'string',
});

for (const [name, harness] of Object.entries({
  predicateValidator: { order: predicateValidator(isOrder) },
  'predicateValidator that answers later': {
    order: predicateValidator(async (value) => isOrder(value)),
    isAsynchronous: true,
  },
  assertionValidator: { order: assertionValidator(assertOrder), tellsPaths: true },
  'assertionValidator that rejects': {
    order: assertionValidator(async (value) => assertOrder(value)),
    tellsPaths: true,
    isAsynchronous: true,
  },
  parserValidator: {
    order: parserValidator((value) => {
      assertOrder(value);
      return { ...value };
    }),
    tellsPaths: true,
  },
  'jsonSchemaValidator of Ajv': {
    order: jsonSchemaValidator(jsonSchema, new Ajv({ allErrors: true })),
    tellsPaths: true,
  },
  'jsonSchemaValidator of Ajv2020': { order: jsonSchemaValidator(jsonSchema, new Ajv2020()), tellsPaths: true },
  'jsonSchemaValidator of an asynchronous schema': {
    order: jsonSchemaValidator({ $async: true, ...jsonSchema }, new Ajv()),
    tellsPaths: true,
    isAsynchronous: true,
  },
  'arktype as it is': { order: arktype, tellsPaths: true },
  'a schema written by hand': { order: handWritten, tellsPaths: true },
  'a schema written by hand that answers later': { order: handWrittenLater, tellsPaths: true, isAsynchronous: true },
  'a schema that throws': { order: throwing, throwsInstead: true },
  'a schema that is a function, too': { order: callable, tellsPaths: true },
})) {
  validatorConformance({ test }, { ...common, ...harness, name });
}
