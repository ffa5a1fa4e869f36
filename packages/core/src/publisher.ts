import { randomUUID } from 'node:crypto';
import { AppendQueue } from './append-queue.js';
import type { EventAttributes } from './codec.js';
import { IsolatingEmitter, isThenable } from './emitter.js';
import { EnvironmentSeal } from './environment-seal.js';
import {
  ClosedError,
  EventsError,
  OptionsError,
  OverloadedError,
  StreamNameError,
  TimeoutError,
  ValidationError,
} from './errors.js';
import type { EventContracts, EventInput, EventType } from './event-contracts.js';
import { checkEventType } from './event-pattern.js';
import type { FailoverRecovered } from './failover-recovery.js';
import type { Logger } from './logger.js';
import { OutgoingEvent, type PublishReceipt } from './outgoing-event.js';
import { PartitionRouter } from './partition-router.js';
import type { Payload } from './payload.js';
import { type PublisherOptions, type PublisherSettings, publisherSettings } from './publisher-options.js';
import { Trimming, type TrimmingEvents } from './trimming.js';
import { encodeFields, MetaEncoder } from './wire-format.js';

export interface PublishOptions {
  /** The stream, instead of what `routes` and `defaultStream` say. `streamPrefix` stands before it too. */
  readonly stream?: string | undefined;
  /** What the event belongs to; events of one key keep their order. */
  readonly key?: string | undefined;
  /** Texts that travel with the event. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The event's id. Default: a random UUID. */
  readonly id?: string | undefined;
  /** When it happened. Default: now. */
  readonly time?: Date | undefined;
}

/** One event of a batch. */
export type BatchEvent<Contracts extends EventContracts = EventContracts> = {
  [Type in EventType<Contracts>]: PublishOptions & { readonly type: Type; readonly data: EventInput<Contracts, Type> };
}[EventType<Contracts>];

/** What became of one event of a batch. */
export type PublishOutcomeOf = PublishReceipt | { readonly status: 'failed'; readonly error: EventsError };

type PublisherEvents = TrimmingEvents & {
  /** An event was stored. */
  published: [receipt: PublishReceipt];
  /** Data did not match its contract; the call rejected with the same error. */
  validationFailed: [failure: { readonly type: string; readonly error: ValidationError }];
  /** Streams passed to another server, and what `failoverRecovery` found and did there. One for each stream with confirmed events. */
  failover: [recovery: FailoverRecovered];
  /** More ids than `idempotent.maxEntries` came within the window, which is now shorter. At most once a minute and stream. */
  idempotencyShortened: [state: { readonly stream: string; readonly effectiveWindowMs: number }];
  /** Calls wait or are refused. Once an episode. */
  backpressure: [state: PublisherBackpressure];
  /** There is room again after `backpressure`: a fifth of the window, or a tenth of the stream. */
  recovered: [state: PublisherBackpressure];
  error: [error: Error];
};

/**
 * What is full: the publisher's own `window` of events in flight (`maxInFlight`, `maxInFlightBytes`), or a `stream` that
 * cannot be trimmed to its bound (`trimStrategy.overflow`).
 */
export interface PublisherBackpressure {
  readonly reason: 'window' | 'stream';
  /** The key in Redis; `undefined` for the window. */
  readonly stream: string | undefined;
  /** Events in flight, or entries in the stream. */
  readonly measured: number;
  /** How many there may be. */
  readonly limit: number;
}

/** What is settled of an event before it is written. */
interface Draft {
  readonly id: string;
  readonly timeMs: number;
  readonly version: number;
  readonly encoded: Payload;
}

const publishOptionNames: readonly string[] = ['stream', 'key', 'headers', 'id', 'time', 'type', 'data'];

/**
 * Publishes events.
 *
 * A publish has three outcomes: it resolves once Redis gave the entry an id; it rejects with `outcome: 'not-stored'`
 * when Redis refused it or it never left; it rejects with `outcome: 'unknown'` when it was sent and no answer came. With
 * `durability` it also rejects, with `outcome: 'stored'` and the receipt, when it is stored and not where it should be.
 */
export class EventPublisher<
  Contracts extends EventContracts = EventContracts,
