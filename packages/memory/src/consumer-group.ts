import type {
  Claim,
  ConsumerDescription,
  GroupDescription,
  GroupState,
  PendingDescription,
  PendingEntry,
} from '@events/core';
import { compareIds, idAfter, zeroId } from './entry-id.js';
import { HandledMarks } from './handled-marks.js';
import { NameLeases } from './name-leases.js';
import { type Pending, PendingList } from './pending-list.js';
import type { SignsOfLife } from './signs-of-life.js';
import type { StoredEntry, StreamLog } from './stream-log.js';

/** As in XAUTOCLAIM: a call looks at this many pending entries for each one that it may take. */
const looksPerClaim = 10;

/** Who claims how many entries, left alone for how long, looking from after which id on. */
interface Claimant {
  readonly consumer: string;
  readonly idleMs: number;
  readonly count: number;
  readonly after: string;
}

/** A consumer group of one stream: how far it was given the entries, and who owns which of them. */
export class ConsumerGroup {
  readonly name: string;
  readonly marks = new HandledMarks();
  readonly leases = new NameLeases();
  readonly #log: StreamLog;
  readonly #pending = new PendingList();
  readonly #pendingOf = new Map<string, number>();
  #lastDeliveredId: string;
  #entriesRead: number | null = null;

  constructor(name: string, log: StreamLog, lastDeliveredId: string) {
    this.name = name;
    this.#log = log;
    this.#lastDeliveredId = lastDeliveredId;
  }

