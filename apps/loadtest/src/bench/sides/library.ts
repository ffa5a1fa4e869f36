import { type ConsumerOptions, EventConsumer, type EventContracts, EventPublisher, type Transport } from '@events/core';
import type { Client } from '../cases.js';
import { type Order, orderType, sourceName } from '../orders.js';
import type { SideChoice } from './open-side.js';
import { type ConsumingSide, consumerName, groupName, type Handler, type PublishingSide, streamName } from './side.js';

/** The library over one of the clients, with its default options. Only that client is loaded. */
export async function openTransport(client: Client, url: string): Promise<Transport> {
  const { RedisTransport } =
    client === 'ioredis' ? await import('@events/redis-ioredis') : await import('@events/redis-node');
  return new RedisTransport({ url });
}

/** Only loaded where it is used: its memory counts. */
async function contractsIf(validated: boolean): Promise<{ readonly events?: EventContracts }> {
  return validated ? { events: (await import('../order-contracts.js')).orderContracts } : {};
}

export class LibraryPublisher implements PublishingSide {
  readonly #transport: Transport;
  readonly #publisher: EventPublisher;

  static async open({ side, client, url, validated, maxLength }: SideChoice): Promise<LibraryPublisher> {
    const transport = await openTransport(client, url);
    const contracts = await contractsIf(validated);
    return new LibraryPublisher(
      transport,
      new EventPublisher({
        transport,
        source: sourceName,
        defaultStream: streamName,
        trimStrategy: maxLength === undefined || side === 'without' ? { enabled: false } : { maxLength },
        ...contracts,
      }),
    );
  }

  private constructor(transport: Transport, publisher: EventPublisher) {
    this.#transport = transport;
    this.#publisher = publisher;
  }

  publish(order: Order): Promise<unknown> {
    return this.#publisher.publish(orderType, order);
  }

  async close(): Promise<void> {
    await this.#publisher.close();
    await this.#transport.close();
  }
}

/** Options of a consumer that a case sets differently from the defaults. */
export type ConsumerTuning = Pick<ConsumerOptions, 'claimIdleMs' | 'handlerTimeoutMs' | 'consumer'>;

export class LibraryConsumer implements ConsumingSide {
  readonly #transport: Transport;
  readonly #consumer: EventConsumer;

  static async open(
    client: Client,
    url: string,
    { validated = false, tuning = {} }: { readonly validated?: boolean; readonly tuning?: ConsumerTuning } = {},
  ): Promise<LibraryConsumer> {
    const transport = await openTransport(client, url);
    const contracts = await contractsIf(validated);
    const consumer = new EventConsumer({
      transport,
      stream: streamName,
      group: groupName,
      consumer: consumerName,
      ...contracts,
      ...tuning,
    });
    return new LibraryConsumer(transport, consumer);
  }

  private constructor(transport: Transport, consumer: EventConsumer) {
    this.#transport = transport;
    this.#consumer = consumer;
  }

  async start(handler: Handler): Promise<void> {
    // a listener that throws is left behind; outside of it, an error ends the process and so the run
    this.#consumer.on('error', (error) =>
      setImmediate(() => {
        throw error;
      }),
    );
    await this.#consumer.subscribe(orderType, handler).start();
  }

  async close(): Promise<void> {
    await this.#consumer.stop({ timeoutMs: 0 });
    await this.#transport.close();
  }
}
