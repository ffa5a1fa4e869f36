import { validatorConformance } from '@events/conformance';
import type { StandardSchema } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { test } from '@jest/globals';
import { z as z4 } from 'zod';
import * as mini from 'zod/mini';
import { z as z3 } from 'zod3';
import { z as z4of3 } from 'zod3/v4';
import { zodValidator } from '../src/index.js';
import { shapesOf } from './shapes.js';
import { miniShapes } from './shapes-mini.js';

const openTransport = () => new MemoryTransport();
const common = { openTransport, tellsPaths: true, isAsynchronous: false };

// each of them has the same functions, and types that differ
const versions = [
  ['zod 4', z4],
  ['zod 3.25', z3],
  ['zod/v4 of zod 3.25', z4of3],
] as unknown as readonly (readonly [string, typeof z4])[];

for (const [name, z] of versions) {
  const order = z.object({
    orderId: z.string(),
    lines: z.array(z.object({ sku: z.string(), quantity: z.number().int().min(1) })),
    note: z.string().optional(),
  }) as StandardSchema;
  validatorConformance({ test }, { ...common, name: `${name} as it is`, order });
  validatorConformance(
    { test },
    {
      ...common,
      name: `zodValidator of ${name}`,
      order: zodValidator(order),
      strict: (shape, strictMode) => zodValidator(shapesOf(z)[shape], { strictMode }),
    },
  );
  const checked = (z.object as (shape: object) => typeof order)(
    (order as unknown as { shape: object }).shape,
  ) as never as {
    refine(check: () => Promise<boolean>): StandardSchema;
  };
  const asynchronous = zodValidator(checked.refine(async () => true));
  validatorConformance(
    { test },
    { ...common, name: `asynchronous zodValidator of ${name}`, order: asynchronous, isAsynchronous: true },
  );
}

validatorConformance(
  { test },
  {
    ...common,
    name: 'zodValidator of zod/mini',
    order: zodValidator(
      mini.object({
        orderId: mini.string(),
        lines: mini.array(mini.object({ sku: mini.string(), quantity: mini.int().check(mini.minimum(1)) })),
        note: mini.optional(mini.string()),
      }),
    ),
    strict: (shape, strictMode) => zodValidator(miniShapes[shape], { strictMode }),
  },
);
