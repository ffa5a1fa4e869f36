import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import type {
  Appender,
  AppenderOptions,
  Failover,
  Failure,
  Finding,
  Inspector,
  Janitor,
  PartitionTable,
  Subscription,
  SubscriptionOptions,
  Transport,
} from '@events/core';
import type { AppendMode } from './append-mode.js';
import { RedisAppender } from './appender.js';
import type { RedisCapabilities } from './capabilities.js';
import { controlWithinMs } from './connection.js';
import { type ConnectionLease, type PoolOptions, SharedConnections } from './connection-pool.js';
import { addressOf, type Connector, type Role } from './connector.js';
import { establish, failureBehind } from './establish.js';
import { closedFailure, offline, RedisFailure, unknownOutcome } from './failures.js';
import { RedisInspector } from './inspector.js';
import { RedisJanitor } from './janitor.js';
import type { RedisTransportOptions } from './options.js';
import { RedisPartitionTable } from './partition-table.js';
import { ReadingConnection } from './reading-connection.js';
import { type ConnectionEvents, ServerConnection } from './server-connection.js';
import { ServerWatch } from './server-watch.js';
import { RedisSubscription } from './subscription.js';
import { type Topology, topologyOf } from './topology.js';

/** What a transport emits. Nobody has to listen to `error`, and a listener that throws disturbs nobody. */
export interface RedisTransportEvents {
  connected: [{ readonly role: Role; readonly address: string }];
  disconnected: [{ readonly role: Role; readonly cause: Error; readonly address: string }];
  reconnecting: [{ readonly role: Role; readonly delayMs: number }];
  /** The server is set in a way by which events may be lost or refused: told once for each server. */
  warning: [message: string, finding: Finding];
  /** Another server has taken the place of a master, which may lack what that one held last. Addresses are `host:port`. */
  failover: [{ readonly from: string; readonly to: string; readonly reason: string }];
  error: [Error];
}

interface Handle {
  close(): Promise<void>;
}

/** How `@events/core`'s transport is kept on Redis Streams, over whatever client a connector is made of. */
export abstract class RedisStreamsTransport extends EventEmitter<RedisTransportEvents> implements Transport {
  readonly retryPolicy: { readonly strategy: 'retry' | 'failfast'; readonly maxRetries: number };
  readonly #connector: Connector;
  readonly #appendMode: AppendMode;
  readonly #topology: Topology;
  readonly #writer: SharedConnections;
  readonly #control: SharedConnections;
  readonly #readers = new Set<ReadingConnection>();
  readonly #ownWriters = new Set<SharedConnections>();
  readonly #failoverListeners = new Set<(failover: Failover) => void>();
  readonly #handles = new Set<Handle>();
  readonly #watch = new ServerWatch((finding) => this.#tell('warning', finding.message, finding));
  /** The control connection that `connect` opened, until handles that need it have come and gone. */
  #held: ConnectionLease | undefined;
  #closing: Promise<void> | undefined;

