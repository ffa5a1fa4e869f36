import { Redis } from 'ioredis';
import type { Order } from '../orders.js';
import { plainEntry } from './plain-entry.js';
import { type ConsumingSide, consumerName, groupName, type Handler, type PublishingSide, streamName } from './side.js';

type Entries = [id: string, fields: [string, string, string, string, string, string, string, string]][];

const entriesPerRead = 100;
const blockMs = 1_000;

/** The publisher that a good engineer writes with ioredis: automatic pipelining, and every call awaited. */
export class PlainIoredisPublisher implements PublishingSide {
  readonly #client: Redis;
  readonly #trimming: readonly ['MAXLEN', '~', number] | readonly [];

  constructor(url: string, maxLength: number | undefined) {
    this.#client = new Redis(url, { enableAutoPipelining: true });
    this.#trimming = maxLength === undefined ? [] : ['MAXLEN', '~', maxLength];
  }

  publish(order: Order): Promise<unknown> {
    const { id, type, meta, data } = plainEntry(order);
    return this.#client.xadd(streamName, ...this.#trimming, '*', 'id', id, 'type', type, 'meta', meta, 'data', data);
  }

  async close(): Promise<void> {
    this.#client.disconnect();
  }
}

/** The consumer that a good engineer writes with ioredis: a hundred a read, acknowledged together with the next read. */
export class PlainIoredisConsumer implements ConsumingSide {
  readonly #client: Redis;
  #closed = false;
  #loop: Promise<void> | undefined;

  constructor(url: string) {
    this.#client = new Redis(url);
  }

  async start(handler: Handler): Promise<void> {
    await this.#client.xgroup('CREATE', streamName, groupName, '0', 'MKSTREAM');
    this.#loop = this.#run(handler);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#client.disconnect();
    await this.#loop;
  }

  async #run(handler: Handler): Promise<void> {
    let handled: string[] = [];
    while (!this.#closed) {
      const pipeline = this.#client.pipeline();
      if (handled.length > 0) pipeline.xack(streamName, groupName, ...handled);
      pipeline.xreadgroup(
        'GROUP',
        groupName,
        consumerName,
        'COUNT',
        entriesPerRead,
        'BLOCK',
        blockMs,
        'STREAMS',
        streamName,
        '>',
      );
      const replies = await this.#exec(pipeline);
      if (replies === undefined) return;
      handled = [];
      for (const [id, fields] of replies) {
        const { source, time } = JSON.parse(fields[5]);
        handler({ id: fields[1], type: fields[3], source, time, data: JSON.parse(fields[7]), entryId: id });
        handled.push(id);
      }
    }
  }

  async #exec(pipeline: ReturnType<Redis['pipeline']>): Promise<Entries | undefined> {
    let replies: Awaited<ReturnType<typeof pipeline.exec>>;
    try {
      replies = await pipeline.exec();
    } catch (error) {
      if (this.#closed) return undefined;
      throw error;
    }
    const [error, reply] = replies?.at(-1) ?? [null, null];
    if (error !== null && this.#closed) return undefined;
    if (error !== null) throw error;
    return (reply as [[string, Entries]] | null)?.[0][1] ?? [];
  }
}
