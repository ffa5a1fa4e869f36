import type { Transport } from '@events/core';
import type { Note } from './hosted-service.js';
import type { RedisAddress } from './messages.js';

/** A transport over Redis. Which client carries it is this one line's business, and nobody else's. */
export async function openRedis({ url, client }: RedisAddress, note: Note): Promise<Transport> {
  // Imported here, so that the shop on memory does not load them.
  const { RedisTransport } =
    client === 'ioredis' ? await import('@events/redis-ioredis') : await import('@events/redis-node');
  const transport = new RedisTransport({ url });
  transport.on('warning', (message) => note(message));
  // Every connection tells of every attempt; a viewer wants to know when it began and when it was over.
  const lost = new Set<string>();
  transport.on('reconnecting', ({ role }) => {
    if (lost.size === 0) note('the connection to Redis was lost and is opened again');
    lost.add(role);
  });
  transport.on('connected', ({ role }) => {
    if (lost.delete(role) && lost.size === 0) note('connected to Redis again');
  });
  return transport;
}
