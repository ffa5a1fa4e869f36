import type { Transport } from '@events/core';
import { RedisTransport as IoredisTransport } from '@events/redis-ioredis';
import { RedisTransport as NodeRedisTransport } from '@events/redis-node';
import type { Address } from './ground.js';

export const clients = ['ioredis', 'node-redis'] as const;

/** Which client library a process uses. */
export type Client = (typeof clients)[number];

export function openTransport(client: Client, address: Address): Transport {
  return client === 'ioredis' ? new IoredisTransport(address) : new NodeRedisTransport(address);
}
