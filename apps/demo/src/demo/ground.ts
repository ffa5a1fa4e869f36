import { randomBytes } from 'node:crypto';
import { EventsError, type Transport } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { startRedis } from '@events/tooling-redis';
import { Redis } from 'ioredis';
import type { Note } from './hosted-service.js';
import type { RedisAddress } from './messages.js';
import { openRedis } from './open-redis.js';
import type { Place } from './options.js';

/** The run cannot go on, for a reason that the message tells in full. */
export class ExplainedError extends Error {
  override readonly name = 'ExplainedError';
}

/** What a run stands on. */
export interface Ground {
  /** In words. */
  readonly description: string;
  readonly transport: Transport;
  /** Stands before every stream name of this run, and of no other. */
  readonly streamPrefix: string;
  /** Where other processes find the same streams; `undefined` when they cannot. */
  readonly redis: RedisAddress | undefined;
  /** Leaves nothing behind. Throws `ExplainedError` when the keys of the run cannot be deleted. */
  close(): Promise<void>;
}

/** Throws `ExplainedError` when Redis cannot be started or used. */
export async function openGround(place: Place, note: Note): Promise<Ground> {
  if (place.kind === 'memory') {
    const transport = new MemoryTransport();
    const description = 'on memory · one process';
    return { description, transport, streamPrefix: 'demo', redis: undefined, close: () => transport.close() };
  }
  const server = place.url === 'local' ? await startLocal() : undefined;
  const redis = { url: server?.url ?? place.url, client: place.client };
  const streamPrefix = `demo-${randomBytes(4).toString('hex')}`;
  try {
    const transport = await connect(redis, note);
    const { engine, version } = await transport.capabilities();
    return {
      description: `on ${engine} ${version ?? ''} at ${hostOf(redis.url)} through ${redis.client} · a process per service`,
      transport,
      streamPrefix,
      redis,
      async close() {
        try {
          await transport.close();
          if (server === undefined) await deleteKeys(redis.url, streamPrefix);
        } finally {
          await server?.stop();
        }
      },
    };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

async function startLocal() {
  try {
    return await startRedis({ appendOnly: 'everysec', maxMemory: '256mb' });
  } catch (error) {
    throw new ExplainedError(`No Redis of our own: ${(error as Error).message}`, { cause: error });
  }
}

async function connect(redis: RedisAddress, note: Note): Promise<Transport> {
  try {
    const transport = await openRedis(redis, note);
    await transport.connect();
    return transport;
  } catch (error) {
    if (error instanceof EventsError) throw new ExplainedError(error.message, { cause: error });
    throw error;
  }
}

/** Deletes what stands behind a prefix: streams are `prefix:name`, what belongs to them is `{prefix:name}:…`. */
async function deleteKeys(url: string, streamPrefix: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: null });
  let reason: Error | undefined;
  // The promises below only say that the connection is closed; this says why.
  client.on('error', (error) => {
    reason = error;
  });
  try {
    await client.connect();
    for (const match of [`${streamPrefix}:*`, `{${streamPrefix}:*`]) {
      const batches: AsyncIterable<string[]> = client.scanStream({ match, count: 1_000 });
      for await (const keys of batches) if (keys.length > 0) await client.unlink(...keys);
    }
  } catch (error) {
    const { message } = reason ?? (error as Error);
    throw new ExplainedError(`The keys ${streamPrefix}:* and {${streamPrefix}:* could not be deleted: ${message}`, {
      cause: error,
    });
  } finally {
    client.disconnect();
  }
}

/** The address without its password. */
function hostOf(url: string): string {
  return new URL(url).host;
}
