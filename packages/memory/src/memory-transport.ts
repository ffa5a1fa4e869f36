import {
  type Appender,
  type AppenderOptions,
  type Capabilities,
  type Failover,
  type Failure,
  type Inspector,
  type Janitor,
  OptionsError,
  type PartitionTable,
  type Subscription,
  type SubscriptionOptions,
  type Transport,
} from '@events/core';
import { Line } from './line.js';
import { MemoryAppender } from './memory-appender.js';
import { MemoryBroker } from './memory-broker.js';
import { failureOf } from './memory-error.js';
import { MemoryInspector } from './memory-inspector.js';
import { MemoryJanitor } from './memory-janitor.js';
import { MemoryPartitionTable } from './memory-partition-table.js';
import { MemorySubscription } from './memory-subscription.js';
import type { Simulation } from './simulation.js';

/** Everything is optional. */
export interface MemoryTransportOptions {
  /** Another transport's broker, to be shared as two processes share a server. Default: an empty one. */
  readonly broker?: MemoryBroker;
  /** `'failfast'` rejects the first transient refusal. Default `'retry'`. */
  readonly failoverStrategy?: 'retry' | 'failfast';
  /** How often core tries one operation again. Default 3; not to be given with `'failfast'`. */
  readonly maxRetries?: number;
  /** How long a verb waits for a frozen broker, in milliseconds. Default 2,000. */
  readonly deadlineMs?: number;
  /** The time of a new broker, in Unix ms. Default `Date.now`. */
  readonly now?: () => number;
}

type Handle = { close(): Promise<void> };

const optionNames: readonly string[] = ['broker', 'failoverStrategy', 'maxRetries', 'deadlineMs', 'now'];

/** An event broker inside this process, with the semantics of Redis Streams. Nothing outlives the process. */
export class MemoryTransport implements Transport {
  readonly retryPolicy: Transport['retryPolicy'];
  /** The streams themselves, to be given to another transport. */
  readonly broker: MemoryBroker;
  readonly #deadlineMs: number;
  readonly #handles = new Set<Handle>();
  #isClosed = false;

  constructor(options: MemoryTransportOptions = {}) {
    checkOptions(options);
    const { failoverStrategy: strategy = 'retry', maxRetries = strategy === 'retry' ? 3 : 0 } = options;
    this.retryPolicy = { strategy, maxRetries };
    this.broker = options.broker ?? new MemoryBroker(options.now ?? Date.now);
    this.#deadlineMs = options.deadlineMs ?? 2_000;
  }

  /** Produces failures, for tests. */
  get simulate(): Simulation {
    return this.broker.simulation;
  }

  async connect(): Promise<void> {
    await this.#ask(undefined);
  }

  capabilities(): Promise<Capabilities> {
    return this.#ask({ engine: 'memory', version: null, commands: {}, evictionPolicy: 'noeviction', findings: [] });
  }

  appender(options: AppenderOptions): Appender {
    return this.#open((line) => new MemoryAppender(this.broker, line, options));
  }

  subscription(options: SubscriptionOptions): Subscription {
    return this.#open((line) => new MemorySubscription(this.broker, line, options));
  }

  inspector(): Inspector {
    return this.#open((line) => new MemoryInspector(this.broker, line));
  }

  janitor(): Janitor {
    return this.#open((line) => new MemoryJanitor(this.broker, line));
  }

  partitionTable(stream: string): PartitionTable {
    return this.#open((line) => new MemoryPartitionTable(this.broker, line, stream));
  }

  classify(error: unknown): Failure {
    return failureOf(error);
  }

  onFailover(listener: (failover: Failover) => void): () => void {
    return this.broker.simulation.onFailover(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.#handles, (handle) => handle.close()));
  }

  /** Answers like the broker, which means: only if it can be reached. */
  async #ask<T>(answer: T): Promise<T> {
    const line = this.#open((opened) => opened);
    try {
      return await line.perform(() => answer);
    } finally {
      await line.close();
    }
  }

  #open<Opened extends Handle>(create: (line: Line) => Opened): Opened {
    const line = new Line(this.broker.wire, this.#deadlineMs, () => this.#handles.delete(handle));
    const handle = create(line);
    if (this.#isClosed) line.refuse();
    else this.#handles.add(handle);
    return handle;
  }
}

function checkOptions(options: MemoryTransportOptions): void {
  for (const name of Object.keys(options)) {
    if (!optionNames.includes(name)) throw new OptionsError(`MemoryTransport has no option ${JSON.stringify(name)}`);
  }
  const { broker, failoverStrategy, maxRetries, deadlineMs, now } = options;
  checkOption('broker', broker, "another MemoryTransport's broker", ({ wire }) => wire !== undefined);
  checkOption('failoverStrategy', failoverStrategy, "'retry' or 'failfast'", (value) =>
    /^(retry|failfast)$/.test(value),
  );
  checkOption(
    'maxRetries',
    maxRetries,
    'a whole number from 0 on',
    (value) => Number.isSafeInteger(value) && value >= 0,
  );
  checkOption('deadlineMs', deadlineMs, 'a whole number above 0', (value) => Number.isSafeInteger(value) && value > 0);
  checkOption('now', now, 'a function', (value) => typeof value === 'function');
  if (failoverStrategy === 'failfast' && (maxRetries ?? 0) > 0) {
    throw new OptionsError("maxRetries contradicts failoverStrategy 'failfast', which never retries");
  }
  if (broker !== undefined && now !== undefined) {
    throw new OptionsError('now contradicts broker: a shared broker has its own time');
  }
}

function checkOption<Value>(
  name: string,
  value: Value | undefined,
  expected: string,
  isValid: (value: Value) => boolean,
): void {
  if (value !== undefined && !isValid(value)) throw new OptionsError(`${name} must be ${expected}`);
}