  protected constructor(
    options: Pick<RedisTransportOptions, 'failoverStrategy' | 'maxRetries' | 'append'>,
    connector: Connector,
  ) {
    super();
    this.retryPolicy = { strategy: options.failoverStrategy ?? 'retry', maxRetries: options.maxRetries ?? 3 };
    this.#connector = connector;
    this.#appendMode = options.append ?? 'auto';
    this.#topology = topologyOf(connector, {
      failedOver: (failover, reason) => this.#failedOver(failover, reason),
      failed: (failure) => this.#tell('error', failure.cause),
    });
    this.#writer = new SharedConnections(this.#poolOptions('writer'));
    this.#control = new SharedConnections(this.#poolOptions('control'));
  }

  /** Reaches the server and proves that it answers. Rejects with a `PermissionError` or a `TransportError`. */
  async connect(): Promise<void> {
    this.#held ??= this.#control.lease();
    try {
      await establish(this.#held, this.#topology, this.retryPolicy, () => this.capabilities());
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  /** What the server offers, how it is set, and what is wrong with that. */
  async capabilities(): Promise<RedisCapabilities> {
    const lease = this.#control.lease();
    try {
      // asked over the connection of one server, to say of whom it is true
      if (this.#topology.any()?.endpoint === undefined) await lease.connection().exchange([['PING']], controlWithinMs);
      const shard = this.#topology.any();
      if (shard?.endpoint === undefined) throw offline(`Nobody knows where ${this.#topology.description} is`);
      return await this.#watch.ask(lease.connectionTo(shard), addressOf(shard.endpoint));
    } finally {
      lease.release();
    }
  }

  appender(options: AppenderOptions): Appender {
    return this.#track((onClose) => {
      const writer = options.durability.level === 'leader' ? this.#writer.lease() : this.#ownWriter();
      const capabilities = () => this.capabilities();
      return new RedisAppender({ writer, mode: this.#appendMode, options, capabilities, onClose });
    });
  }

  subscription(options: SubscriptionOptions): Subscription {
    const openReader = () => this.#openReader(options.stream);
    return this.#track(
      (onClose) => new RedisSubscription(options, { control: this.#control.lease(), openReader }, onClose),
    );
  }

  inspector(): Inspector {
    return this.#track((onClose) => new RedisInspector(this.#control.lease(), this.#topology, onClose));
  }

  janitor(): Janitor {
    return this.#track((onClose) => new RedisJanitor(this.#control.lease(), onClose));
  }

  partitionTable(stream: string): PartitionTable {
    return this.#track((onClose) => new RedisPartitionTable(stream, this.#control.lease(), onClose));
  }

  classify(error: unknown): Failure {
    if (error instanceof RedisFailure) return error;
    return failureBehind(error) ?? unknownOutcome('The transport failed in an unforeseen way');
  }

  onFailover(listener: (failover: Failover) => void): () => void {
    // the same function may listen twice
    const own = (failover: Failover) => listener(failover);
    this.#failoverListeners.add(own);
    return () => this.#failoverListeners.delete(own);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  toJSON(): object {
    return { server: this.#topology.description, ...this.retryPolicy };
  }

  [inspect.custom](): string {
    return `${this.constructor.name} ${inspect(this.toJSON())}`;
  }

  #track<Kind extends Handle>(make: (onClose: () => void) => Kind): Kind {
    const handle = make(() => {
      this.#handles.delete(handle);
      if (this.#handles.size === 0) this.#letGo();
    });
    this.#handles.add(handle);
    // ends at once what is made too late: its verbs then say `closed`
    if (this.#closing !== undefined) void handle.close();
    return handle;
  }

  #letGo(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  // What waits for replicas holds back whatever is sent after it on the same connection.
  #ownWriter(): ConnectionLease {
    const shared = new SharedConnections(this.#poolOptions('writer'));
    this.#ownWriters.add(shared);
    const lease = shared.lease();
    return {
      ...lease,
      release: () => {
        lease.release();
        this.#ownWriters.delete(shared);
      },
    };
  }

  #openReader(stream: string): ReadingConnection {
    if (this.#closing !== undefined) throw closedFailure('transport');
    const reader = new ReadingConnection(stream, this.#poolOptions('reader'), () => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  }

  #poolOptions(role: Role): PoolOptions {
    const failFast = this.retryPolicy.strategy === 'failfast';
    const topology = this.#topology;
    const options = { connector: this.#connector, role, failFast, mastersOnly: topology.mastersOnly };
    const events: ConnectionEvents = {
      connected: (connection, address) => {
        this.#tell('connected', { role, address });
        if (role !== 'reader') void this.#watch.look(connection, address);
      },
      disconnected: (cause, address) => this.#tell('disconnected', { role, cause, address }),
      reconnecting: (delayMs) => this.#tell('reconnecting', { role, delayMs }),
      failed: (failure) => this.#tell('error', failure.cause),
    };
    return { topology, role, failFast, open: (shard) => new ServerConnection({ ...options, shard, events }) };
  }

  #failedOver(failover: Failover, reason: string): void {
    for (const listener of [...this.#failoverListeners]) {
      try {
        listener(failover);
      } catch (error) {
        // the connections must leave the old server all the same
        process.emitWarning(`A listener of onFailover threw: ${String(error)}`, 'EventsWarning');
      }
    }
    this.#tell('failover', { from: failover.from, to: failover.to, reason });
  }

  // `emit` would throw for an `error` that nobody listens to, and whatever a listener throws.
  #tell<Name extends keyof RedisTransportEvents>(name: Name, ...details: RedisTransportEvents[Name]): void {
    for (const listener of this.rawListeners(name)) {
      try {
        Reflect.apply(listener, this, details);
      } catch (error) {
        process.emitWarning(`A listener of a transport's ${name} event threw: ${String(error)}`, 'EventsWarning');
      }
    }
  }

  async #end(): Promise<void> {
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      deadline = setTimeout(resolve, controlWithinMs);
    });
    // not before `#closing` is set, so that nothing new is begun
    await Promise.resolve();
    await Promise.race([Promise.allSettled([...this.#handles].map((handle) => handle.close())), late]);
    clearTimeout(deadline);
    for (const reader of this.#readers) reader.close();
    this.#writer.close();
    for (const writer of this.#ownWriters) writer.close();
    this.#control.close();
  }
}
