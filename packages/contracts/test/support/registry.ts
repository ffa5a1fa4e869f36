import { defineEvents, versioned } from '@events/core';
import { valibotValidator } from '@events/validator-valibot';
import { zodValidator } from '@events/validator-zod';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { z as z3 } from 'zod3';

/** A registry of five libraries, with what makes documentation hard. */
export const registry = defineEvents({
  'order.placed': versioned(z.object({ total: z.number() })).next(
    z
      .object({
        orderId: z.string().min(1).describe('As the shop counts them'),
        cents: z.int().min(0),
        currency: z.enum(['EUR', 'USD']).default('EUR'),
        lines: z.array(z.object({ sku: z.string(), quantity: z.int().min(1) })),
        address: z
          .object({
            city: z.string(),
            zip: z
              .string()
              .regex(/^\d{5}$/)
              .optional(),
          })
          .nullable(),
      })
      .describe('A customer has ordered <b>something</b>'),
    ({ total }) => ({ orderId: 'unknown', cents: Math.round(total * 100), lines: [], address: null }),
  ),
  'order.paid': valibotValidator(v.object({ orderId: v.string(), method: v.picklist(['card', 'cash']) })),
  'order.dated': z.object({ at: z.string().transform((text) => new Date(text)) }),
  'customer:created/eu': type({ name: 'string', 'nick?': 'string' }),
  'customer:created_eu': zodValidator(z3.object({ name: z3.string() })),
  'tree.grown': z.object({
    name: z.string(),
    get children() {
      return z.array(registryTree);
    },
  }),
  'payment.made': z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), last4: z.string() }),
    z.object({ kind: z.literal('cash'), cents: z.int() }),
  ]),
  'anything.happened': v.any(),
});

const registryTree = z.object({
  name: z.string(),
  get children(): z.ZodArray<typeof registryTree> {
    return z.array(registryTree);
  },
});
