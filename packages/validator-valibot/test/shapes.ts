import type { StrictShape } from '@events/conformance';
import type { StandardSchema } from '@events/core';
import * as v from 'valibot';

const id = { id: v.string() };
const city = v.object({ city: v.string() });
const node: v.GenericSchema = v.object({ name: v.string(), children: v.array(v.lazy(() => node)) });

/** The shapes of the conformance suite. */
export const shapes: Readonly<Record<StrictShape, StandardSchema>> = {
  object: v.object(id),
  nested: v.object({ ...id, customer: v.object({ name: v.string() }) }),
  list: v.object({ lines: v.array(v.object({ sku: v.string() })) }),
  optional: v.object({ address: v.optional(city) }),
  nullable: v.object({ address: v.nullable(city) }),
  withDefault: v.object({ address: v.optional(city, { city: 'Berlin' }) }),
  variants: v.variant('kind', [
    v.object({ kind: v.literal('card'), card: v.object({ last4: v.string() }) }),
    v.object({ kind: v.literal('cash'), cents: v.number() }),
  ]),
  union: v.union([v.object({ text: v.string() }), v.object({ number: v.number() })]),
  record: v.record(v.string(), v.object({ rate: v.number() })),
  tuple: v.tuple([v.object({ x: v.number() }), v.string()]),
  recursive: node,
  both: v.intersect([v.object({ a: v.number() }), v.object({ b: v.object({ c: v.number() }) })]),
  refined: v.pipe(
    v.object({ from: v.number(), to: v.number() }),
    v.check(({ from, to }) => from <= to),
  ),
  transformed: v.object({
    at: v.pipe(
      v.string(),
      v.transform((text) => text.length),
    ),
  }),
  alwaysStrict: v.strictObject(id),
  alwaysOpen: v.looseObject(id),
};

const later = <Schema extends v.GenericSchema>(schema: Schema) =>
  v.pipeAsync(
    schema,
    v.checkAsync(async () => true),
  );
const cityLater = v.objectAsync({ city: later(v.string()) });
const nodeLater: v.GenericSchemaAsync = v.objectAsync({
  name: later(v.string()),
  children: v.arrayAsync(v.lazyAsync(async () => nodeLater)),
});

/** The same, of schemas that answer later. */
export const asynchronousShapes: Readonly<Record<StrictShape, StandardSchema>> = {
  object: v.objectAsync({ id: later(v.string()) }),
  nested: v.objectAsync({ ...id, customer: v.objectAsync({ name: later(v.string()) }) }),
  list: v.objectAsync({ lines: v.arrayAsync(v.objectAsync({ sku: later(v.string()) })) }),
  optional: v.objectAsync({ address: v.optionalAsync(cityLater) }),
  nullable: v.objectAsync({ address: v.nullableAsync(cityLater) }),
  withDefault: v.objectAsync({ address: v.optionalAsync(cityLater, { city: 'Berlin' }) }),
  variants: v.variantAsync('kind', [
    v.objectAsync({ kind: v.literal('card'), card: v.objectAsync({ last4: later(v.string()) }) }),
    v.objectAsync({ kind: v.literal('cash'), cents: later(v.number()) }),
  ]),
  union: v.unionAsync([v.objectAsync({ text: later(v.string()) }), v.objectAsync({ number: later(v.number()) })]),
  record: v.recordAsync(v.string(), v.objectAsync({ rate: later(v.number()) })),
  tuple: v.tupleAsync([v.objectAsync({ x: later(v.number()) }), v.string()]),
  recursive: nodeLater,
  both: v.intersectAsync([
    v.objectAsync({ a: later(v.number()) }),
    v.objectAsync({ b: v.objectAsync({ c: later(v.number()) }) }),
  ]),
  refined: v.pipeAsync(
    v.object({ from: v.number(), to: v.number() }),
    v.checkAsync(async ({ from, to }) => from <= to),
  ),
  transformed: v.objectAsync({
    at: v.pipeAsync(
      v.string(),
      v.transformAsync(async (text) => text.length),
    ),
  }),
  alwaysStrict: v.strictObjectAsync({ id: later(v.string()) }),
  alwaysOpen: v.looseObjectAsync({ id: later(v.string()) }),
};
