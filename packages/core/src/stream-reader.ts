import { jitteredBackoffMs } from './backoff.js';
import { ClosedError, type EventsError } from './errors.js';
import type { GroupKeeper } from './group-keeper.js';
import { countThatFits, joinHeap } from './heap-share.js';
import type { ReadGate } from './read-gate.js';
import type { Recovery } from './recovery.js';
import { settledWithin, sleep } from './sleep.js';
import type { StreamSession } from './stream-session.js';
import type { Entry } from './transport.js';

/** Short, so that a stop never waits long where the server does not let reads be interrupted. */
const blockMs = 1_000;
const maxReadCharacters = 1_048_576;
/** Nothing is known of a stream before its first entries were seen. */
const firstCount = 16;

/** Reads a stream as long as there is room, and does not stop for anything but the consumer. */
export class StreamReader {
  readonly #session: StreamSession;
  readonly #gate: ReadGate;
  readonly #recovery: Recovery;
  readonly #groupKeeper: GroupKeeper;
  readonly #onEntries: (entries: readonly Entry[]) => Promise<void>;
  readonly #onFatal: (error: EventsError) => void;
  #reading: Promise<void> | undefined;
  /** A running average. */
  #charactersPerEntry = 1_024;
  #largestSeen = 0;
  /** Raised by reads that bring as much, and lowered when they keep breaking connections: a reply may be more than the server will send. */
  #countLimit = firstCount;
  /** When the server last answered a read, Unix ms. */
  lastPollAt: number | undefined;

  constructor(
    session: StreamSession,
    gate: ReadGate,
    recovery: Recovery,
    groupKeeper: GroupKeeper,
    onEntries: (entries: readonly Entry[]) => Promise<void>,
    onFatal: (error: EventsError) => void,
  ) {
    this.#session = session;
    this.#gate = gate;
    this.#recovery = recovery;
    this.#groupKeeper = groupKeeper;
    this.#onEntries = onEntries;
    this.#onFatal = onFatal;
  }

  /**
   * How many entries of the usual size fit into a reply, and into what is left of the consumer's limit; and of the
   * largest size into what is left of the heap.
   */
  readonly affordableCount = (): number => {
    const characters = Math.min(maxReadCharacters, this.#session.dispatcher.charactersLeft);
    return Math.min(Math.max(1, Math.floor(characters / this.#charactersPerEntry)), countThatFits(this.#largestSeen));
  };

  start(): void {
    this.#reading = this.#read().finally(joinHeap());
  }

  /** Ends reading. What a read under way still brings is passed on. */
  async stop(): Promise<void> {
    this.#session.stopping.abort();
    await settledWithin(this.#session.subscription.interruptRead(), blockMs);
    if (this.#reading !== undefined) await settledWithin(this.#reading, 2 * blockMs);
  }

  /** Learns from what was read how large entries are. `largest` = the characters of the largest. */
  noteSizes(entries: number, characters: number, largest: number): void {
    this.#charactersPerEntry = Math.max(64, (this.#charactersPerEntry + characters / entries) / 2);
    // it counts for long, but not for ever
    this.#largestSeen = Math.max(largest, this.#largestSeen * 0.999);
    // a whole read without trouble: more may go as well
    if (this.#countLimit <= entries) this.#countLimit *= 2;
  }

  async #read(): Promise<void> {
    const { stopping, subscription } = this.#session;
    for (let failures = 0; !stopping.signal.aborted; ) {
      const permit = await this.#gate.waitToRead(stopping.signal);
      if (permit.count === 0) return;
      try {
        await this.#recovery.reconcileIfDue();
        if (stopping.signal.aborted) return;
        const entries = await subscription.read(
          Math.min(permit.count, this.affordableCount(), this.#countLimit),
          blockMs,
        );
        this.lastPollAt = Date.now();
        if (failures > 0) this.#session.succeeded('read');
        failures = 0;
        const last = entries.at(-1);
        if (last === undefined) continue;
        this.#groupKeeper.noteRead(last.id);
        this.#gate.noteRead();
        await this.#onEntries(entries);
      } catch (error) {
        failures += 1;
        await this.#failed(error, failures);
      } finally {
        permit.done();
      }
    }
  }

  async #failed(error: unknown, failures: number): Promise<void> {
    const { settings, stopping } = this.#session;
    const { kind } = this.#session.failed('read', error);
    if (kind === 'closed' && !stopping.signal.aborted) {
      this.#onFatal(new ClosedError('The transport was closed while the consumer was using it'));
      return;
    }
    if (kind === 'group-lost') {
      await this.#groupKeeper.check();
      if (failures === 1) return;
    }
    if (kind === 'unknown') {
      // the answer may be lost while the entries in it are ours
      this.#recovery.doubtReads();
      if (failures >= 3) this.#countLimit = Math.max(1, Math.floor(Math.min(this.#countLimit, settings.prefetch) / 2));
    }
    const patienceMs = kind === 'denied' || kind === 'invalid' ? 5_000 : 1_000;
    await sleep(jitteredBackoffMs(failures, 50, patienceMs), stopping.signal);
  }
}
