import assert from 'node:assert/strict';
import type { SchemaResult } from '@events/core';
import { copyOf } from './copy-of.js';
import type { ValidatorHarness } from './harness.js';
import { orders } from './orders.js';
import type { ValidatorScenario } from './scenario.js';

/** Anything that may come out of a stream. */
const garbage: readonly unknown[] = [
  ...[undefined, null, true, 0, -0, Number.NaN, '', 'text', 1n, Symbol('s')],
  ...[[], {}, [[]], () => 1, new Date(), new Map(), Object.create(null), JSON.parse('{"__proto__":{"orderId":"o-1"}}')],
  ...[{ orderId: null }, { lines: {} }, { orderId: 'o-1', lines: [null] }, { length: -1 }, { toString: null }],
];

/** Its answer, or a refusal where it may throw instead. */
async function ask({ order, throwsInstead = false }: ValidatorHarness, data: unknown): Promise<SchemaResult<unknown>> {
  try {
    return await order['~standard'].validate(data);
  } catch (error) {
    if (throwsInstead) return { issues: [{ message: 'threw' }] };
    throw error;
  }
}

export const answeringScenarios: readonly ValidatorScenario[] = [
  {
    name: 'answers by the Standard Schema: version, vendor, and what it was asked',
    async run({ order, isAsynchronous }) {
      const { version, vendor, validate } = order['~standard'];
      assert.equal(version, 1);
      assert.equal(typeof vendor, 'string');
      const answer = validate(orders.valid);
      assert.equal(answer instanceof Promise, isAsynchronous);
      const result = await answer;
      assert.deepEqual(result.issues === undefined && result.value, orders.valid);
    },
  },
  {
    name: 'passes every valid order as it is, and changes none of them',
    async run(harness) {
      for (const valid of [orders.valid, orders.withNote, orders.empty]) {
        const before = copyOf(valid);
        const result = await ask(harness, valid);
        assert.equal(result.issues, undefined);
        assert.deepEqual(result.issues === undefined ? result.value : undefined, before);
        assert.deepEqual(valid, before);
      }
    },
  },
  {
    name: 'refuses every invalid order, with at least one issue that says something',
    async run(harness) {
      const { tellsPaths } = harness;
      for (const { data, path } of orders.invalid) {
        const before = copyOf(data);
        const result = await ask(harness, data);
        const issues = result.issues ?? assert.fail(`it passed ${JSON.stringify(data)}`);
        assert.ok(issues.length > 0);
        for (const { message } of issues) assert.ok(typeof message === 'string' && message !== '');
        const paths = issues.map(({ path: keys = [] }) =>
          keys.map((key) => String(typeof key === 'object' ? key.key : key)).join('.'),
        );
        if (tellsPaths) assert.ok(paths.includes(path), `${path} is not among ${paths.join(', ')}`);
        assert.deepEqual(data, before);
      }
    },
  },
  {
    name: 'refuses whatever else it is given, and throws at nothing',
    async run(harness) {
      for (const value of garbage) {
        const result = await ask(harness, value);
        assert.ok((result.issues?.length ?? 0) > 0, `it passed ${typeof value}`);
      }
    },
  },
  {
    name: 'answers many at once, each for itself',
    async run(harness) {
      const asked = Array.from({ length: 200 }, (_, index) =>
        index % 3 === 0 ? orders.invalid[0]?.data : orders.valid,
      );
      const answers = await Promise.all(asked.map((data) => ask(harness, data)));
      assert.deepEqual(
        answers.map(({ issues }) => issues === undefined),
        asked.map((data) => data === orders.valid),
      );
    },
  },
];
