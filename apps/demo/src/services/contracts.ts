import { defineEvents } from '@events/core';
import { z } from 'zod';

/** Every event belongs to an order, and counts what its publisher has said of that order, from 1 on. */
const ofOrder = { orderId: z.string().min(1), sequence: z.int().positive() };
const cents = z.int().nonnegative();

/** What the services of the shop tell each other. */
export const contracts = defineEvents({
  'order.placed': z.object({ ...ofOrder, customer: z.string(), total: cents }),
  'order.closed': z.object({ ...ofOrder, outcome: z.enum(['delivered', 'declined']) }),
  'payment.captured': z.object({ ...ofOrder, amount: cents }),
  'payment.declined': z.object({ ...ofOrder, reason: z.string() }),
  'order.packed': z.object(ofOrder),
  'order.shipped': z.object({ ...ofOrder, trackingNumber: z.string() }),
  'order.delivered': z.object(ofOrder),
});

export type Contracts = typeof contracts;

/** One stream for each service that publishes. */
export const streams = { orders: 'orders', payments: 'payments', shipments: 'shipments' } as const;
