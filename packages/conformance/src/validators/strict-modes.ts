import assert from 'node:assert/strict';
import type { SchemaResult } from '@events/core';
import { copyOf } from './copy-of.js';
import type { StrictShape, ValidatorHarness } from './harness.js';
import type { ValidatorScenario } from './scenario.js';

interface StrictCase {
  readonly shape: StrictShape;
  /** What the shape names. */
  readonly known: unknown;
  /** The same with fields that it does not name. */
  readonly withUnknown: unknown;
  /** Where those are. */
  readonly paths: readonly string[];
  /** What is given of `known`, and of `withUnknown` when it is stripped. Default: `known`. */
  readonly stripped?: unknown;
  /** What is given of `withUnknown` when it is kept. Default: `withUnknown`. */
  readonly kept?: unknown;
}

const unknown = { unknown: { deep: true } };

/** What every library does alike. */
const cases: readonly StrictCase[] = [
  { shape: 'object', known: { id: 'a' }, withUnknown: { id: 'a', ...unknown, more: 1 }, paths: ['more', 'unknown'] },
  {
    shape: 'nested',
    known: { id: 'a', customer: { name: 'b' } },
    withUnknown: { id: 'a', customer: { name: 'b', ...unknown }, more: 1 },
    paths: ['customer.unknown', 'more'],
  },
  {
    shape: 'list',
    known: { lines: [{ sku: 'a' }, { sku: 'b' }] },
    withUnknown: { lines: [{ sku: 'a' }, { sku: 'b', ...unknown }] },
    paths: ['lines.1.unknown'],
  },
  {
    shape: 'optional',
    known: { address: { city: 'a' } },
    withUnknown: { address: { city: 'a', ...unknown } },
    paths: ['address.unknown'],
  },
  { shape: 'optional', known: {}, withUnknown: unknown, paths: ['unknown'] },
  {
    shape: 'nullable',
    known: { address: { city: 'a' } },
    withUnknown: { address: { city: 'a', ...unknown } },
    paths: ['address.unknown'],
  },
  { shape: 'nullable', known: { address: null }, withUnknown: { address: null, ...unknown }, paths: ['unknown'] },
  {
    shape: 'withDefault',
    known: {},
    withUnknown: unknown,
    paths: ['unknown'],
    stripped: { address: { city: 'Berlin' } },
    kept: { address: { city: 'Berlin' }, ...unknown },
  },
  {
    shape: 'variants',
    known: { kind: 'card', card: { last4: '1234' } },
    withUnknown: { kind: 'card', card: { last4: '1234', ...unknown }, cents: 1 },
    paths: ['card.unknown', 'cents'],
  },
  {
    shape: 'union',
    known: { number: 1 },
    withUnknown: { number: 1, ...unknown },
    paths: ['unknown'],
  },
  {
    shape: 'record',
    known: { eu: { rate: 1 }, us: { rate: 2 } },
    withUnknown: { eu: { rate: 1 }, us: { rate: 2, ...unknown } },
    paths: ['us.unknown'],
  },
  {
    shape: 'tuple',
    known: [{ x: 1 }, 'a'],
    withUnknown: [{ x: 1, ...unknown }, 'a'],
    paths: ['0.unknown'],
  },
  {
    shape: 'recursive',
    known: { name: 'a', children: [{ name: 'b', children: [] }] },
    withUnknown: { name: 'a', children: [{ name: 'b', children: [{ name: 'c', children: [], ...unknown }] }] },
    paths: ['children.0.children.0.unknown'],
    stripped: { name: 'a', children: [{ name: 'b', children: [{ name: 'c', children: [] }] }] },
  },
  {
    shape: 'both',
    known: { a: 1, b: { c: 2 } },
    withUnknown: { a: 1, b: { c: 2 }, ...unknown },
    paths: ['unknown'],
  },
  {
    shape: 'both',
    known: { a: 1, b: { c: 2 } },
    withUnknown: { a: 1, b: { c: 2, ...unknown } },
    paths: ['b.unknown'],
  },
  { shape: 'refined', known: { from: 1, to: 2 }, withUnknown: { from: 1, to: 2, ...unknown }, paths: ['unknown'] },
  {
    shape: 'transformed',
    known: { at: 'four' },
    withUnknown: { at: 'four', ...unknown },
    paths: ['unknown'],
    stripped: { at: 4 },
    kept: { at: 4, ...unknown },
  },
  { shape: 'alwaysStrict', known: { id: 'a' }, withUnknown: { id: 'a', ...unknown }, paths: ['unknown'] },
  { shape: 'alwaysOpen', known: { id: 'a' }, withUnknown: { id: 'a', ...unknown }, paths: ['unknown'] },
];

export const strictModeScenarios: readonly ValidatorScenario[] = cases.flatMap((each, index) => {
  const { shape, known, withUnknown, paths, stripped = known, kept = withUnknown } = each;
  const isFirst = cases.findIndex((other) => other.shape === shape) === index;
  const name = isFirst ? shape : `${shape} (${JSON.stringify(known)})`;
  return [
    {
      name: `strictMode 'refuse' names every unknown field: ${name}`,
      async run(harness: ValidatorHarness) {
        const result = await ask(harness, shape, 'refuse', withUnknown);
        const issues = result.issues ?? assert.fail('it was not refused');
        assert.deepEqual(issues.map(pathOf).sort(), [...paths].sort());
        for (const { message } of issues) assert.match(message, /unknown field/);
      },
    },
    {
      name: `strictMode 'refuse' passes what has none: ${name}`,
      async run(harness: ValidatorHarness) {
        const expected = stripped === known || shape === 'withDefault' || shape === 'transformed' ? stripped : known;
        assert.deepEqual(await ask(harness, shape, 'refuse', known), { value: expected });
      },
    },
    {
      name: `strictMode 'strip' leaves unknown fields out: ${name}`,
      async run(harness: ValidatorHarness) {
        assert.deepEqual(await ask(harness, shape, 'strip', withUnknown), { value: stripped });
      },
    },
    {
      name: `strictMode 'keep' keeps unknown fields: ${name}`,
      async run(harness: ValidatorHarness) {
        assert.deepEqual(await ask(harness, shape, 'keep', withUnknown), { value: kept });
      },
    },
  ];
});

async function ask(
  { strict }: ValidatorHarness,
  shape: StrictShape,
  mode: 'refuse' | 'strip' | 'keep',
  value: unknown,
): Promise<SchemaResult<unknown>> {
  const before = copyOf(value);
  const validator = strict?.(shape, mode) ?? assert.fail('the harness has no strict shapes');
  const result = await validator['~standard'].validate(value);
  assert.deepEqual(value, before, 'the validator changed what it was given');
  // a result may carry more than the standard asks for, and objects without a prototype
  return result.issues === undefined ? { value: copyOf(result.value) } : { issues: result.issues };
}

function pathOf({
  path = [],
}: {
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}) {
  return path.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
}
