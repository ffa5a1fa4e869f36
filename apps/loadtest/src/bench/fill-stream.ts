import { Redis } from 'ioredis';
import { makeOrders, type Order } from './orders.js';
import { plainEntry } from './sides/plain-entry.js';
import { streamName } from './sides/side.js';
import { poolSize } from './tasks/pool-size.js';

const charactersPerBatch = 262_144;

/** Stores `count` events as the hand-written loop does, numbered from 0. */
export async function fillStream(url: string, size: number, count: number): Promise<void> {
  const client = new Redis(url);
  const orders = makeOrders(size, poolSize(size));
  const perBatch = Math.max(1, Math.floor(charactersPerBatch / size));
  try {
    for (let next = 0; next < count; ) {
      const batch = client.pipeline();
      for (const end = Math.min(count, next + perBatch); next < end; next += 1) {
        const order = orders[next % orders.length] as Order;
        order.sequence = next;
        const { id, type, meta, data } = plainEntry(order);
        batch.xadd(streamName, '*', 'id', id, 'type', type, 'meta', meta, 'data', data);
      }
      for (const [error] of (await batch.exec()) ?? []) if (error !== null) throw error;
    }
  } finally {
    client.disconnect();
  }
}
