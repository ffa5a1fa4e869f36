import type { PartitionedStream } from './consumer-options.js';
import { ClosedError } from './errors.js';
import { checkGroupExists } from './existing-group.js';
import { FailureEpisodes } from './failure-episodes.js';
import { differingCount } from './partition-agreement.js';
import { quotaOf, shuffled } from './partition-quota.js';
import type { PartitionTable } from './partition-table.js';
import { type PartitionSurroundings, PartitionTerm } from './partition-term.js';
import { nameInUse } from './recovery.js';
import { retryOperation } from './retry-operation.js';
import { manyWaiters, settledWithin, sleep } from './sleep.js';
import type { StreamConsumer } from './stream-consumer.js';
import type { Subscription } from './subscription.js';

/** However long a lease is, a consumer that comes or goes is noticed within about this time. */
const longestTurnMs = 1_000;
const longestQuickTurnMs = 500;
const triesAtOnce = 16;
/** How long the end waits for a turn under way. */
const lastTurnMs = 500;

/**
 * Owns this consumer's share of a stream's partitions: takes what is free while it has less than its share, hands over
 * what it has too much of, and forgets what it has lost.
 */
export class PartitionOwner {
  readonly #around: PartitionSurroundings;
  readonly #stream: PartitionedStream;
  readonly #leaseMs: number;
  readonly #table: PartitionTable;
  readonly #episodes: FailureEpisodes;
  readonly #terms = new Map<number, PartitionTerm>();
  /** Handles that ask for a partition which they have not been given yet. */
  readonly #candidates = new Map<number, Subscription>();
  /** Whose handlers had begun when a partition was last lost; `undefined` = it was never this process's. */
  readonly #begun = new Map<number, ReadonlySet<string>>();
  readonly #closing = new Set<Promise<unknown>>();
  readonly #ending = manyWaiters();
  readonly #cut = manyWaiters();
  #running: Promise<void> = Promise.resolve();
  #isBelow = true;
  #isAnnounced = false;
  /** How many partitions are being handed over. */
  #leaving = 0;
  /** When the server last answered, Unix ms. */
  #turnedAt: number | undefined;

  constructor(around: PartitionSurroundings, stream: PartitionedStream, leaseMs: number) {
    this.#around = around;
    this.#stream = stream;
    this.#leaseMs = leaseMs;
    const { transport, group } = around.settings;
    this.#table = transport.partitionTable(stream.stream);
    const where = `of '${stream.stream}' for group '${group}'`;
    this.#episodes = new FailureEpisodes(transport, where, (error) => around.emit('error', error));
  }

  get stream(): string {
    return this.#stream.stream;
  }

