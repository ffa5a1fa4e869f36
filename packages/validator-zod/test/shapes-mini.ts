import type { StrictShape } from '@events/conformance';
import type { StandardSchema } from '@events/core';
import * as z from 'zod/mini';

const id = { id: z.string() };
const city = z.object({ city: z.string() });

const node = z.object({
  name: z.string(),
  get children() {
    return z.array(node);
  },
});

/** The shapes of the conformance suite. */
export const miniShapes: Readonly<Record<StrictShape, StandardSchema>> = {
  object: z.object(id),
  nested: z.object({ ...id, customer: z.object({ name: z.string() }) }),
  list: z.object({ lines: z.array(z.object({ sku: z.string() })) }),
  optional: z.object({ address: z.optional(city) }),
  nullable: z.object({ address: z.nullable(city) }),
  withDefault: z.object({ address: z._default(city, { city: 'Berlin' }) }),
  variants: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), card: z.object({ last4: z.string() }) }),
    z.object({ kind: z.literal('cash'), cents: z.number() }),
  ]),
  union: z.union([z.object({ text: z.string() }), z.object({ number: z.number() })]),
  record: z.record(z.string(), z.object({ rate: z.number() })),
  tuple: z.tuple([z.object({ x: z.number() }), z.string()]),
  recursive: node,
  both: z.intersection(z.object({ a: z.number() }), z.object({ b: z.object({ c: z.number() }) })),
  refined: z.object({ from: z.number(), to: z.number() }).check(z.refine(({ from, to }) => from <= to)),
  transformed: z.object({
    at: z.pipe(
      z.string(),
      z.transform((text: string) => text.length),
    ),
  }),
  alwaysStrict: z.strictObject(id),
  alwaysOpen: z.looseObject(id),
};
