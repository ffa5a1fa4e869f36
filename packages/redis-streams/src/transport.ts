import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import type {
  Appender,
  Capabilities,
  Failure,
  Inspector,
  Subscription,
  SubscriptionOptions,
  Transport,
} from '@events/core';
import type { AppendMode } from './append-mode.js';
import { RedisAppender } from './appender.js';
import { probeCapabilities } from './capabilities.js';
import { Connection, type ConnectionOptions, controlWithinMs } from './connection.js';
import { type ConnectionLease, SharedConnection } from './connection-pool.js';
import type { Connector, Role } from './connector.js';
import { establish, failureBehind } from './establish.js';
import { closedFailure, RedisFailure, unknownOutcome } from './failures.js';
import { RedisInspector } from './inspector.js';
import type { RedisTransportOptions } from './options.js';
import { RedisSubscription } from './subscription.js';

/** What a transport emits. Nobody has to listen to `error`, and a listener that throws disturbs nobody. */
export interface RedisTransportEvents {
  connected: [{ readonly role: Role }];
  disconnected: [{ readonly role: Role; readonly cause: Error }];
  reconnecting: [{ readonly role: Role; readonly delayMs: number }];
  warning: [string];
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
  readonly #writer: SharedConnection;
  readonly #control: SharedConnection;
  readonly #readers = new Set<Connection>();
  readonly #handles = new Set<Handle>();
  /** The control connection that `connect` opened, until handles that need it have come and gone. */
  #held: ConnectionLease | undefined;
  #probe: { readonly connection: Connection; readonly generation: number; readonly answer: Capabilities } | undefined;
  #closing: Promise<void> | undefined;

  protected constructor(
    options: Pick<RedisTransportOptions, 'failoverStrategy' | 'maxRetries' | 'append'>,
    connector: Connector,
  ) {
    super();
    this.retryPolicy = { strategy: options.failoverStrategy ?? 'retry', maxRetries: options.maxRetries ?? 3 };
    this.#connector = connector;
    this.#appendMode = options.append ?? 'auto';
    this.#writer = new SharedConnection(this.#connectionOptions('writer'));
    this.#control = new SharedConnection(this.#connectionOptions('control'));
  }

  /** Reaches the server and proves that it answers. Rejects with a `PermissionError` or a `TransportError`. */
  async connect(): Promise<void> {
    this.#held ??= this.#control.lease();
    try {
      await establish(this.#held, this.#connector.address, this.retryPolicy, () => this.capabilities());
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  async capabilities(): Promise<Capabilities> {
    const lease = this.#control.lease();
    try {
      const connection = lease.connection();
      const known = this.#probe;
      if (known?.connection === connection && known.generation === connection.generation) return known.answer;
      const answer = await probeCapabilities(connection, controlWithinMs);
      this.#probe = { connection, generation: connection.generation, answer };
      this.#warnOfEviction(answer);
      return answer;
    } finally {
      lease.release();
    }
  }

  appender(): Appender {
    return this.#track((onClose) => new RedisAppender(this.#writer.lease(), this.#appendMode, onClose));
  }

  subscription(options: SubscriptionOptions): Subscription {
    const openReader = () => this.#openReader();
    return this.#track(
      (onClose) => new RedisSubscription(options, { control: this.#control.lease(), openReader }, onClose),
    );
  }

  inspector(): Inspector {
    return this.#track((onClose) => new RedisInspector(this.#control.lease(), onClose));
  }

  classify(error: unknown): Failure {
    if (error instanceof RedisFailure) return error;
    return failureBehind(error) ?? unknownOutcome('The transport failed in an unforeseen way');
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  toJSON(): object {
    return { server: this.#connector.address, ...this.retryPolicy };
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

  #openReader(): Connection {
    if (this.#closing !== undefined) throw closedFailure('transport');
    const reader = new Connection(this.#connectionOptions('reader', () => this.#readers.delete(reader)));
    this.#readers.add(reader);
    return reader;
  }

  #connectionOptions(role: Role, onClose?: () => void): ConnectionOptions {
    return {
      connector: this.#connector,
      role,
      failFast: this.retryPolicy.strategy === 'failfast',
      events: {
        connected: () => this.#tell('connected', { role }),
        disconnected: (cause) => this.#tell('disconnected', { role, cause }),
        reconnecting: (delayMs) => this.#tell('reconnecting', { role, delayMs }),
        failed: (failure) => this.#tell('error', failure.cause),
        closed: () => onClose?.(),
      },
    };
  }

  #warnOfEviction({ evictionPolicy }: Capabilities): void {
    if (evictionPolicy === null || evictionPolicy === 'noeviction') return;
    this.#tell(
      'warning',
      `Redis at ${this.#connector.address} evicts keys when its memory is full (maxmemory-policy ${evictionPolicy}): streams and ` +
        'consumer groups may vanish. Set maxmemory-policy noeviction.',
    );
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
    this.#control.close();
  }
}
