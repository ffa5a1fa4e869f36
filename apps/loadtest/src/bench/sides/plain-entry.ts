import { randomUUID } from 'node:crypto';
import { type Order, orderType, sourceName } from '../orders.js';

/** The fields of an entry as a hand-written loop makes them: the same four that the library writes. */
export function plainEntry(order: Order) {
  return {
    id: randomUUID(),
    type: orderType,
    meta: JSON.stringify({ source: sourceName, time: new Date().toISOString() }),
    data: JSON.stringify(order),
  };
}