> extends IsolatingEmitter<PublisherEvents> {
  readonly #settings: PublisherSettings;
  readonly #queue: AppendQueue;
  readonly #meta: MetaEncoder;
  readonly #router: PartitionRouter | undefined;
  readonly #trimming: Trimming | undefined;
  readonly #seal: EnvironmentSeal | undefined;
  readonly #maxValidations: number;
  readonly #wantsAttributes: boolean;
  readonly #streamKeys = new Map<string, string>();
  readonly #knownTypes = new Set<string>();
  /** The last call of each key whose data is still being validated: later calls of the key wait behind it. */
  readonly #validating = new Map<string, Promise<void>>();
  readonly #validations = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  /** @throws OptionsError, StreamNameError or EventTypeError for options that cannot work */
  constructor(options: PublisherOptions<Contracts>) {
    const settings = publisherSettings(options);
    super(settings.logger);
    this.#settings = settings;
    this.#meta = new MetaEncoder(settings.source);
    this.#wantsAttributes = settings.payload.wantsAttributes || settings.validator?.wantsAttributes === true;
    const { transport, partitions, timeoutMs, sealedPrefix } = settings;
    this.#seal = sealedPrefix === undefined ? undefined : new EnvironmentSeal(transport, sealedPrefix, timeoutMs);
    this.#router = partitions === undefined ? undefined : new PartitionRouter(transport, partitions, timeoutMs);
    const { trimPolicy } = settings;
    if (trimPolicy) {
      const emit: ConstructorParameters<typeof Trimming>[2] = (name, ...values) => {
        this.emit(name, ...(values as unknown as PublisherEvents[typeof name]));
      };
      this.#trimming = new Trimming(settings, trimPolicy, emit, {
        onFull: (fill) => {
          this.emit('backpressure', { reason: 'stream', ...fill });
        },
        onRecovered: (fill) => {
          this.emit('recovered', { reason: 'stream', ...fill });
        },
        onError: (error) => {
          this.emit('error', error);
        },
      });
    } else if (trimPolicy === undefined) {
      warnOfGrowth(settings.logger);
    }
    this.#maxValidations = settings.overflow === 'wait' ? 2 * settings.maxInFlight : settings.maxInFlight;
    this.#queue = new AppendQueue(settings, {
      onStored: (receipt) => {
        this.#trimming?.stored(receipt.stream);
        if (this.listenerCount('published') > 0) this.emit('published', receipt);
      },
      onCongested: (inFlight) => {
        this.emit('backpressure', this.#window(inFlight));
      },
      onUncongested: (inFlight) => {
        this.emit('recovered', this.#window(inFlight));
      },
      onSettled: (event) => {
        this.#trimming?.settled(event);
      },
      onIdempotencyShortened: (state) => {
        this.emit('idempotencyShortened', state);
      },
      onRecovered: (recovery) => {
        this.emit('failover', recovery);
      },
      onError: (error) => {
        this.emit('error', error);
      },
    });
  }

  /**
   * Stores one event.
   *
   * @throws EventsError (as a rejection) whose `outcome` says what became of the event: `EVENTS_EVENT_TYPE`,
   *   `EVENTS_STREAM_NAME`, `EVENTS_OPTIONS`, `EVENTS_VALIDATION`, `EVENTS_SERIALIZATION`, `EVENTS_PAYLOAD_TOO_LARGE`,
   *   `EVENTS_OVERLOADED`, `EVENTS_PARTITIONS`, `EVENTS_ENVIRONMENT` and `EVENTS_CLOSED` before anything is sent; `EVENTS_TIMEOUT`, `EVENTS_TRANSPORT`,
   *   `EVENTS_PERMISSION`, `EVENTS_UNSUPPORTED` and `EVENTS_UNDER_REPLICATED` after
   */
  publish<Type extends EventType<Contracts>>(
    type: Type,
    data: EventInput<Contracts, Type>,
    options?: PublishOptions,
  ): Promise<PublishReceipt> {
    return new Promise((resolve, reject) => this.#publish(type, data, options, resolve, reject));
  }

  /** Stores events, in order. Resolves, once all are settled, with what became of each, at the same index. */
  publishBatch(events: readonly BatchEvent<Contracts>[]): Promise<PublishOutcomeOf[]> {
    return new Promise((resolve, reject) => {
      if (!Array.isArray(events)) {
        reject(new OptionsError('publishBatch takes an array of { type, data, ...options }'));
        return;
      }
      const outcomes = new Array<PublishOutcomeOf>(events.length);
      let open = events.length;
      if (open === 0) resolve(outcomes);
      for (const [index, event] of events.entries()) {
        const settle = (outcome: PublishOutcomeOf) => {
          outcomes[index] = outcome;
          open -= 1;
          if (open === 0) resolve(outcomes);
        };
        const fail = (error: unknown) => settle({ status: 'failed', error: error as EventsError });
        if (typeof event !== 'object' || event === null) {
          fail(new OptionsError(`events[${index}] is not { type, data, ...options }`, { outcome: 'not-stored' }));
          continue;
        }
        this.#publish(event.type, event.data, event, settle, fail);
      }
    });
  }

  /** Resolves once everything published so far is settled. Never rejects: each call has its own outcome. */
  flush(): Promise<void> {
    if (this.#validations.size === 0) return this.#queue.flush();
    return Promise.all(this.#validations).then(() => this.#queue.flush());
  }

  /** Refuses further calls, settles those under way (within `timeoutMs`), and lets go of the transport. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.flush().then(async () => {
      this.#seal?.close();
      await this.#router?.close();
      await this.#queue.close();
      await this.#trimming?.close();
    });
    return this.#closed;
  }

  #publish(
    type: string,
    data: unknown,
    options: PublishOptions | undefined,
    resolve: (receipt: PublishReceipt) => void,
    reject: (error: unknown) => void,
  ): void {
    let validated: unknown;
    let event: OutgoingEvent | undefined;
    try {
      if (this.#closed !== undefined) throw new ClosedError('The publisher is closed', { outcome: 'not-stored' });
      this.#checkType(type);
      if (options !== undefined) checkPublishOptions(options);
      const stream = this.#streamOf(type, options?.stream);
      const { validator, payload } = this.#settings;
      const version = validator?.currentVersion(type) ?? 1;
      const id = options?.id ?? randomUUID();
      const timeMs = options?.time?.getTime() ?? Date.now();
      const attributes = this.#wantsAttributes ? this.#attributes(type, id, timeMs, options) : undefined;
      const encoded = payload.encode(type, data, attributes);
      event = this.#outgoing(type, stream, { id, timeMs, version, encoded }, options, resolve, reject);
      validated = validator?.check(type, data, encoded.asRead, attributes);
      const laneKey = options?.key === undefined ? undefined : `${stream} ${options.key}`;
      const ready = this.#ready(event, stream);
      const isBehind = laneKey !== undefined && this.#validating.has(laneKey);
      if (ready !== undefined || isBehind || isThenable(validated)) {
        this.#pushLater(event, validated, ready, laneKey, reject);
      } else {
        this.#queue.push(event);
      }
    } catch (error) {
      if (event !== undefined) this.#trimming?.settled(event);
      reject(this.#refused(type, error));
      // the call is refused already, whatever the schema says later
      if (isThenable(validated)) validated.then(undefined, () => undefined);
    }
  }

  #pushLater(
    event: OutgoingEvent,
    validated: unknown,
    ready: Promise<void> | undefined,
    laneKey: string | undefined,
    reject: (error: unknown) => void,
  ): void {
    const before = laneKey === undefined ? undefined : this.#validating.get(laneKey);
    if (this.#validations.size >= this.#maxValidations) {
      // nobody waits for it: the call is refused for another reason
      void Promise.allSettled([ready]).then(() => this.#trimming?.settled(event));
      throw new OverloadedError(
        `${this.#validations.size} events wait for asynchronous schemas, for the number of partitions, or for room in their streams: await publish`,
        {
          outcome: 'not-stored',
        },
      );
    }
    event.deadlineMs = performance.now() + this.#settings.timeoutMs;
    // both are waited for even if the data is refused: later calls of the key wait only for this one
    const validation = Promise.allSettled([this.#inTime(event.type, validated), ready, before]).then((outcomes) => {
      this.#validations.delete(validation);
      if (laneKey !== undefined && this.#validating.get(laneKey) === validation) this.#validating.delete(laneKey);
      try {
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
        this.#queue.push(event);
      } catch (error) {
        this.#trimming?.settled(event);
        reject(this.#refused(event.type, error));
      }
    });
    this.#validations.add(validation);
    if (laneKey !== undefined) this.#validating.set(laneKey, validation);
  }

  /** `undefined` when the event may be sent, otherwise what to wait for: a server that is for others is asked for nothing else. */
  #ready(event: OutgoingEvent, stream: string): Promise<void> | undefined {
    const sealed = this.#seal?.confirmed();
    if (sealed !== undefined) return sealed.then(() => this.#placed(event, stream));
    return this.#placed(event, stream);
  }

  #placed(event: OutgoingEvent, stream: string): Promise<void> | undefined {
    const agreed = this.#router?.agreed(stream);
    if (agreed !== undefined) return agreed.then(() => this.#trimming?.admit(event));
    return this.#trimming?.admit(event);
  }

  #window(inFlight: number): PublisherBackpressure {
    return { reason: 'window', stream: undefined, measured: inFlight, limit: this.#settings.maxInFlight };
  }

  #inTime(type: string, validated: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const tooLate = () => {
        const message = `The schema of '${type}' did not answer within ${this.#settings.timeoutMs} ms`;
        reject(new TimeoutError(message, { outcome: 'not-stored' }));
      };
      const timer = setTimeout(tooLate, this.#settings.timeoutMs);
      Promise.resolve(validated)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  #outgoing(
    type: string,
    stream: string,
    { id, timeMs, version, encoded }: Draft,
    options: PublishOptions | undefined,
    resolve: (receipt: PublishReceipt) => void,
    reject: (error: unknown) => void,
  ): OutgoingEvent {
    const key = options?.key;
    const { stored } = encoded;
    const more = version === 1 ? encoded.meta : `,"version":${version}${encoded.meta}`;
    const meta = this.#meta.encode(timeMs, key, options?.headers, more);
    const size = stored.length + meta.length + type.length + id.length;
    const place = this.#router?.place(stream, key ?? id) ?? stream;
    return new OutgoingEvent(place, encodeFields(id, type, meta, stored), id, type, key, size, resolve, reject);
  }

  #attributes(type: string, id: string, timeMs: number, options: PublishOptions | undefined): EventAttributes {
    const { source } = this.#settings;
    return { id, type, source, time: new Date(timeMs), key: options?.key, headers: options?.headers ?? {} };
  }

  #checkType(type: string): void {
    if (this.#knownTypes.has(type)) return;
    checkEventType(type);
    if (this.#knownTypes.size < 10_000) this.#knownTypes.add(type);
  }

  #streamOf(type: string, explicit: string | undefined): string {
    if (explicit !== undefined) return this.#keyOf(explicit);
    const stream = this.#settings.routes.get(type) ?? this.#settings.defaultStream;
    if (stream !== undefined) return stream;
    throw new StreamNameError(
      `No stream for '${type}': give 'stream' to publish, a matching entry in 'routes', or 'defaultStream'`,
    );
  }

  #keyOf(name: string): string {
    const known = this.#streamKeys.get(name);
    if (known !== undefined) return known;
    const key = this.#settings.keyOf(name);
    if (this.#streamKeys.size < 10_000) this.#streamKeys.set(name, key);
    return key;
  }

  /** An error that came before anything was sent. */
  #refused(type: string, error: unknown): unknown {
    if (error instanceof ValidationError) this.emit('validationFailed', { type, error });
    if (!(error instanceof EventsError) || error.outcome !== undefined) return error;
    // the errors of name, type and contract checks are also raised where no event is at stake
    return Object.assign(error, { outcome: 'not-stored' });
  }
}

