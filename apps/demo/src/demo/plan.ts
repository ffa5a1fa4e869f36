import type { Order } from '../services/order-service.js';
import type { DemoOptions } from './options.js';
import { chance } from './random.js';

/** What will happen in a run, as far as it is decided beforehand. */
export interface Plan {
  readonly orders: number;
  readonly rate: number;
  readonly seconds: number | undefined;
  readonly seed: number;
  /** The order over which the payment service fails for good. */
  readonly poisonOrderId: string;
}

export function planOf({ orders, rate, seconds, seed }: DemoOptions): Plan {
  const reachable = seconds === undefined ? orders : Math.min(orders, Math.ceil(rate * seconds));
  return { orders, rate, seconds, seed, poisonOrderId: orderIdOf(Math.floor(reachable / 3)) };
}

/** The order that the customer number `index` places. */
export function orderOf({ seed }: Plan, index: number): Order {
  const orderId = orderIdOf(index);
  return {
    orderId,
    customer: `customer-${Math.floor(chance(seed, 'customer', orderId) * 500)}`,
    total: 500 + Math.floor(chance(seed, 'total', orderId) * 20_000),
  };
}

function orderIdOf(index: number): string {
  return `order-${String(index + 1).padStart(5, '0')}`;
}
