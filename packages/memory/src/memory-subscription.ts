import type {
  Acknowledged,
  Acknowledgement,
  Claim,
  Entry,
  Fields,
  GroupProgress,
  GroupStart,
  PendingEntry,
  Subscription,
  SubscriptionOptions,
} from '@events/core';
import type { ConsumerGroup } from './consumer-group.js';
import { parseId, zeroId } from './entry-id.js';
import type { Line } from './line.js';
import type { MemoryBroker } from './memory-broker.js';
import { MemoryError } from './memory-error.js';
import type { PartitionLease } from './partition-lease.js';
import type { Pending } from './pending-list.js';
import { copyOut } from './stored-fields.js';
import type { StoredEntry } from './stream-log.js';
import type { WaitingRead } from './waiting-read.js';
import type { Call } from './wire.js';

/** One consumer of one group of one stream in the broker. */
export class MemorySubscription implements Subscription {
  readonly #broker: MemoryBroker;
  readonly #line: Line;
  readonly #options: SubscriptionOptions;
  #claimCursor = zeroId;
  /** What the lease gave, 0 = this handle has never been the owner, and is fenced by nothing. */
  #token = 0;
  #isOwner = false;
  /** Reads that were sent before the last take-over from the beginning are not executed after it. */
  #takeOvers = 0;
  #waitingRead: WaitingRead | undefined;
  #closing: Promise<void> | undefined;

  constructor(broker: MemoryBroker, line: Line, options: SubscriptionOptions) {
    this.#broker = broker;
    this.#line = line;
    this.#options = options;
  }

  ensureGroup(from: GroupStart): Promise<boolean> {
    const { stream, group } = this.#options;
    return this.#line.perform(() => this.#broker.ensureStream(stream).ensureGroup(group, from));
  }

