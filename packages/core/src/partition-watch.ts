import { ClosedError, type EventsError } from './errors.js';
import { FailureEpisodes } from './failure-episodes.js';
import { differingCount } from './partition-agreement.js';
import type { PartitionTable } from './partition-table.js';
import { retryOperation } from './retry-operation.js';
import { manyWaiters, sleep } from './sleep.js';
import type { EmitConsumerEvent } from './stream-session.js';
import type { Transport } from './transport.js';

const everyMs = 3_000;

/** Sees to it that a consumer that reads all partitions of a stream knows how many there are. */
export class PartitionWatch {
  readonly #transport: Transport;
  readonly #stream: string;
  readonly #count: number;
  readonly #onFatal: (error: EventsError) => void;
  readonly #table: PartitionTable;
  readonly #episodes: FailureEpisodes;
  readonly #ending = manyWaiters();
  #watching: Promise<void> = Promise.resolve();

  constructor(
    transport: Transport,
    stream: string,
    count: number,
    emit: EmitConsumerEvent,
    onFatal: (error: EventsError) => void,
  ) {
    this.#transport = transport;
    this.#stream = stream;
    this.#count = count;
    this.#onFatal = onFatal;
    this.#table = transport.partitionTable(stream);
    this.#episodes = new FailureEpisodes(transport, `of '${stream}'`, (error) => emit('error', error));
  }

  /** Throws `PartitionsError` when another number is recorded. */
  async start(): Promise<void> {
    const what = `Could not agree on the partitions of '${this.#stream}'`;
    const agree = () => this.#table.agree(this.#count);
    const recorded = await retryOperation(this.#transport, what, agree, this.#ending.signal);
    if (recorded !== this.#count) throw differingCount(this.#stream, this.#count, recorded);
    this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#watching;
    await this.#table.close();
  }

  async #watch(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      await sleep(everyMs * (0.8 + Math.random() * 0.4), this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      try {
        const recorded = await this.#table.agree(this.#count);
        this.#episodes.succeeded('compare the partitions');
        if (recorded !== this.#count) this.#onFatal(differingCount(this.#stream, this.#count, recorded));
      } catch (error) {
        const { kind } = this.#episodes.failed('compare the partitions', error, (failure) => failure.kind === 'closed');
        if (kind === 'closed' && !this.#ending.signal.aborted)
          this.#onFatal(new ClosedError('The transport was closed while the consumer was using it'));
      }
    }
  }
}
