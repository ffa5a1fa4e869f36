import type { AppendAnswer, Appender, NewEntry } from '@events/core';
import type { Line } from './line.js';
import type { MemoryBroker } from './memory-broker.js';
import { failureOf } from './memory-error.js';

/** Stores entries in the broker. */
export class MemoryAppender implements Appender {
  readonly #broker: MemoryBroker;
  readonly #line: Line;

  constructor(broker: MemoryBroker, line: Line) {
    this.#broker = broker;
    this.#line = line;
  }

  async append(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    if (entries.length === 0) return [];
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
    try {
      return this.#broker.store(entry);
    } catch (error) {
      return failureOf(error);
    }
  }
}
