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
} from '../../src/index.js';
import { StubFailure } from './stub-failure.js';
import { type Pending, StubGroup, type StubStream } from './stub-server.js';

export type Verb = keyof Subscription;
type Interceptor<Name extends Verb> = (
  next: () => ReturnType<Subscription[Name]>,
  ...given: Parameters<Subscription[Name]>
) => ReturnType<Subscription[Name]>;
type Interceptors = { [Name in Verb]?: Interceptor<Name> };

const fencedVerbs = new Set<Verb>([
  ...(['read', 'takeOver', 'claim', 'start', 'keepAlive', 'acknowledge', 'postpone', 'deadLetter', 'release'] as const),
]);

/** One consumer's handle on a stream of the stub. Any verb can be replaced, delayed or made to fail by the test. */
export class StubSubscription implements Subscription {
  /** Stands before the verb of its name. */
  readonly intercept: Interceptors = {};
  /** How often each verb was called, and with what. */
  readonly calls: { [Name in Verb]: Parameters<Subscription[Name]>[] } = {
    ensureGroup: [],
    register: [],
    read: [],
    interruptRead: [],
    claim: [],
    progress: [],
    own: [],
    disown: [],
    takeOver: [],
    owned: [],
    fetch: [],
    start: [],
    keepAlive: [],
    acknowledge: [],
    handled: [],
    postpone: [],
    deadLetter: [],
    release: [],
    close: [],
  };
  readonly deadLettered: { readonly id: string; readonly stream: string; readonly provenance: Fields }[] = [];
  readonly released: string[] = [];
  isClosed = false;
  #token = 0;
  #isOwner = false;
  #interrupt: (() => void) | undefined;

  constructor(
    readonly stream: StubStream,
    readonly options: SubscriptionOptions,
  ) {}

  /** Makes these verbs answer the same way, whatever they are asked. */
  replace(verbs: readonly Verb[], answer: () => Promise<never>): void {
    for (const verb of verbs) this.intercept[verb] = answer;
  }

  get group(): StubGroup {
    const group = this.stream.groups.get(this.options.group);
    if (group === undefined) throw new StubFailure('group-lost');
    return group;
  }

