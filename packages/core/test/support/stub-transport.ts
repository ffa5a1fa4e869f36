import type {
  Appender,
  AppenderOptions,
  Capabilities,
  Failover,
  Failure,
  Inspector,
  Janitor,
  PartitionTable,
  Subscription,
  SubscriptionOptions,
  Transport,
} from '../../src/index.js';
import { StubAppender } from './stub-appender.js';
import { StubFailure } from './stub-failure.js';
import { StubPartitions, StubPartitionTable } from './stub-partition-table.js';
import { StubServer } from './stub-server.js';
import { StubSubscription } from './stub-subscription.js';

/** A transport without a server: every answer, and when it comes, is the test's to decide. */
export class StubTransport implements Transport {
  readonly retryPolicy: Transport['retryPolicy'];
  readonly server = new StubServer();
  readonly appenders: StubAppender[] = [];
  readonly subscriptions: StubSubscription[] = [];
  /** Called for each new subscription, before anything uses it. */
  prepare: ((subscription: StubSubscription) => void) | undefined;
  readonly failoverListeners = new Set<(failover: Failover) => void>();
  /** The ids of each call of `inspector().fetch`. */
  readonly fetches: (readonly string[])[] = [];
  readonly partitions = new Map<string, StubPartitions>();
  inspections = 0;
  closings = 0;
  /** Set to make `inspector().describe` fail. */
  inspectorFailure: StubFailure | undefined;

  constructor(retryPolicy: Partial<Transport['retryPolicy']> = {}) {
    this.retryPolicy = { strategy: 'retry', maxRetries: 3, ...retryPolicy };
  }

  async connect(): Promise<void> {}

  async capabilities(): Promise<Capabilities> {
    return { engine: 'stub', version: null, commands: {}, evictionPolicy: null, findings: [] };
  }

  appender(options: AppenderOptions): Appender {
    const appender = new StubAppender(options);
    this.appenders.push(appender);
    return appender;
  }

  subscription(options: SubscriptionOptions): Subscription {
    const subscription = new StubSubscription(this.server.stream(options.stream), options);
    this.subscriptions.push(subscription);
    this.prepare?.(subscription);
    return subscription;
  }

  inspector(): Inspector {
    this.inspections += 1;
    return {
      describe: async (stream) => {
        if (this.inspectorFailure !== undefined) throw this.inspectorFailure;
        return this.server.describe(stream);
      },
      range: async () => [],
      fetch: async (stream, ids) => {
        this.fetches.push(ids);
        if (this.inspectorFailure !== undefined) throw this.inspectorFailure;
        return ids.map((id) => this.server.stream(stream).entry(id));
      },
      async *keys() {
        yield [];
      },
      memory: async (keys) => keys.map(() => null),
      count: async () => 0,
      pending: async () => [],
      consumers: async () => [],
      close: async () => {},
    };
  }

  janitor(): Janitor {
    return {
      takeTurn: async () => true,
      endTurn: async () => {},
      survey: async () => undefined,
      trim: async () => ({ removed: 0, length: 0, firstEntryId: null, groups: 0, lost: [] }),
      removeGroup: async () => 'missing',
      removeConsumer: async () => 'missing',
      seal: async (prefix) => [prefix],
      changeSeal: async (add) => add,
      close: async () => {},
    };
  }

  partitionTable(stream: string): PartitionTable {
    return new StubPartitionTable(this.partitionsOf(stream));
  }

  /** What is agreed on about a stream's partitions. */
  partitionsOf(stream: string): StubPartitions {
    const partitions = this.partitions.get(stream) ?? new StubPartitions();
    this.partitions.set(stream, partitions);
    return partitions;
  }

  classify(error: unknown): Failure {
    if (error instanceof StubFailure) return { kind: error.kind, cause: error };
    return { kind: 'unknown', cause: new Error('not a failure of the stub') };
  }

  onFailover(listener: (failover: Failover) => void): () => void {
    this.failoverListeners.add(listener);
    return () => this.failoverListeners.delete(listener);
  }

  /** Tells everybody that `streams` passed to another server. */
  failOver(streams: readonly string[], to = 'second:6379'): void {
    const failover: Failover = { from: 'first:6379', to, concerns: (stream) => streams.includes(stream) };
    for (const listener of [...this.failoverListeners]) listener(failover);
  }

  async close(): Promise<void> {
    this.closings += 1;
  }
}
