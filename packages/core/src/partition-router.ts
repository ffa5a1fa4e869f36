import { jitteredBackoffMs } from './backoff.js';
import { type EventsError, TimeoutError } from './errors.js';
import { toError } from './failure.js';
import { partitionOf, partitionStream } from './partition.js';
import { differingCount } from './partition-agreement.js';
import type { PartitionTable } from './partition-table.js';
import { manyWaiters, sleep } from './sleep.js';
import type { Failure, Transport } from './transport.js';

const checkEveryMs = 10_000;
/** Where each call names its stream, those that were not asked for longest are asked for anew. */
const mostStreams = 10_000;

/** Places events in partitions, once it is sure that everybody counts the same number of them. */
export class PartitionRouter {
  readonly #transport: Transport;
  readonly #count: number;
  readonly #timeoutMs: number;
  readonly #agreements = new Map<string, Agreement>();

  constructor(transport: Transport, count: number, timeoutMs: number) {
    this.#transport = transport;
    this.#count = count;
    this.#timeoutMs = timeoutMs;
  }

  /** The partition's key for an event with this key, or, without one, this id: a repeated id must come to the same place. */
  place(stream: string, keyOrId: string): string {
    return partitionStream(stream, partitionOf(keyOrId, this.#count));
  }

  /**
   * `undefined` when the number is agreed on, otherwise what to wait for, `timeoutMs` at most. Throws `PartitionsError` when
   * it is known to be another one.
   */
  agreed(stream: string): Promise<void> | undefined {
    let agreement = this.#agreements.get(stream);
    if (agreement === undefined) {
      this.#forgetOldest();
      agreement = new Agreement(this.#transport, stream, this.#count, this.#timeoutMs);
      this.#agreements.set(stream, agreement);
    }
    return agreement.reached();
  }

  #forgetOldest(): void {
    if (this.#agreements.size < mostStreams) return;
    for (const [stream, agreement] of this.#agreements) {
      if (agreement.isAsking) continue;
      this.#agreements.delete(stream);
      void agreement.close();
      return;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agreements.values()].map((agreement) => agreement.close()));
  }
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: EventsError) => void;
  readonly timer: NodeJS.Timeout;
}

/** The number of partitions of one stream, compared with what is recorded. */
class Agreement {
  readonly #transport: Transport;
  readonly #stream: string;
  readonly #count: number;
  readonly #timeoutMs: number;
  readonly #table: PartitionTable;
  readonly #waiters = new Set<Waiter>();
  readonly #closing = manyWaiters();
  #recorded: number | undefined;
  #checkedMs = 0;
  #asking: Promise<void> | undefined;
  #lastFailure: Failure | undefined;

  constructor(transport: Transport, stream: string, count: number, timeoutMs: number) {
    this.#transport = transport;
    this.#stream = stream;
    this.#count = count;
    this.#timeoutMs = timeoutMs;
    this.#table = transport.partitionTable(stream);
  }

  get isAsking(): boolean {
    return this.#asking !== undefined;
  }

  reached(): Promise<void> | undefined {
    if (this.#recorded === undefined) return this.#wait();
    if (performance.now() - this.#checkedMs >= checkEveryMs) this.#ask();
    if (this.#recorded === this.#count) return undefined;
    throw differingCount(this.#stream, this.#count, this.#recorded, { outcome: 'not-stored' });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#asking;
    await this.#table.close();
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      const tooLate = () => {
        this.#waiters.delete(waiter);
        reject(this.#timeout());
      };
      const waiter: Waiter = { resolve, reject, timer: setTimeout(tooLate, this.#timeoutMs) };
      this.#waiters.add(waiter);
      this.#ask();
    });
  }

  #ask(): void {
    if (this.#closing.signal.aborted) return;
    this.#asking ??= this.#askUntilAnswered().finally(() => {
      this.#asking = undefined;
    });
  }

  async #askUntilAnswered(): Promise<void> {
    this.#checkedMs = performance.now();
    for (let failures = 1; ; failures += 1) {
      try {
        this.#recorded = await this.#table.agree(this.#count);
        this.#settle(({ resolve, reject }) => {
          if (this.#recorded === this.#count) resolve();
          else reject(differingCount(this.#stream, this.#count, this.#recorded ?? 0, { outcome: 'not-stored' }));
        });
        return;
      } catch (error) {
        this.#lastFailure = this.#transport.classify(error);
        if (!this.#mayRepeat(this.#lastFailure)) {
          this.#settle(({ reject }) => reject(this.#failure(this.#lastFailure as Failure)));
        }
        // a check that nobody waits for is made again with a later event; what is wrong, its own storing tells
        if (this.#waiters.size === 0) return;
        await sleep(jitteredBackoffMs(failures, 50, 250), this.#closing.signal);
        if (this.#closing.signal.aborted) return;
      }
    }
  }

  #mayRepeat({ kind }: Failure): boolean {
    const isTransient = kind === 'offline' || kind === 'refused' || kind === 'unknown';
    return isTransient && this.#transport.retryPolicy.strategy === 'retry';
  }

  /** Settles those who wait, in the order in which they came. */
  #settle(how: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer);
      how(waiter);
    }
    this.#waiters.clear();
  }

  #timeout(): EventsError {
    if (this.#lastFailure !== undefined) return this.#failure(this.#lastFailure);
    return new TimeoutError(
      `The number of partitions of '${this.#stream}' was not answered within ${this.#timeoutMs} ms`,
      { outcome: 'not-stored' },
    );
  }

  #failure(failure: Failure): EventsError {
    // nothing of the event itself was sent, whatever became of the question
    return toError(`Could not agree on the partitions of '${this.#stream}'`, failure, { outcome: 'not-stored' });
  }
}
