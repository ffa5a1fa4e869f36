import type { AppendAnswer, Appender, AppenderOptions, Failure, NewEntry } from '@events/core';
import type { Line } from './line.js';
import type { MemoryBroker } from './memory-broker.js';
import { failureOf, MemoryError } from './memory-error.js';
import { ShortenedNotice } from './shortened-notice.js';

/** Stores entries in the broker. */
export class MemoryAppender implements Appender {
  readonly #broker: MemoryBroker;
  readonly #line: Line;
  readonly #options: AppenderOptions;
  readonly #notice: ShortenedNotice | undefined;

  constructor(broker: MemoryBroker, line: Line, options: AppenderOptions) {
    this.#broker = broker;
    this.#line = line;
    this.#options = options;
    if (options.idempotency !== undefined) this.#notice = new ShortenedNotice(options.idempotency.onShortened);
  }

  async append(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    if (entries.length === 0) return [];
    const { level } = this.#options.durability;
    if (level !== 'leader') return entries.map(() => unsupported(level));
    try {
      return await this.#line.perform(() => entries.map((entry) => this.#store(entry)), withinMs);
    } catch (error) {
      const failure = failureOf(error);
      return entries.map(() => failure);
    }
  }

  close(): Promise<void> {
    return this.#line.close();
  }

  // each entry on its own merits: one that is refused stops no other
  #store(entry: NewEntry): AppendAnswer {
    const { idempotency } = this.#options;
    try {
      if (idempotency === undefined) return this.#broker.store(entry);
      const { entryId, isDuplicate, effectiveWindowMs } = this.#broker.storeOnce(entry, idempotency);
      if (effectiveWindowMs !== null) this.#notice?.tell(entry.stream, effectiveWindowMs);
      return isDuplicate ? { entryId, isDuplicate, isDurable: true, replicas: null } : entryId;
    } catch (error) {
      return failureOf(error);
    }
  }
}

function unsupported(level: string): Failure {
  const cause = new MemoryError(
    'unsupported',
    `A broker inside this process has no replicas and no disk for durability '${level}'`,
  );
  return failureOf(cause);
}
