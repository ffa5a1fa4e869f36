import {
  type ConsumedEvent,
  type ConsumerOptions,
  EventConsumer,
  EventPublisher,
  EventsError,
  type PublisherOptions,
  type Transport,
} from '@events/core';
import { afterEach } from '@jest/globals';
import type { Address } from '../../src/ground.js';
import { type Client, openTransport } from '../../src/transports.js';

export const stream = 'faults';
const group = 'station';

/** A publisher and a consumer over one client, which notes what it is told. */
export class Station {
  readonly handled: string[] = [];
  readonly emitted: { readonly name: string; readonly detail: unknown }[] = [];
  readonly #transport: Transport;
  readonly #closing: (() => Promise<unknown>)[] = [];

  constructor(client: Client, address: Address) {
    this.#transport = openTransport(client, address);
    stations.add(this);
  }

  publisher(options: Partial<PublisherOptions> = {}): EventPublisher {
    const given = { transport: this.#transport, source: 'test', defaultStream: stream, timeoutMs: 3_000, ...options };
    const publisher = new EventPublisher(given);
    publisher.on('error', (error) => this.emitted.push({ name: error.name, detail: error }));
    this.#closing.unshift(() => publisher.close());
    return publisher;
  }

  async consumer(
    options: Partial<ConsumerOptions> = {},
    handle: (event: ConsumedEvent) => unknown = () => undefined,
  ): Promise<EventConsumer> {
    const consumer = new EventConsumer({ transport: this.#transport, stream, group, ...options });
    consumer.subscribe('*', async (event) => {
      await handle(event);
      this.handled.push(event.id);
    });
    consumer.on('error', (error) => this.emitted.push({ name: codeOf(error), detail: error }));
    consumer.on('groupLost', (loss) => this.emitted.push({ name: 'groupLost', detail: loss }));
    this.#closing.unshift(() => consumer.stop({ timeoutMs: 500 }));
    await consumer.start();
    return consumer;
  }

  async close(): Promise<void> {
    stations.delete(this);
    for (const close of this.#closing) await close();
    await this.#transport.close();
  }
}

const stations = new Set<Station>();

afterEach(async () => {
  for (const station of stations) await station.close();
});

/** What a publish comes to: `stored`, or the outcome that its rejection names, with the first word of the reason. */
export async function outcomeOf(publishing: Promise<unknown>): Promise<string> {
  try {
    await publishing;
    return 'stored';
  } catch (error) {
    if (!(error instanceof EventsError)) throw error;
    return `${error.outcome} ${wordOf(error)}`;
  }
}

function wordOf(error: EventsError): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const word = /^[A-Z]{3,}(?=[ :]|$)/.exec(cause.message)?.[0];
    if (word !== undefined) return word;
  }
  return error.code;
}

function codeOf(error: Error): string {
  return error instanceof EventsError ? error.code : error.name;
}