const growthWarned = Symbol.for('@events/core growth warned');

/** Once in a process, however many copies of this package there are. */
function warnOfGrowth(logger: Logger): void {
  const shared = globalThis as { [growthWarned]?: boolean };
  if (shared[growthWarned] === true) return;
  shared[growthWarned] = true;
  logger.warn(
    'A publisher has no trimStrategy: its streams grow for ever. Give it one, such as { maxLength: 100_000 }, or { enabled: false } if they are trimmed elsewhere',
  );
}

function checkPublishOptions(options: PublishOptions): void {
  if (typeof options !== 'object' || options === null) throw new OptionsError('publish takes an object of options');
  for (const name in options) {
    if (publishOptionNames.includes(name)) continue;
    throw new OptionsError(`publish has no option '${name}'. Its options: stream, key, headers, id, time`);
  }
  const { key, id, time, headers } = options;
  if (key !== undefined && typeof key !== 'string') throw new OptionsError(`'key' must be a string, not ${typeof key}`);
  if (id !== undefined && (typeof id !== 'string' || id === ''))
    throw new OptionsError("'id' must be a string that is not empty");
  if (time !== undefined && !(time instanceof Date && !Number.isNaN(time.getTime()))) {
    throw new OptionsError("'time' must be a valid Date");
  }
  if (headers !== undefined) checkHeaders(headers);
}

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw new OptionsError("'headers' must be an object of strings");
  }
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw new OptionsError(`Header '${name}' must be a string, not ${typeof value}`);
    if (name === '__proto__') throw new OptionsError("'__proto__' may not name a header");
  }
}