  ensureGroup(from: GroupStart): Promise<boolean> {
    return this.#answer('ensureGroup', [from], async () => {
      if (this.stream.groups.has(this.options.group)) return false;
      this.stream.groups.set(this.options.group, new StubGroup(from));
      return true;
    });
  }

  register(leaseMs: number): Promise<boolean> {
    return this.#answer('register', [leaseMs], async () => {
      void this.group;
      return true;
    });
  }

  read(count: number, blockMs: number): Promise<readonly Entry[]> {
    return this.#answer('read', [count, blockMs], async () => {
      const first = this.#take(count);
      if (first.length > 0 || blockMs === 0) return first;
      await this.#news(blockMs);
      this.#checkFence();
      return this.#take(count);
    });
  }

  interruptRead(): Promise<void> {
    return this.#answer('interruptRead', [], async () => this.#interrupt?.());
  }

  claim(idleMs: number, count: number): Promise<Claim> {
    return this.#answer('claim', [idleMs, count], async () => {
      const entries: PendingEntry[] = [];
      const vanished: string[] = [];
      for (const pending of [...this.group.pending.values()]) {
        if (entries.length === count) break;
        const isIdle = pending.released || Date.now() - pending.touchedAtMs >= idleMs;
        if (!isIdle || pending.consumer === this.options.consumer) continue;
        if (this.stream.entry(pending.id).fields === null) {
          this.group.pending.delete(pending.id);
          vanished.push(pending.id);
          continue;
        }
        entries.push({ ...pending });
        Object.assign(pending, { consumer: this.options.consumer, released: false, touchedAtMs: Date.now() });
      }
      return { entries, vanished };
    });
  }

  progress(): Promise<GroupProgress> {
    return this.#answer('progress', [], async () => {
      const { group, stream } = this;
      const ids = stream.entries.map(({ id }) => id);
      return {
        nowMs: Date.now(),
        pending: group.pending.size,
        consumers: 1,
        oldestPendingId: [...group.pending.keys()][0] ?? null,
        oldestUnreadId: ids[group.position] ?? null,
        lastDeliveredId: ids[group.position - 1] ?? '0-0',
        missed: 0,
      };
    });
  }

  own(leaseMs: number): Promise<boolean> {
    return this.#answer('own', [leaseMs], async () => {
      const lease = this.stream.leaseOf(this.options.group);
      if (this.#isOwner) this.#checkFence();
      if (lease.owner !== undefined && lease.owner !== this && lease.endsAtMs > Date.now()) return false;
      if (lease.owner !== this) lease.token += 1;
      Object.assign(lease, { owner: this, endsAtMs: Date.now() + leaseMs });
      this.#token = lease.token;
      this.#isOwner = true;
      return true;
    });
  }

  disown(): Promise<void> {
    return this.#answer('disown', [], async () => {
      const lease = this.stream.leaseOf(this.options.group);
      this.#isOwner = false;
      if (lease.owner === this && lease.token === this.#token) lease.owner = undefined;
    });
  }

  takeOver(after: string, count: number): Promise<Claim> {
    return this.#answer('takeOver', [after, count], async () => {
      const entries: PendingEntry[] = [];
      const vanished: string[] = [];
      const ids = this.stream.entries.map(({ id }) => id);
      for (const id of ids.slice(ids.indexOf(after) + 1)) {
        const pending = this.group.pending.get(id);
        if (pending === undefined || entries.length + vanished.length === count) continue;
        if (this.stream.entry(id).fields === null) {
          this.group.pending.delete(id);
          vanished.push(id);
          continue;
        }
        entries.push({ ...pending });
        Object.assign(pending, { consumer: this.options.consumer, released: false, touchedAtMs: Date.now() });
      }
      return { entries, vanished };
    });
  }

  owned(after: string, count: number): Promise<readonly PendingEntry[]> {
    return this.#answer('owned', [after, count], async () => {
      const mine = [...this.group.pending.values()].filter(({ consumer }) => consumer === this.options.consumer);
      const ids = this.stream.entries.map(({ id }) => id);
      const position = (id: string) => (id === '0-0' ? -1 : ids.indexOf(id));
      return mine
        .filter(({ id }) => position(id) > position(after))
        .sort((left, right) => position(left.id) - position(right.id))
        .slice(0, count)
        .map((pending) => ({ ...pending }));
    });
  }

  fetch(ids: readonly string[]): Promise<readonly Entry[]> {
    return this.#answer('fetch', [ids], async () => ids.map((id) => this.stream.entry(id)));
  }

  start(id: string, deliveries: number): Promise<boolean> {
    return this.#answer('start', [id, deliveries], async () => {
      const pending = this.#mine(id);
      if (pending === undefined) return false;
      Object.assign(pending, { deliveries, touchedAtMs: Date.now() });
      return true;
    });
  }

  keepAlive(ids: readonly string[]): Promise<readonly string[]> {
    return this.#answer('keepAlive', [ids], async () => {
      const mine = ids.filter((id) => this.#mine(id) !== undefined);
      for (const id of mine) Object.assign(this.#mine(id) as Pending, { touchedAtMs: Date.now() });
      return mine;
    });
  }

  acknowledge(acknowledgement: Acknowledgement): Promise<Acknowledged> {
    return this.#answer('acknowledge', [acknowledgement], async () => {
      const group = this.stream.groups.get(this.options.group);
      let count = 0;
      for (const id of acknowledgement.ids) {
        if (group?.pending.delete(id) === true) count += 1;
        group?.acknowledged.push(id);
      }
      for (const eventId of acknowledgement.marks?.eventIds ?? []) group?.handled.add(eventId);
      return { count, effectiveWindowMs: null };
    });
  }

  handled(eventIds: readonly string[], windowMs: number): Promise<readonly boolean[]> {
    return this.#answer('handled', [eventIds, windowMs], async () => eventIds.map((id) => this.group.handled.has(id)));
  }

  postpone(id: string, record: string): Promise<boolean> {
    return this.#answer('postpone', [id, record], async () => {
      const pending = this.#mine(id);
      if (pending !== undefined) Object.assign(pending, { record, touchedAtMs: Date.now() });
      return pending !== undefined;
    });
  }

  deadLetter(id: string, stream: string, provenance: Fields): Promise<'moved' | 'not-owned' | 'vanished'> {
    return this.#answer('deadLetter', [id, stream, provenance], async () => {
      if (this.#mine(id) === undefined) return 'not-owned';
      this.group.pending.delete(id);
      if (this.stream.entry(id).fields === null) return 'vanished';
      this.deadLettered.push({ id, stream, provenance });
      return 'moved';
    });
  }

  release(ids: readonly string[]): Promise<number> {
    return this.#answer('release', [ids], async () => {
      const mine = ids.filter((id) => this.#mine(id) !== undefined);
      for (const id of mine) Object.assign(this.#mine(id) as Pending, { released: true });
      this.released.push(...mine);
      return mine.length;
    });
  }

  close(): Promise<void> {
    return this.#answer('close', [], async () => {
      this.isClosed = true;
      this.#interrupt?.();
    });
  }

  async #answer<Name extends Verb>(
    name: Name,
    given: Parameters<Subscription[Name]>,
    verb: () => ReturnType<Subscription[Name]>,
  ): Promise<Awaited<ReturnType<Subscription[Name]>>> {
    this.calls[name].push(given);
    if (this.isClosed && name !== 'close') throw new StubFailure('closed');
    if (fencedVerbs.has(name)) this.#checkFence();
    const interceptor: Interceptor<Name> | undefined = this.intercept[name];
    return await (interceptor === undefined ? verb() : interceptor(verb, ...given));
  }

  #checkFence(): void {
    const lease = this.stream.leaseOf(this.options.group);
    if (this.#token === 0 || (lease.owner === this && lease.token === this.#token)) return;
    throw new StubFailure('fenced');
  }

  #mine(id: string): Pending | undefined {
    const pending = this.group.pending.get(id);
    return pending?.consumer === this.options.consumer ? pending : undefined;
  }

  #take(count: number): Entry[] {
    const { group, stream } = this;
    const taken = stream.entries.slice(group.position, group.position + count);
    group.position += taken.length;
    for (const { id } of taken) group.own(id, this.options.consumer);
    return taken;
  }

  /** Waits for an entry, an interruption, or the end of the block. */
  #news(blockMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.stream.waitingReads.delete(wake);
        this.#interrupt = undefined;
        resolve();
      };
      const timer = setTimeout(wake, blockMs);
      this.stream.waitingReads.add(wake);
      this.#interrupt = wake;
    });
  }
}
