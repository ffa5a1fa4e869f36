import { setTimeout as delay } from 'node:timers/promises';
import type { Order } from '../services/order-service.js';
import { orderOf, type Plan } from './plan.js';

const turnMs = 40;
const mostPerTurn = 1_000;

/** Places the orders of a plan at its rate, until all are placed, time is up, or `signal` aborts. */
export async function placeOrders(
  plan: Plan,
  placeOrder: (order: Order) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const endsAfterMs = plan.seconds === undefined ? Number.POSITIVE_INFINITY : plan.seconds * 1_000;
  let placed = 0;
  while (placed < plan.orders && !signal.aborted) {
    const elapsedMs = Math.min(performance.now() - startedAt, endsAfterMs);
    const due = Math.floor((elapsedMs / 1_000) * plan.rate) + 1;
    const until = Math.min(plan.orders, due, placed + mostPerTurn);
    const turn: Promise<unknown>[] = [];
    for (; placed < until; placed += 1) turn.push(placeOrder(orderOf(plan, placed)));
    await Promise.all(turn);
    if (elapsedMs === endsAfterMs) break;
    await delay(turnMs);
  }
}
