import type { ConsumerGroup } from './consumer-group.js';
import type { StoredEntry } from './stream-log.js';

/** Who reads, and how much at most. */
export interface Reader {
  readonly group: ConsumerGroup;
  readonly consumer: string;
  readonly count: number;
  /** Throws if the reader may read no more. */
  readonly check: () => void;
}

/** A read that found nothing and waits. Like a socket to a server, it keeps the process alive while it does. */
export class WaitingRead {
  readonly entries: Promise<readonly StoredEntry[]>;
  readonly #reader: Reader;
  readonly #leave: (read: WaitingRead) => void;
  readonly #timer: NodeJS.Timeout;
  #resolve: (entries: readonly StoredEntry[]) => void = () => {};
  #reject: (error: Error) => void = () => {};

  /** `leave` is called at the end, before anybody learns of it. */
  constructor(reader: Reader, blockMs: number, leave: (read: WaitingRead) => void) {
    this.#reader = reader;
    this.#leave = leave;
    this.entries = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(() => this.end(), blockMs);
  }

  /** Whether it waits for entries of this group. */
  isOf(group: ConsumerGroup): boolean {
    return this.#reader.group === group;
  }

  /** Takes what is there by now, and ends if that is something. */
  wake(now: number): void {
    const { group, consumer, count, check } = this.#reader;
    try {
      check();
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    const entries = group.deliver(consumer, count, now);
    if (entries.length > 0) this.end(entries);
  }

  end(entries: readonly StoredEntry[] = []): void {
    this.#stopWaiting();
    this.#resolve(entries);
  }

  fail(error: Error): void {
    this.#stopWaiting();
    this.#reject(error);
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#leave(this);
  }
}