  /** The numbers of the partitions that are this consumer's now. */
  get partitions(): number[] {
    return [...this.#terms.keys()].sort((left, right) => left - right);
  }

  get size(): number {
    return this.#terms.size;
  }

  /** The partitions as streams. */
  get streams(): StreamConsumer[] {
    return [...this.#terms.values()].map(({ stream }) => stream);
  }

  /** When the server last answered whoever has waited longest; a consumer without partitions is alive too. */
  get lastPollAt(): number | undefined {
    let oldest = this.#turnedAt;
    for (const { stream } of this.#terms.values()) {
      const { lastPollAt } = stream;
      if (oldest !== undefined && lastPollAt !== undefined) oldest = Math.min(oldest, lastPollAt);
    }
    return oldest;
  }

  /** Makes sure of the number of partitions, the groups and the name, and takes what is free of the first share. */
  async start(): Promise<void> {
    const { settings } = this.#around;
    const what = (doing: string) => `Could not ${doing} '${this.stream}' for group '${settings.group}'`;
    const retried = <Result>(doing: string, operation: () => Promise<Result>) =>
      retryOperation(settings.transport, what(doing), operation, this.#ending.signal);
    const count = this.#stream.partitions.length;
    if (!settings.autoCreateGroup) await this.#checkGroups();
    const recorded = await retried('agree on the partitions of', () => this.#table.agree(count));
    if (recorded !== count) throw differingCount(this.stream, count, recorded);
    if (settings.autoCreateGroup) {
      await Promise.all(
        this.#stream.partitions.map(async ({ stream }, partition) => {
          const subscription = this.#candidate(partition);
          const created = await retried('create the groups of', () => subscription.ensureGroup(settings.startFrom));
          if (created) this.#around.emit('groupCreated', { stream, group: settings.group });
        }),
      );
    }
    const deadline = Date.now() + this.#leaseMs + 500;
    for (;;) {
      const alive = await retried('join the owners of', () => this.#announce());
      if (this.#ending.signal.aborted) return;
      if (alive !== undefined) {
        await this.#balance(alive);
        break;
      }
      if (Date.now() > deadline) throw nameInUse(settings.consumer, settings.group);
      await sleep(200, this.#ending.signal);
    }
    this.#running = this.#run();
  }

  /** Handlers may have ended. */
  changed(): void {
    if (this.#leaving === 0) return;
    for (const term of this.#terms.values()) if (term.isLeaving) term.changed();
  }

  /** Takes no more partitions and hands over what it has, each as soon as its handlers have ended. Resolves with how many entries were handed back. */
  async handOver(): Promise<number> {
    this.#ending.abort();
    const withdrawing = this.#withdraw();
    const leaving = [...this.#terms.values()].map((term) => this.#handOver(term));
    await settledWithin(this.#running, lastTurnMs);
    // what a turn under way was still given
    leaving.push(
      ...[...this.#terms.values()].filter(({ isLeaving }) => !isLeaving).map((term) => this.#handOver(term)),
    );
    const released = await Promise.all(leaving);
    await withdrawing;
    return released.reduce((sum, count) => sum + count, 0);
  }

  /** Waits for no handler any more. */
  cut(): void {
    this.#cut.abort();
  }

  /** Ends every handle. */
  async close(): Promise<void> {
    this.cut();
    const candidates = [...this.#candidates.values()].map((subscription) => subscription.close());
    await Promise.all([...candidates, ...this.#closing, this.#table.close()]);
  }

  async #checkGroups(): Promise<void> {
    const { transport, group } = this.#around.settings;
    const { signal } = this.#ending;
    await Promise.all(this.#stream.partitions.map(({ stream }) => checkGroupExists(transport, stream, group, signal)));
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const turnMs = this.#isBelow
        ? Math.min(this.#leaseMs / 10, longestQuickTurnMs)
        : Math.min(this.#leaseMs / 3, longestTurnMs);
      await sleep(turnMs * (0.8 + Math.random() * 0.2), this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      try {
        await this.#turn();
        this.#episodes.succeeded('share the partitions');
      } catch (error) {
        this.#failed('share the partitions', error);
      }
    }
  }

  async #turn(): Promise<void> {
    const { settings, onFatal } = this.#around;
    const count = this.#stream.partitions.length;
    const recorded = await this.#table.agree(count);
    if (recorded !== count) {
      onFatal(differingCount(this.stream, count, recorded));
      return;
    }
    const alive = await this.#announce();
    if (this.#ending.signal.aborted) return;
    if (alive === undefined) onFatal(nameInUse(settings.consumer, settings.group));
    else await this.#balance(alive);
  }

  async #announce(): Promise<readonly string[] | undefined> {
    const { group, consumer } = this.#around.settings;
    this.#isAnnounced = true;
    const alive = await this.#table.announce(group, consumer, this.#leaseMs);
    this.#turnedAt = Date.now();
    return alive;
  }

  async #balance(alive: readonly string[]): Promise<void> {
    const quota = quotaOf(this.#around.settings.consumer, alive, this.#stream.partitions.length);
    const staying = [...this.#terms.values()].filter(({ isLeaving }) => !isLeaving);
    // the latest have the least to lose
    for (const term of staying.slice(quota)) void this.#handOver(term);
    await this.#take(quota - staying.length);
    this.#isBelow = this.#terms.size < quota;
  }

  async #take(missing: number): Promise<void> {
    const free = shuffled(this.#stream.partitions.map((_, partition) => partition)).filter(
      (partition) => !this.#terms.has(partition),
    );
    for (let left = missing; left > 0 && free.length > 0 && !this.#ending.signal.aborted; ) {
      const tried = free.splice(0, Math.min(left, triesAtOnce));
      const terms = await Promise.all(tried.map((partition) => this.#tryToOwn(partition)));
      const taken = terms.filter((term) => term !== undefined);
      if (taken.length === 0) continue;
      left -= taken.length;
      const { group } = this.#around.settings;
      const partitions = taken.map(({ partition }) => partition).sort((one, other) => one - other);
      this.#around.emit('partitionsAssigned', { stream: this.stream, group, partitions });
      for (const term of taken) if (this.#terms.get(term.partition) === term) term.start();
    }
  }

  async #tryToOwn(partition: number): Promise<PartitionTerm | undefined> {
    const subscription = this.#candidate(partition);
    const sentAtMs = performance.now();
    try {
      if (!(await subscription.own(this.#leaseMs))) return undefined;
      this.#episodes.succeeded('take partitions');
      if (this.#ending.signal.aborted) {
        await subscription.disown();
        return undefined;
      }
    } catch (error) {
      this.#failed('take partitions', error);
      return undefined;
    }
    this.#candidates.delete(partition);
    const { settings } = this.#around;
    const begun = this.#begun.get(partition);
    const grant = {
      partition,
      names: this.#stream.partitions[partition] as PartitionedStream['partitions'][number],
      subscription,
      leaseMs: this.#leaseMs,
      sentAtMs,
      // nobody knows what an earlier bearer of the name was at
      wasBegun: (id: string) => (begun === undefined ? settings.consumerIsNamed : begun.has(id)),
    };
    const term = new PartitionTerm(grant, this.#around, (lost, ids) => this.#lost(lost, ids));
    this.#begun.set(partition, new Set());
    this.#terms.set(partition, term);
    return term;
  }

  #lost(term: PartitionTerm, begun: readonly string[]): void {
    this.#begun.set(term.partition, new Set(begun));
    this.#endTerm(term, 'lost');
    const closing = term.close().catch((error: unknown) => this.#failed('leave a partition', error));
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  async #handOver(term: PartitionTerm): Promise<number> {
    this.#leaving += 1;
    try {
      return await term.handOver(this.#cut.signal);
    } finally {
      this.#leaving -= 1;
      this.#endTerm(term, 'handed-over');
    }
  }

  #endTerm(term: PartitionTerm, reason: 'handed-over' | 'lost'): void {
    const { partition } = term;
    if (this.#terms.get(partition) !== term) return;
    this.#terms.delete(partition);
    const { group } = this.#around.settings;
    this.#around.emit('partitionsRevoked', { stream: this.stream, group, partitions: [partition], reason });
  }

  async #withdraw(): Promise<void> {
    if (!this.#isAnnounced) return;
    const { group, consumer } = this.#around.settings;
    try {
      await this.#table.withdraw(group, consumer);
    } catch (error) {
      // the others see it when the time is over that was announced
      this.#failed('leave the owners', error);
    }
  }

  #candidate(partition: number): Subscription {
    let subscription = this.#candidates.get(partition);
    if (subscription === undefined) {
      const { transport, group, consumer } = this.#around.settings;
      const { stream } = this.#stream.partitions[partition] as PartitionedStream['partitions'][number];
      subscription = transport.subscription({ stream, group, consumer });
      this.#candidates.set(partition, subscription);
    }
    return subscription;
  }

  #failed(what: string, error: unknown): void {
    const { kind } = this.#episodes.failed(what, error, (failure) => failure.kind === 'closed');
    if (kind === 'closed' && !this.#ending.signal.aborted)
      this.#around.onFatal(new ClosedError('The transport was closed while the consumer was using it'));
  }
}