  register(leaseMs: number): Promise<boolean> {
    const { consumer } = this.#options;
    return this.#line.perform(() => {
      const group = this.#group();
      const isTaken = group.leases.take(consumer, this, this.#broker.now(), leaseMs);
      if (isTaken) {
        group.addConsumer(consumer);
        this.#signLife();
      }
      return isTaken;
    });
  }

  async read(count: number, blockMs: number): Promise<readonly Entry[]> {
    const takeOvers = this.#takeOvers;
    const entries = await this.#line.perform(
      (call) => this.#deliver(count, blockMs, takeOvers, call),
      this.#line.deadlineMs + blockMs,
    );
    return entries.map(({ id, fields }) => ({ id, fields: copyOut(fields) }));
  }

  interruptRead(): Promise<void> {
    return this.#line.perform(() => this.#waitingRead?.end());
  }

  claim(idleMs: number, count: number): Promise<Claim> {
    return this.#line.perform(() => {
      const claimant = { consumer: this.#options.consumer, idleMs, count, after: this.#claimCursor };
      const { lookedAt, ...claim } = this.#group().claim(claimant, this.#broker.now());
      this.#claimCursor = lookedAt;
      return claim;
    });
  }

  progress(): Promise<GroupProgress> {
    return this.#line.perform(() => {
      const group = this.#broker.group(this.#options.stream, this.#options.group);
      const log = this.#broker.ensureStream(this.#options.stream).log;
      return {
        nowMs: this.#broker.now(),
        pending: group.pendingCount,
        consumers: group.describe().consumers,
        oldestPendingId: group.lowestPendingId,
        oldestUnreadId: log.after(group.lastDeliveredId, 1)[0]?.id ?? null,
        lastDeliveredId: group.lastDeliveredId,
        missed: group.missed,
      };
    });
  }

  own(leaseMs: number): Promise<boolean> {
    const known = this.#isOwner ? this.#token : 0;
    return this.#line.perform(() => {
      const token = this.#lease().take(this, known, this.#broker.now(), leaseMs);
      if (token === 0) return false;
      this.#token = token;
      this.#isOwner = true;
      this.#signLife();
      return true;
    });
  }

  async disown(): Promise<void> {
    if (!this.#isOwner) return;
    this.#isOwner = false;
    const token = this.#token;
    await this.#line.perform(() => this.#lease().giveUp(this, token));
  }

  takeOver(after: string, count: number): Promise<Claim> {
    if (after === zeroId) this.#takeOvers += 1;
    return this.#line.perform(() => {
      if (this.#token === 0) throw new MemoryError('fenced', 'This handle has not become the owner');
      return this.#group().takeOver(this.#options.consumer, parseId(after), count, this.#broker.now());
    });
  }

  owned(after: string, count: number): Promise<readonly PendingEntry[]> {
    return this.#line.perform(() => this.#group().ownedBy(this.#options.consumer, parseId(after), count));
  }

  async fetch(ids: readonly string[]): Promise<readonly Entry[]> {
    if (ids.length === 0) return [];
    return this.#line.perform(() => {
      const log = this.#broker.stream(this.#options.stream)?.log;
      return ids.map((id) => {
        const fields = log?.find(parseId(id))?.fields;
        return { id, fields: fields === undefined ? null : copyOut(fields) };
      });
    });
  }

  start(id: string, deliveries: number): Promise<boolean> {
    return this.#fenced(id, (pending) => {
      pending.deliveries = deliveries;
    });
  }

  async keepAlive(ids: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    return this.#line.perform(() => this.#eachOwned(ids, (pending, group) => group.touch(pending, this.#broker.now())));
  }

  async acknowledge({ ids, marks }: Acknowledgement): Promise<Acknowledged> {
    if (ids.length === 0 && marks === undefined) return { count: 0, effectiveWindowMs: null };
    return this.#line.perform(() => {
      const group = this.#group();
      const count = ids.filter((id) => group.settle(id)).length;
      if (marks === undefined) return { count, effectiveWindowMs: null };
      return {
        count,
        effectiveWindowMs: group.marks.add(marks.eventIds, marks.windowMs, marks.maxEntries, this.#broker.now()),
      };
    });
  }

  async handled(eventIds: readonly string[], windowMs: number): Promise<readonly boolean[]> {
    if (eventIds.length === 0) return [];
    return this.#line.perform(() => this.#group().marks.has(eventIds, windowMs, this.#broker.now()));
  }

  postpone(id: string, record: string): Promise<boolean> {
    return this.#fenced(id, (pending, group) => {
      pending.record = record;
      group.touch(pending, this.#broker.now());
    });
  }

  deadLetter(id: string, stream: string, provenance: Fields): Promise<'moved' | 'not-owned' | 'vanished'> {
    return this.#line.perform(() => {
      const group = this.#group();
      if (!group.isOwnedBy(this.#options.consumer, id)) return 'not-owned';
      const entry = this.#broker.stream(this.#options.stream)?.log.find(id);
      if (entry !== undefined) this.#broker.store({ stream, fields: [...entry.fields, ...provenance] });
      // stored there first, settled here second: an entry that cannot be stored stays pending
      group.settle(id);
      return entry === undefined ? 'vanished' : 'moved';
    });
  }

  async release(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const released = await this.#line.perform(() =>
      this.#eachOwned(ids, (pending) => {
        pending.released = true;
      }),
    );
    return released.length;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The group, unless this handle was its owner and is so no more. */
  #group(): ConsumerGroup {
    const group = this.#broker.group(this.#options.stream, this.#options.group);
    this.#checkFence();
    return group;
  }

  #signLife(): void {
    const { stream, group, consumer } = this.#options;
    this.#broker.stream(stream)?.life.note(group, consumer, this.#broker.now());
  }

  #lease(): PartitionLease {
    return this.#broker.partitionLease(this.#options.stream, this.#options.group);
  }

  #checkFence(): void {
    if (this.#token !== 0) this.#lease().check(this, this.#token);
  }

  #deliver(
    count: number,
    blockMs: number,
    takeOvers: number,
    call: Call,
  ): readonly StoredEntry[] | Promise<readonly StoredEntry[]> {
    const { stream, consumer } = this.#options;
    const group = this.#group();
    if (takeOvers !== this.#takeOvers) throw new MemoryError('fenced', 'The read comes too late');
    const entries = group.deliver(consumer, count, this.#broker.now());
    if (entries.length > 0 || blockMs <= 0 || call.isLost) return entries;
    const check = () => this.#checkFence();
    const read = this.#broker.ensureStream(stream).wait({ group, consumer, count, check }, blockMs);
    this.#waitingRead = read;
    call.whenLost = () => read.end();
    return read.entries;
  }

  #fenced(id: string, change: (pending: Pending, group: ConsumerGroup) => void): Promise<boolean> {
    return this.#line.perform(() => this.#eachOwned([id], change).length === 1);
  }

  /** Changes the entries that this consumer owns, and tells which those were. */
  #eachOwned(ids: readonly string[], change: (pending: Pending, group: ConsumerGroup) => void): readonly string[] {
    const group = this.#group();
    return ids.filter((id) => {
      const pending = group.findOwned(id, this.#options.consumer);
      if (pending !== undefined) change(pending, group);
      return pending !== undefined;
    });
  }

  async #close(): Promise<void> {
    this.#waitingRead?.end();
    try {
      await this.#line.perform(() => this.#leave());
      await this.#line.close();
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      // a broker that cannot be reached keeps the name until the lease ends, which is what leases are for
      this.#line.hangUp();
    }
  }

  #leave(): void {
    const { stream, group: groupName, consumer } = this.#options;
    const group = this.#broker.stream(stream)?.group(groupName);
    if (group === undefined || group.leases.isTakenFrom(consumer, this, this.#broker.now())) return;
    group.leases.giveUp(consumer, this);
    if (group.removeConsumer(consumer)) this.#broker.stream(stream)?.life.forget(groupName, consumer);
  }
}
