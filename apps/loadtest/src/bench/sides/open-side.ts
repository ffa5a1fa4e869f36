import type { Client, Side } from '../cases.js';
import type { ConsumingSide, PublishingSide } from './side.js';

export interface SideChoice {
  readonly side: Side;
  readonly client: Client;
  readonly url: string;
  readonly validated: boolean;
  readonly maxLength?: number;
}

/** Loads nothing of the other sides: their code would count in memory, and their shapes in the compiler's guesses. */
export async function openPublisher(choice: SideChoice): Promise<PublishingSide> {
  const { side, client, url, maxLength } = choice;
  if (side !== 'plain') return (await import('./library.js')).LibraryPublisher.open(choice);
  if (client === 'ioredis') return new (await import('./plain-ioredis.js')).PlainIoredisPublisher(url, maxLength);
  return new (await import('./plain-node-redis.js')).PlainNodeRedisPublisher(url, maxLength);
}

export async function openConsumer({ side, client, url, validated }: SideChoice): Promise<ConsumingSide> {
  if (side !== 'plain') return (await import('./library.js')).LibraryConsumer.open(client, url, { validated });
  if (client === 'ioredis') return new (await import('./plain-ioredis.js')).PlainIoredisConsumer(url);
  return new (await import('./plain-node-redis.js')).PlainNodeRedisConsumer(url);
}
