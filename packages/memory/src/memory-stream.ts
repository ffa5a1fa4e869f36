import type { GroupLoss, GroupStart, Removal, StreamDescription, StreamState, Trimmed, TrimOrder } from '@events/core';
import { ConsumerGroup } from './consumer-group.js';
import { compareIds, idAfter, idBefore, parseId, zeroId } from './entry-id.js';
import { MemoryError } from './memory-error.js';
import { SignsOfLife } from './signs-of-life.js';
import { StoredEvents } from './stored-events.js';
import { StreamLog } from './stream-log.js';
import { type Reader, WaitingRead } from './waiting-read.js';

/** A stream: its entries, its groups, and the reads that wait for the next entry. */
export class MemoryStream {
  readonly log = new StreamLog();
  readonly life = new SignsOfLife();
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

  survey(stream: string, now: number): StreamState {
    const { length, bytes, firstEntryId, lastGeneratedId } = this.log;
    const groups = Array.from(this.#groups.values(), (group) => group.survey(this.life, now));
    return { stream, nowMs: now, length, bytes, firstEntryId, lastGeneratedId, groups };
  }

  /** Removes what an order says; always exactly, since nothing is gained by leaving more. */
  trim({ bound, limit, keepUnread }: TrimOrder, now: number): Trimmed {
    const isHeld = ({ name }: ConsumerGroup) =>
      keepUnread !== null &&
      !(keepUnread.released.includes(name) && this.life.isSilent(now, keepUnread.silentMs, name));
    const groups = [...this.#groups.values()];
    const kept = groups.filter(isHeld).map(({ floor }) => this.log.countBelow(floor));
    const removed = Math.min(this.log.beyond(bound), limit ?? Number.POSITIVE_INFINITY, ...kept);
    const from = this.log.firstEntryId;
    const unread = groups.map(({ lastDeliveredId }) =>
      Math.max(0, removed - this.log.countBelow(idAfter(lastDeliveredId))),
    );
    this.log.removeFirst(removed);
    const to = this.log.firstEntryId;
    const losses = groups.map((group, index): GroupLoss => {
      const pending = removed === 0 || from === null ? 0 : group.countPending(from, to);
      return { group: group.name, unread: unread[index] ?? 0, pending };
    });
    const lost = losses.filter((loss) => loss.unread + loss.pending > 0);
    return { removed, length: this.log.length, firstEntryId: to, groups: groups.length, lost };
  }

  removeGroup(name: string, silentMs: number, now: number): Removal {
    const group = this.#groups.get(name);
    if (group === undefined) return 'missing';
    if (!this.life.isSilent(now, silentMs, name)) return 'alive';
    const isBehind = this.log.length > 0 && compareIds(group.lastDeliveredId, this.log.lastGeneratedId) < 0;
    if (group.pendingCount > 0 || isBehind) return 'in-use';
    this.#groups.delete(name);
    for (const consumer of group.listConsumers(this.life, now)) this.life.forget(name, consumer.name);
    this.life.forget(name);
    for (const read of this.#waiting) {
      if (read.isOf(group)) read.fail(new MemoryError('group-lost', `The group ${name} was removed`));
    }
    return 'removed';
  }

  removeConsumer(groupName: string, consumer: string, silentMs: number, now: number): Removal {
    const group = this.#groups.get(groupName);
    if (group === undefined || !group.hasConsumer(consumer)) return 'missing';
    if (!this.life.isSilent(now, silentMs, groupName, consumer)) return 'alive';
    if (!group.removeConsumer(consumer)) return 'in-use';
    this.life.forget(groupName, consumer);
    return 'removed';
  }

  #idOf(from: GroupStart): string {
    if (from === 'beginning') return zeroId;
    if (from === 'latest') return this.log.lastGeneratedId;
    return 'time' in from ? idBefore(from.time) : parseId(from.entryId);
  }
}
