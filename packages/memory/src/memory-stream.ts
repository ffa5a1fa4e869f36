import type { GroupStart, StreamDescription } from '@events/core';
import { ConsumerGroup } from './consumer-group.js';
import { compareIds, idBefore, parseId, zeroId } from './entry-id.js';
import { StoredEvents } from './stored-events.js';
import { StreamLog } from './stream-log.js';
import { type Reader, WaitingRead } from './waiting-read.js';

/** A stream: its entries, its groups, and the reads that wait for the next entry. */
export class MemoryStream {
  readonly log = new StreamLog();
  readonly #storedEvents = new Map<number, StoredEvents>();
  readonly #groups = new Map<string, ConsumerGroup>();
  // In the order in which they began to wait, so that the one that waited longest is served first.
  readonly #waiting = new Set<WaitingRead>();

  /** Creates a group unless it exists, and tells whether it did. */
  ensureGroup(name: string, from: GroupStart): boolean {
    if (this.#groups.has(name)) return false;
    this.#groups.set(name, new ConsumerGroup(name, this.log, this.#idOf(from)));
    return true;
  }

  /** The events that were stored by publishers that remember them for `windowMs`. */
  storedEvents(windowMs: number): StoredEvents {
    let stored = this.#storedEvents.get(windowMs);
    if (stored === undefined) {
      stored = new StoredEvents();
      this.#storedEvents.set(windowMs, stored);
    }
    return stored;
  }

  /** Loses the last `count` entries, and with them what groups and publishers knew of them. */
  loseLast(count: number): void {
    this.log.loseLast(count);
    const { lastGeneratedId } = this.log;
    for (const group of this.#groups.values()) group.goBackTo(lastGeneratedId);
    for (const stored of this.#storedEvents.values())
      stored.forgetWhere((entryId) => compareIds(entryId, lastGeneratedId) > 0);
  }

  group(name: string): ConsumerGroup | undefined {
    return this.#groups.get(name);
  }

  /** Waits for entries that are new to the reader's group. */
  wait(reader: Reader, blockMs: number): WaitingRead {
    const read = new WaitingRead(reader, blockMs, (ended) => this.#waiting.delete(ended));
    this.#waiting.add(read);
    return read;
  }

  /** Hands new entries to the reads that wait for them. */
  wakeReads(now: number): void {
    for (const read of this.#waiting) read.wake(now);
  }

  failReads(error: Error): void {
    for (const read of this.#waiting) read.fail(error);
  }

  describe(): StreamDescription {
    const { length, firstEntryId, lastGeneratedId, removed } = this.log;
    return {
      length,
      firstEntryId,
      lastGeneratedId,
      removed,
      groups: Array.from(this.#groups.values(), (group) => group.describe()),
    };
  }

  #idOf(from: GroupStart): string {
    if (from === 'beginning') return zeroId;
    if (from === 'latest') return this.log.lastGeneratedId;
    return 'time' in from ? idBefore(from.time) : parseId(from.entryId);
  }
}
