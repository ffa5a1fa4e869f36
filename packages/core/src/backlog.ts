import { jitteredBackoffMs } from './backoff.js';
import { CarefulFetch } from './careful-fetch.js';
import type { Delivery } from './delivery.js';
import { Fifo } from './fifo.js';
import type { ReadGate } from './read-gate.js';
import { sleep } from './sleep.js';
import type { StreamSession } from './stream-session.js';
import type { Fields } from './transport.js';

const maxBatch = 64;

/** Deliveries known by their ids alone, whose turn has come: fetches their data, as far as there is room. */
export class Backlog {
  readonly #session: StreamSession;
  readonly #gate: ReadGate;
  readonly #affordableCount: () => number;
  readonly #onLoaded: (loaded: readonly (readonly [Delivery, Fields | null])[]) => Promise<void>;
  readonly #onUnreadable: (delivery: Delivery, error: Error) => void;
  readonly #fetch: CarefulFetch;
  readonly #waiting = new Fifo<Delivery>();
  #isLoading = false;

  /**
   * `onLoaded` gets deliveries with their fields, or `null` for entries that no longer exist; `onUnreadable` those that
   * the server does not send.
   */
  constructor(
    session: StreamSession,
    gate: ReadGate,
    affordableCount: () => number,
    onLoaded: (loaded: readonly (readonly [Delivery, Fields | null])[]) => Promise<void>,
    onUnreadable: (delivery: Delivery, error: Error) => void,
  ) {
    this.#session = session;
    this.#gate = gate;
    this.#affordableCount = affordableCount;
    this.#onLoaded = onLoaded;
    this.#onUnreadable = onUnreadable;
    this.#fetch = new CarefulFetch(session);
  }

  push(delivery: Delivery): void {
    this.#waiting.push(delivery);
    if (this.#isLoading) return;
    this.#isLoading = true;
    void this.#load();
  }

  get size(): number {
    return this.#waiting.length;
  }

  clear(): void {
    this.#waiting.drain();
  }

  async #load(): Promise<void> {
    const { stopping } = this.#session;
    for (let failures = 0; this.#waiting.length > 0 && !stopping.signal.aborted; ) {
      const room = await this.#gate.waitToLoad(stopping.signal);
      const batch = this.#take(Math.min(maxBatch, room, this.#affordableCount(), this.#fetch.limit));
      if (batch.length === 0) continue;
      try {
        const { entries, unreadable } = await this.#fetch.fetch(batch.map(({ id }) => id));
        this.#session.succeeded('fetch entries of');
        failures = 0;
        const loaded: [Delivery, Fields | null][] = [];
        for (const delivery of batch) {
          const entry = entries.get(delivery.id);
          const error = unreadable.get(delivery.id);
          if (entry !== undefined) loaded.push([delivery, entry.fields]);
          else if (error === undefined) this.#waiting.push(delivery);
          else if (delivery.state === 'parked') this.#onUnreadable(delivery, error);
        }
        await this.#onLoaded(loaded);
      } catch (error) {
        this.#session.failed('fetch entries of', error);
        for (const delivery of batch) this.#waiting.push(delivery);
        failures += 1;
        await sleep(jitteredBackoffMs(failures, 50, 2_000), stopping.signal);
      }
    }
    // in the same turn as the last look at the queue: a later push must find it so
    this.#isLoading = false;
  }

  #take(count: number): Delivery[] {
    const batch: Delivery[] = [];
    while (batch.length < count) {
      const delivery = this.#waiting.shift();
      if (delivery === undefined) break;
      // it may have been lost, released or forgotten meanwhile
      if (delivery.state === 'parked') batch.push(delivery);
    }
    return batch;
  }
}
