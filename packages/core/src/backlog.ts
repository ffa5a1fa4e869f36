import { jitteredBackoffMs } from './backoff.js';
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
  readonly #waiting = new Fifo<Delivery>();
  #isLoading = false;

  /** `onLoaded` gets deliveries with their fields, or `null` for entries that no longer exist. */
  constructor(
    session: StreamSession,
    gate: ReadGate,
    affordableCount: () => number,
    onLoaded: (loaded: readonly (readonly [Delivery, Fields | null])[]) => Promise<void>,
  ) {
    this.#session = session;
    this.#gate = gate;
    this.#affordableCount = affordableCount;
    this.#onLoaded = onLoaded;
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
    const { stopping, subscription } = this.#session;
    for (let failures = 0; this.#waiting.length > 0 && !stopping.signal.aborted; ) {
      const room = await this.#gate.waitToLoad(stopping.signal);
      const batch = this.#take(Math.min(maxBatch, room, this.#affordableCount()));
      if (batch.length === 0) continue;
      try {
        const entries = await subscription.fetch(batch.map(({ id }) => id));
        this.#session.succeeded('fetch entries of');
        failures = 0;
        await this.#onLoaded(batch.map((delivery, index) => [delivery, entries[index]?.fields ?? null]));
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
