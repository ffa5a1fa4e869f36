import type { StrictShape } from '@events/conformance';
import type { StandardSchema } from '@events/core';
import type { z as z4 } from 'zod';

/** The shapes of the conformance suite, made with the zod that is given. */
export function shapesOf(z: typeof z4): Readonly<Record<StrictShape, StandardSchema>> {
  const id = { id: z.string() };
  const city = z.object({ city: z.string() });
  interface Node {
    readonly name: string;
    readonly children: readonly Node[];
  }
  const node: StandardSchema = z.object({ name: z.string(), children: z.array(z.lazy((): never => node as never)) });
  return {
    object: z.object(id),
    nested: z.object({ ...id, customer: z.object({ name: z.string() }) }),
    list: z.object({ lines: z.array(z.object({ sku: z.string() })) }),
    optional: z.object({ address: city.optional() }),
    nullable: z.object({ address: city.nullable() }),
    withDefault: z.object({ address: city.default({ city: 'Berlin' }) }),
    variants: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('card'), card: z.object({ last4: z.string() }) }),
      z.object({ kind: z.literal('cash'), cents: z.number() }),
    ]),
    union: z.union([z.object({ text: z.string() }), z.object({ number: z.number() })]),
    record: z.record(z.string(), z.object({ rate: z.number() })),
    tuple: z.tuple([z.object({ x: z.number() }), z.string()]),
    recursive: node as StandardSchema<Node>,
    both: z.intersection(z.object({ a: z.number() }), z.object({ b: z.object({ c: z.number() }) })),
    refined: z.object({ from: z.number(), to: z.number() }).refine(({ from, to }) => from <= to),
    transformed: z.object({ at: z.string().transform((text) => text.length) }),
    alwaysStrict: z.object(id).strict(),
    alwaysOpen: z.object(id).passthrough(),
  };
}