  /** Makes a consumer known. */
  addConsumer(consumer: string): void {
    if (!this.#pendingOf.has(consumer)) this.#pendingOf.set(consumer, 0);
  }

  /** Forgets a consumer that owns nothing, and tells whether it did; one that owns something stays, or its entries would be lost. */
  removeConsumer(consumer: string): boolean {
    return this.#pendingOf.get(consumer) === 0 && this.#pendingOf.delete(consumer);
  }

  hasConsumer(consumer: string): boolean {
    return this.#pendingOf.has(consumer);
  }

  get lastDeliveredId(): string {
    return this.#lastDeliveredId;
  }

  get lowestPendingId(): string | null {
    for (const { id } of this.#pending.after(zeroId)) return id;
    return null;
  }

  /** The lowest id that the group may still need. */
  get floor(): string {
    return this.lowestPendingId ?? idAfter(this.#lastDeliveredId);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** How many entries are pending from id `from` on, up to but without `to`. */
  countPending(from: string, to: string | null): number {
    let count = 0;
    for (const { id } of this.#pending.after(zeroId)) {
      if (to !== null && compareIds(id, to) >= 0) break;
      if (compareIds(id, from) >= 0) count += 1;
    }
    return count;
  }

  /** How many entries went before the group was given them, or `null` where that cannot be known. */
  get missed(): number | null {
    const next = this.#log.firstEntryId ?? this.#log.lastGeneratedId;
    if (compareIds(this.#lastDeliveredId, next) >= 0) return 0;
    return this.#entriesRead === null ? null : Math.max(0, this.#log.removed - this.#entriesRead);
  }

  /** Up to `count` pending entries with ids after `after`, of one consumer or of all. */
  listPending(after: string, count: number, consumer: string | undefined, now: number): readonly PendingDescription[] {
    const listed: PendingDescription[] = [];
    for (const { id, owner, deliveredAt, deliveries } of this.#pending.after(after)) {
      if (listed.length >= count) break;
      if (consumer !== undefined && owner !== consumer) continue;
      listed.push({ id, consumer: owner, idleMs: Math.max(0, now - deliveredAt), deliveries });
    }
    return listed;
  }

  listConsumers(life: SignsOfLife, now: number): readonly ConsumerDescription[] {
    return Array.from(this.#pendingOf, ([name, pending]) => ({
      name,
      pending,
      idleMs: life.silentMs(now, this.name, name),
    }));
  }

  survey(life: SignsOfLife, now: number): GroupState {
    return {
      name: this.name,
      pending: this.#pending.size,
      lowestPendingId: this.lowestPendingId,
      lastDeliveredId: this.#lastDeliveredId,
      floor: this.floor,
      silentMs: life.silentMs(now, this.name),
      consumers: Array.from(this.#pendingOf, ([name, pending]) => ({
        name,
        pending,
        silentMs: life.silentMs(now, this.name, name),
      })),
    };
  }

  /** Hands the next entries to `consumer`, which owns them from now on. */
  deliver(consumer: string, count: number, now: number): readonly StoredEntry[] {
    const entries = this.#log.after(this.#lastDeliveredId, count);
    for (const { id } of entries) {
      this.#entriesRead = this.#entriesRead === null ? this.#log.positionOf(id) : this.#entriesRead + 1;
      this.#lastDeliveredId = id;
      this.#pending.add({ id, owner: consumer, deliveredAt: now, deliveries: 1, released: false, record: null });
      this.#addPending(consumer, 1);
    }
    return entries;
  }

  /** Takes over what was left alone, and tells which entry was the last it looked at. */
  claim({ consumer, idleMs, count, after }: Claimant, now: number): Claim & { readonly lookedAt: string } {
    const entries: PendingEntry[] = [];
    const vanished: string[] = [];
    let looks = count * looksPerClaim;
    let lookedAt = after;
    for (const pending of this.#pending.after(after)) {
      if (looks === 0 || entries.length === count) return { entries, vanished, lookedAt };
      looks -= 1;
      lookedAt = pending.id;
      if (!mayBeClaimed(pending, consumer, idleMs, now)) continue;
      if (this.#giveUpVanished(pending.id)) {
        vanished.push(pending.id);
        continue;
      }
      entries.push(this.#handOver(pending, consumer, now));
    }
    return { entries, vanished, lookedAt: zeroId };
  }

  /** Takes over everything after an id, in order, whoever owns it. */
  takeOver(consumer: string, after: string, count: number, now: number): Claim {
    const entries: PendingEntry[] = [];
    const vanished: string[] = [];
    for (const pending of this.#pending.after(after)) {
      if (entries.length + vanished.length === count) break;
      if (this.#giveUpVanished(pending.id)) vanished.push(pending.id);
      else entries.push(this.#handOver(pending, consumer, now));
    }
    return { entries, vanished };
  }

  /** What `consumer` owns, with ids after `after`. */
  ownedBy(consumer: string, after: string, count: number): readonly PendingEntry[] {
    const owned: PendingEntry[] = [];
    if (!this.#pendingOf.get(consumer)) return owned;
    for (const pending of this.#pending.after(after)) {
      if (owned.length >= count) break;
      if (pending.owner === consumer) owned.push(describe(pending));
    }
    return owned;
  }

  /** The fence: an entry only while `consumer` owns it. One that is gone from the stream is owned no more. */
  findOwned(id: string, consumer: string): Pending | undefined {
    const pending = this.#pending.find(id);
    return pending?.owner === consumer && !this.#giveUpVanished(id) ? pending : undefined;
  }

  /** Whether `consumer` owns an entry, be it gone from the stream or not. */
  isOwnedBy(consumer: string, id: string): boolean {
    return this.#pending.find(id)?.owner === consumer;
  }

  /** Begins the idle time of an owned entry anew. */
  touch(pending: Pending, now: number): void {
    pending.deliveredAt = now;
    pending.released = false;
  }

  /** Takes an entry off the pending list, whoever owns it. Tells whether it was pending. */
  settle(id: string): boolean {
    const pending = this.#pending.find(id);
    if (pending === undefined) return false;
    this.#addPending(pending.owner, -1);
    return this.#pending.remove(id);
  }

  /** Knows no more of what came after `id`. */
  goBackTo(id: string): void {
    if (compareIds(this.#lastDeliveredId, id) <= 0) return;
    this.#lastDeliveredId = id;
    this.#entriesRead = null;
    for (const { owner } of this.#pending.removeAfter(id)) this.#addPending(owner, -1);
  }

  describe(): GroupDescription {
    return {
      name: this.name,
      consumers: this.#pendingOf.size,
      pending: this.#pending.size,
      lastDeliveredId: this.#lastDeliveredId,
      lag: this.#lag(),
    };
  }

  /** Gives an entry to `consumer`, and tells how it was before. */
  #handOver(pending: Pending, consumer: string, now: number): PendingEntry {
    const before = describe(pending);
    this.#addPending(pending.owner, -1);
    this.#addPending(consumer, 1);
    pending.owner = consumer;
    this.touch(pending, now);
    return before;
  }

  #giveUpVanished(id: string): boolean {
    return this.#log.find(id) === undefined && this.settle(id);
  }

  #lag(): number | null {
    const { entriesAdded } = this.#log;
    if (entriesAdded === 0) return 0;
    const entriesRead = this.#entriesRead ?? this.#log.positionOf(this.#lastDeliveredId);
    return entriesRead === null ? null : entriesAdded - entriesRead;
  }

  #addPending(consumer: string, change: number): void {
    this.#pendingOf.set(consumer, (this.#pendingOf.get(consumer) ?? 0) + change);
  }
}

function mayBeClaimed(pending: Pending, consumer: string, idleMs: number, now: number): boolean {
  return pending.released || (pending.owner !== consumer && now - pending.deliveredAt >= idleMs);
}

function describe({ id, deliveries, released, record }: Pending): PendingEntry {
  return { id, deliveries, released, record };
}
