import type { Idempotency, NewEntry } from '@events/core';
import type { ConsumerGroup } from './consumer-group.js';
import { MemoryError } from './memory-error.js';
import { MemoryStream } from './memory-stream.js';
import { NameLeases } from './name-leases.js';
import { PartitionLease } from './partition-lease.js';
import { PartitionRecord } from './partition-record.js';
import { Simulation } from './simulation.js';
import { copyIn } from './stored-fields.js';
import { Wire } from './wire.js';

/** What became of an entry that is stored once. */
export interface StoredOnce {
  readonly entryId: string;
  readonly isDuplicate: boolean;
  /** The window that is left where marks had to leave early. */
  readonly effectiveWindowMs: number | null;
}

/** What stands in for the server: the streams, and the one wire over which every transport reaches them. */
export class MemoryBroker {
  readonly wire = new Wire();
  /** Who looks after what at present. */
  turns = new NameLeases();
  /** What this broker is for; everything while there are none. */
  readonly prefixes = new Set<string>();
  readonly simulation = new Simulation(this);
  readonly #clock: () => number;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #partitions = new Map<string, PartitionRecord>();
  readonly #leases = new Map<string, PartitionLease>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The server's time in Unix ms. */
  now(): number {
    return this.#clock();
  }

  stream(key: string): MemoryStream | undefined {
    return this.#streams.get(key);
  }

  streamKeys(): readonly string[] {
    return [...this.#streams.keys()];
  }

  ensureStream(key: string): MemoryStream {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new MemoryStream();
      this.#streams.set(key, stream);
    }
    return stream;
  }

  /** What is agreed on about the partitions of a stream. */
  partitions(key: string): PartitionRecord {
    let record = this.#partitions.get(key);
    if (record === undefined) {
      record = new PartitionRecord();
      this.#partitions.set(key, record);
    }
    return record;
  }

  /** Who is a stream's only owner in a group, where the stream is a partition. */
  partitionLease(stream: string, group: string): PartitionLease {
    const name = `${stream} ${group}`;
    let lease = this.#leases.get(name);
    if (lease === undefined) {
      lease = new PartitionLease();
      this.#leases.set(name, lease);
    }
    return lease;
  }

  /** The group, or the error that there is none. */
  group(key: string, name: string): ConsumerGroup {
    const group = this.#streams.get(key)?.group(name);
    if (group === undefined) throw new MemoryError('group-lost', `There is no group ${name} of ${key}`);
    return group;
  }

  /** Stores an entry, and lets those who wait for one have it. */
  store({ stream: key, fields }: Pick<NewEntry, 'stream' | 'fields'>): string {
    const copy = copyIn(fields);
    const stream = this.ensureStream(key);
    const id = stream.log.append(copy, this.now());
    stream.wakeReads(this.now());
    return id;
  }

  /** The same, unless the event was stored before within the window: then `entryId` is that of then. */
  storeOnce(entry: NewEntry, { windowMs, maxEntries }: Idempotency): StoredOnce {
    const stored = this.#streams.get(entry.stream)?.storedEvents(windowMs);
    const known = stored?.find(entry.id, windowMs, this.now());
    if (known !== undefined) return { entryId: known, isDuplicate: true, effectiveWindowMs: null };
    const entryId = this.store(entry);
    const marks = this.ensureStream(entry.stream).storedEvents(windowMs);
    const effectiveWindowMs = marks.add(entry.id, entryId, windowMs, maxEntries, this.now());
    return { entryId, isDuplicate: false, effectiveWindowMs };
  }

  /** Loses the last `count` entries of every stream, and what was known of them. */
  loseLast(count: number): void {
    for (const stream of this.#streams.values()) stream.loseLast(count);
  }

  /** Loses everything, as FLUSHALL does. */
  forget(): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#partitions.clear();
    this.#leases.clear();
    this.turns = new NameLeases();
    this.prefixes.clear();
    for (const stream of streams) stream.failReads(new MemoryError('group-lost', 'The stream is gone'));
  }
}
