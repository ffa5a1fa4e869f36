import { createClient } from 'redis';
import type { Order } from '../orders.js';
import { plainEntry } from './plain-entry.js';
import { type ConsumingSide, consumerName, groupName, type Handler, type PublishingSide, streamName } from './side.js';

type Client = ReturnType<typeof openClient>;

const entriesPerRead = 100;
const blockMs = 1_000;

function openClient(url: string) {
  return createClient({ url }).on('error', (error: Error) => {
    throw error;
  });
}

/** The publisher that a good engineer writes with node-redis: its typed API, which pipelines by itself. */
export class PlainNodeRedisPublisher implements PublishingSide {
  readonly #client: Client;
  readonly #connected: Promise<unknown>;
  readonly #options: NonNullable<Parameters<Client['xAdd']>[3]>;

  constructor(url: string, maxLength: number | undefined) {
    this.#client = openClient(url);
    this.#options =
      maxLength === undefined ? {} : { TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: maxLength } };
    this.#connected = this.#client.connect();
  }

  publish(order: Order): Promise<unknown> {
    return this.#client.xAdd(streamName, '*', plainEntry(order), this.#options);
  }

  async close(): Promise<void> {
    await this.#connected;
    this.#client.destroy();
  }
}

/** The consumer that a good engineer writes with node-redis: a hundred a read, acknowledged together with the next read. */
export class PlainNodeRedisConsumer implements ConsumingSide {
  readonly #client: Client;
  #closed = false;
  #loop: Promise<void> | undefined;

  constructor(url: string) {
    this.#client = openClient(url);
  }

  async start(handler: Handler): Promise<void> {
    await this.#client.connect();
    await this.#client.xGroupCreate(streamName, groupName, '0', { MKSTREAM: true });
    this.#loop = this.#run(handler);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#client.destroy();
    await this.#loop;
  }

  async #run(handler: Handler): Promise<void> {
    let handled: string[] = [];
    try {
      while (!this.#closed) {
        // both commands leave in one write
        const acknowledged = handled.length > 0 ? this.#client.xAck(streamName, groupName, handled) : undefined;
        const read = this.#client.xReadGroup(
          groupName,
          consumerName,
          { key: streamName, id: '>' },
          { COUNT: entriesPerRead, BLOCK: blockMs },
        );
        const [streams] = await Promise.all([read, acknowledged]);
        handled = [];
        for (const { id, message } of streams?.[0]?.messages ?? []) {
          const { source, time } = JSON.parse(message.meta ?? '');
          handler({
            id: message.id ?? '',
            type: message.type,
            source,
            time,
            data: JSON.parse(message.data ?? ''),
            entryId: id,
          });
          handled.push(id);
        }
      }
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }
}
