import type { Janitor, JanitorTask, Removal, StreamState, Trimmed, TrimOrder } from '@events/core';
import type { Line } from './line.js';
import type { MemoryBroker } from './memory-broker.js';
import { MemoryError } from './memory-error.js';

/** Keeps the broker's streams within bounds, and its groups in order. */
export class MemoryJanitor implements Janitor {
  readonly #broker: MemoryBroker;
  readonly #line: Line;
  readonly #turns = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(broker: MemoryBroker, line: Line) {
    this.#broker = broker;
    this.#line = line;
  }

  takeTurn(stream: string, task: JanitorTask, forMs: number): Promise<boolean> {
    return this.#line.perform(() => {
      const name = turnName(stream, task);
      const isTaken = this.#broker.turns.take(name, this, this.#broker.now(), forMs);
      if (isTaken) this.#turns.add(name);
      return isTaken;
    });
  }

  endTurn(stream: string, task: JanitorTask): Promise<void> {
    return this.#line.perform(() => this.#endTurn(turnName(stream, task)));
  }

  survey(stream: string): Promise<StreamState | undefined> {
    return this.#line.perform(() => this.#broker.stream(stream)?.survey(stream, this.#broker.now()));
  }

  trim(stream: string, order: TrimOrder): Promise<Trimmed> {
    return this.#line.perform(() => this.#broker.stream(stream)?.trim(order, this.#broker.now()) ?? nothingTrimmed);
  }

  removeGroup(stream: string, group: string, silentMs: number): Promise<Removal> {
    return this.#line.perform(
      () => this.#broker.stream(stream)?.removeGroup(group, silentMs, this.#broker.now()) ?? 'missing',
    );
  }

  removeConsumer(stream: string, group: string, consumer: string, silentMs: number): Promise<Removal> {
    return this.#line.perform(
      () => this.#broker.stream(stream)?.removeConsumer(group, consumer, silentMs, this.#broker.now()) ?? 'missing',
    );
  }

  seal(prefix: string): Promise<readonly string[]> {
    return this.#line.perform(() => {
      const { prefixes } = this.#broker;
      if (prefixes.size === 0) prefixes.add(prefix);
      return [...prefixes].sort();
    });
  }

  changeSeal(add: readonly string[], remove: readonly string[]): Promise<readonly string[]> {
    return this.#line.perform(() => {
      const { prefixes } = this.#broker;
      for (const prefix of add) prefixes.add(prefix);
      for (const prefix of remove) prefixes.delete(prefix);
      return [...prefixes].sort();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#line.perform(() => {
        for (const name of this.#turns) this.#endTurn(name);
      });
      await this.#line.close();
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      // a broker that cannot be reached keeps the turns until their time is over
      this.#line.hangUp();
    }
  }

  #endTurn(name: string): void {
    this.#turns.delete(name);
    this.#broker.turns.giveUp(name, this);
  }
}

const nothingTrimmed: Trimmed = { removed: 0, length: 0, firstEntryId: null, groups: 0, lost: [] };

function turnName(stream: string, task: JanitorTask): string {
  return `${stream} ${task}`;
}
