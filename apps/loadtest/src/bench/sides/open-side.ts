import type { Client, Side } from '../cases.js';
import type { ConsumingSide, PublishingSide } from './side.js';

export interface SideChoice {
  readonly side: Side;
  readonly client: Client;
  readonly url: string;
  readonly validated: boolean;
}

/** Loads nothing of the other sides: their code would count in memory, and their shapes in the compiler's guesses. */
export async function openPublisher({ side, client, url, validated }: SideChoice): Promise<PublishingSide> {
  if (side === 'library') return (await import('./library.js')).LibraryPublisher.open(client, url, validated);
  if (client === 'ioredis') return new (await import('./plain-ioredis.js')).PlainIoredisPublisher(url);
  return new (await import('./plain-node-redis.js')).PlainNodeRedisPublisher(url);
}

export async function openConsumer({ side, client, url, validated }: SideChoice): Promise<ConsumingSide> {
  if (side === 'library') return (await import('./library.js')).LibraryConsumer.open(client, url, { validated });
  if (client === 'ioredis') return new (await import('./plain-ioredis.js')).PlainIoredisConsumer(url);
  return new (await import('./plain-node-redis.js')).PlainNodeRedisConsumer(url);
}
