import type { Entry, Fields, PendingEntry, StreamDescription } from '../../src/index.js';

export interface Pending extends PendingEntry {
  consumer: string;
  deliveries: number;
  released: boolean;
  record: string | null;
  touchedAtMs: number;
}

/** What a group of the stub knows. */
export class StubGroup {
  /** How many of the stream's entries were delivered. */
  position = 0;
  readonly pending = new Map<string, Pending>();
  readonly handled = new Set<string>();
  /** Every id that was acknowledged, in order. */
  readonly acknowledged: string[] = [];

  constructor(readonly from: unknown) {}

  own(id: string, consumer: string, changes: Partial<Pending> = {}): Pending {
    const entry: Pending = {
      id,
      consumer,
      deliveries: 1,
      released: false,
      record: null,
      touchedAtMs: Date.now(),
      ...changes,
    };
    this.pending.set(id, entry);
    return entry;
  }
}

/** The lease on a partition. */
export interface StubLease {
  owner: object | undefined;
  token: number;
  endsAtMs: number;
}

/** A stream of the stub: just enough of one for a consumer to work on. */
export class StubStream {
  readonly entries: { readonly id: string; fields: Fields | null }[] = [];
  readonly byId = new Map<string, { readonly id: string; fields: Fields | null }>();
  readonly groups = new Map<string, StubGroup>();
  readonly waitingReads = new Set<() => void>();
  /** Who owns the stream as a partition, by group. */
  readonly leases = new Map<string, StubLease>();
  lastGeneratedId = '0-0';
  /** What `describe` says of entries that were taken out. */
  removed: number | null = 0;

  constructor(readonly key: string) {}

  /** Adds entries and wakes readers once. Returns their ids. */
  add(...entries: Fields[]): string[] {
    const ids = entries.map((fields) => {
      const milliseconds = Math.max(Date.now(), Number.parseInt(this.lastGeneratedId, 10));
      const sequence = this.lastGeneratedId.startsWith(`${milliseconds}-`)
        ? Number(this.lastGeneratedId.split('-')[1]) + 1
        : 0;
      this.lastGeneratedId = `${milliseconds}-${sequence}`;
      const entry = { id: this.lastGeneratedId, fields };
      this.entries.push(entry);
      this.byId.set(entry.id, entry);
      return entry.id;
    });
    for (const wake of [...this.waitingReads]) wake();
    return ids;
  }

  leaseOf(group: string): StubLease {
    let lease = this.leases.get(group);
    if (lease === undefined) {
      lease = { owner: undefined, token: 0, endsAtMs: 0 };
      this.leases.set(group, lease);
    }
    return lease;
  }

  /** Deletes an entry's data, as trimming does. */
  trim(id: string): void {
    const entry = this.byId.get(id);
    if (entry !== undefined) entry.fields = null;
  }

  entry(id: string): Entry {
    return this.byId.get(id) ?? { id, fields: null };
  }

  /** The one group that most tests have. */
  get group(): StubGroup {
    const [group] = this.groups.values();
    if (group === undefined) throw new Error(`'${this.key}' has no group`);
    return group;
  }
}

/** The streams of the stub, by key. */
export class StubServer {
  readonly #streams = new Map<string, StubStream>();

  stream(key: string): StubStream {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new StubStream(key);
      this.#streams.set(key, stream);
    }
    return stream;
  }

  describe(key: string): StreamDescription | undefined {
    const stream = this.#streams.get(key);
    if (stream === undefined) return undefined;
    return {
      length: stream.entries.length,
      firstEntryId: stream.entries[0]?.id ?? null,
      lastGeneratedId: stream.lastGeneratedId,
      removed: stream.removed,
      groups: [...stream.groups].map(([name, group]) => ({
        name,
        consumers: 1,
        pending: group.pending.size,
        lastDeliveredId: stream.entries[group.position - 1]?.id ?? '0-0',
        lag: null,
      })),
    };
  }
}
