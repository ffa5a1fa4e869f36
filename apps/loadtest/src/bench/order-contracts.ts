import { defineEvents } from '@events/core';
import { z } from 'zod';

const line = z.object({ sku: z.string(), name: z.string(), quantity: z.number().int(), unitPrice: z.number() });

/** The contract of the 'with zod' rows. */
export const orderContracts = defineEvents({
  'order.placed': z.object({
    sequence: z.number(),
    sentAtUs: z.number(),
    orderId: z.string(),
    customer: z.string(),
    total: z.number(),
    note: z.string(),
    lines: z.array(line),
  }),
});
