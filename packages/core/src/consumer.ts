import { CircuitBreaker } from './circuit-breaker.js';
import type { EventHandler } from './consumed-event.js';
import type { ConsumerEvents } from './consumer-events.js';
import { type ConsumerOptions, type ConsumerSettings, consumerSettings } from './consumer-options.js';
import { Dispatcher } from './dispatcher.js';
import { IsolatingEmitter } from './emitter.js';
import { EnvironmentSeal } from './environment-seal.js';
import { ClosedError, type EventsError, EventTypeError, OptionsError } from './errors.js';
import type { EventContracts, EventPattern, MatchingEvent } from './event-contracts.js';
import { PatternMap } from './event-pattern.js';
import { GroupJanitor } from './group-janitor.js';
import { checkKeys, wholeNumber } from './options.js';
import { PartitionOwner } from './partition-owner.js';
import { PartitionWatch } from './partition-watch.js';
import { ReadGate } from './read-gate.js';
import { settledWithin } from './sleep.js';
import { StreamConsumer } from './stream-consumer.js';
import { type EmitConsumerEvent, StreamSession } from './stream-session.js';

/** Where a consumer stands. `failed` = it stopped by itself; the `error` event said why. */
export type ConsumerState = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** What became of the entries in hand when a consumer stopped. */
export interface StopReport {
  /** Handlers that ended within the time given. */
  readonly finished: number;
  /** Entries handed back, which other consumers get at once. */
  readonly released: number;
  /** Handlers that still ran at the end. Their events were handed back too, and their results count for nothing. */
  readonly abandoned: number;
}

/** A partition that a consumer reads. `stream` is the key without the partition's number. */
export interface OwnedPartition {
  readonly stream: string;
  readonly partition: number;
}

interface Subscribed {
  readonly handler: EventHandler;
  readonly circuit: CircuitBreaker | undefined;
}

/** How long beyond its time a stop may take to say goodbye to a server that does not answer. */
const farewellMs = 750;
/** How long a start waits for a server that does not say which prefixes it is for. */
const sealMs = 10_000;

/**
 * Consumes events as a member of a consumer group: at least once, acknowledged only after success, tried again with
 * growing waits, and moved to the dead letters when they fail for good.
 */
export class EventConsumer<Contracts extends EventContracts = EventContracts> extends IsolatingEmitter<ConsumerEvents> {
  readonly #settings: ConsumerSettings;
  readonly #handlers = new PatternMap<Subscribed>();
  readonly #circuits: CircuitBreaker[] = [];
  readonly #dispatcher: Dispatcher;
  readonly #gate: ReadGate;
  #streams: StreamConsumer[] = [];
  #owners: PartitionOwner[] = [];
  #watches: PartitionWatch[] = [];
  #janitor: GroupJanitor | undefined;
  #state: ConsumerState = 'idle';
  #starting: Promise<void> | undefined;
  #stopping: Promise<StopReport> | undefined;
  #joining: Promise<unknown> = Promise.resolve();
  #seal: EnvironmentSeal | undefined;
  #onIdle: (() => void) | undefined;

  /** @throws OptionsError or StreamNameError for options that cannot work */
  constructor(options: ConsumerOptions<Contracts>) {
    const settings = consumerSettings(options);
    super(settings.logger);
    this.#settings = settings;
    const emit: EmitConsumerEvent = (name, ...values) => this.emit(name, ...values);
    this.#dispatcher = new Dispatcher(settings, {
      handlerOf: (type) => this.#subscribedTo(type)?.handler,
      circuitOf: (type) => (this.#circuits.length === 0 ? undefined : this.#subscribedTo(type)?.circuit),
      onChange: () => this.#changed(),
      flush: () => Promise.all(this.#allStreams().map((stream) => stream.flushHandled())),
    });
    this.#gate = new ReadGate(this.#dispatcher, settings, emit, () =>
      this.#owners.reduce((sum, { size }) => sum + size, this.#streams.length),
    );
  }

  /** This consumer's name in its group. */
  get name(): string {
    return this.#settings.consumer;
  }

  /** The name of the group. */
  get group(): string {
    return this.#settings.group;
  }

  get state(): ConsumerState {
    return this.#state;
  }

  /** The partitions that this consumer reads now: those it owns with `ordering: 'key'`, otherwise all. */
  get partitions(): readonly OwnedPartition[] {
    if (this.#settings.partitionLeaseMs === undefined) {
      if (this.#state !== 'running') return [];
      return this.#settings.partitioned.flatMap(({ stream, partitions }) =>
        partitions.map((_, partition) => ({ stream, partition })),
      );
    }
    return this.#owners.flatMap(({ stream, partitions }) => partitions.map((partition) => ({ stream, partition })));
  }

  /**
   * When the server last answered a read of the stream that has waited longest, Unix ms; `undefined` before that. A
   * consumer that owns no partition at present asks for one again and again, which counts.
   */
  get lastPollAt(): number | undefined {
    const times = [...this.#streams, ...this.#owners].map(({ lastPollAt }) => lastPollAt);
    return times.reduce(
      (oldest, time) => (oldest === undefined || time === undefined ? undefined : Math.min(oldest, time)),
      times[0],
    );
  }

  /**
   * Names the handler of a type, of every type below a prefix (`order.*`), or of all (`*`). Exactly one handler runs
   * per event: the exact type's, else the longest wildcard's, else that of `*`.
   *
   * @throws OptionsError for a pattern that has a handler, and once the consumer is started
   * @throws EventTypeError for a malformed pattern, or a type that the contracts do not name
   */
  subscribe<
    Pattern extends EventPattern<Contracts>,
    Event extends MatchingEvent<Contracts, Pattern> = MatchingEvent<Contracts, Pattern>,
  >(pattern: Pattern, handler: EventHandler<Event>): this {
    if (this.#state !== 'idle') throw new OptionsError(`subscribe('${pattern}') must come before start()`);
    if (typeof handler !== 'function') throw new OptionsError(`subscribe('${pattern}') needs a handler function`);
    const { validator } = this.#settings;
    if (validator !== undefined && !pattern.endsWith('*') && !validator.knows(pattern)) {
      throw new EventTypeError(`Event type '${pattern}' is not among the contracts given as 'events'`);
    }
    const circuit = this.#circuitFor(pattern);
    this.#handlers.set(pattern, { handler: handler as unknown as EventHandler, circuit });
    if (circuit !== undefined) this.#circuits.push(circuit);
    return this;
  }

  /**
   * Creates the group where it is missing, takes the consumer's place in it, and begins. Resolves once it reads.
   *
   * @throws OptionsError without a handler, ClosedError after a stop, ConsumerNameInUseError, PartitionsError when the
   *   stream has another number of partitions, GroupNotFoundError with `autoCreateGroup: false`, EnvironmentError with
   *   `environmentSeal`, PermissionError, or TransportError
   */
  start(): Promise<void> {
    if (this.#stopping !== undefined)
      return Promise.reject(new ClosedError('The consumer was stopped: make a new one'));
    if (this.#handlers.size === 0)
      return Promise.reject(new OptionsError('subscribe to at least one event type before start()'));
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Reads nothing more and starts no handler. Those that run end; what was read is kept, in order. */
  pause(): void {
    this.#gate.isPaused = true;
    this.#dispatcher.halt();
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#gate.isPaused = false;
    if (this.#stopping === undefined) this.#dispatcher.proceed();
  }

  /**
   * Ends reading, hands back what no handler has begun, gives running handlers `timeoutMs` (default: 10,000) to end,
   * and sends the acknowledgements. Ends within two seconds more, whatever the server does. Idempotent.
   */
  stop(options: { readonly timeoutMs?: number } = {}): Promise<StopReport> {
    if (this.#stopping === undefined) {
      checkKeys('stop', options, ['timeoutMs']);
      const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs, 10_000, { min: 0, max: 2_147_483_647 });
      this.#stopping = this.#stop(timeoutMs);
    }
    return this.#stopping;
  }

  async #start(): Promise<void> {
    this.#state = 'starting';
    try {
      const emit: EmitConsumerEvent = (name, ...values) => this.emit(name, ...values);
      const onFatal = (error: EventsError) => this.#fail(error);
      const { transport, sealedPrefix } = this.#settings;
      if (sealedPrefix !== undefined) {
        this.#seal = new EnvironmentSeal(transport, sealedPrefix, sealMs);
        await this.#seal.confirmed();
        if (this.#stopping !== undefined) return;
      }
      this.#streams = this.#settings.streams.map(
        (names) =>
          new StreamConsumer(new StreamSession(this.#settings, names, this.#dispatcher, emit), this.#gate, onFatal),
      );
      this.#joining = this.#join(emit, onFatal);
      await this.#joining;
      if (this.#state !== 'starting') return;
      this.#state = 'running';
      this.#janitor = new GroupJanitor(this.#settings, emit);
      this.#janitor.start();
    } catch (error) {
      this.#state = 'failed';
      await this.stop({ timeoutMs: 0 });
      throw error;
    }
  }

  async #join(emit: EmitConsumerEvent, onFatal: (error: EventsError) => void): Promise<void> {
    const settings = this.#settings;
    const { partitionLeaseMs, partitioned, transport } = settings;
    if (partitionLeaseMs === undefined) {
      this.#watches = partitioned.map(
        ({ stream, partitions }) => new PartitionWatch(transport, stream, partitions.length, emit, onFatal),
      );
      await Promise.all(this.#watches.map((watch) => watch.start()));
    } else {
      const around = { settings, dispatcher: this.#dispatcher, gate: this.#gate, emit, onFatal };
      this.#owners = partitioned.map((stream) => new PartitionOwner(around, stream, partitionLeaseMs));
    }
    await Promise.all([...this.#streams, ...this.#owners].map((each) => each.start()));
  }

  #fail(error: EventsError): void {
    if (this.#stopping !== undefined) return;
    this.#state = 'failed';
    this.emit('error', error);
    void this.stop();
  }

  async #stop(timeoutMs: number): Promise<StopReport> {
    const deadline = Date.now() + timeoutMs;
    if (this.#state !== 'failed') this.#state = 'stopping';
    const finishedBefore = this.#dispatcher.finished;
    this.#dispatcher.halt();
    this.#seal?.close();
    const handingOver = this.#owners.map((owner) => owner.handOver());
    await settledWithin(this.#joining, timeoutMs);
    let released = 0;
    const release = async (stream: StreamConsumer) => {
      const first = await stream.releaseUnstarted();
      await stream.stopReading();
      const second = await stream.releaseUnstarted();
      released += first + second;
    };
    const handedOver = handingOver.map(async (count) => {
      released += await count;
    });
    const releasing = Promise.all([...this.#streams.map(release), ...handedOver]);
    await settledWithin(this.#idle(), Math.max(0, deadline - Date.now()));
    const abandoned = this.#dispatcher.handling;
    const finished = this.#dispatcher.finished - finishedBefore;
    this.#dispatcher.abortRunning(new ClosedError('The consumer stopped, and the time given to handlers is over'));
    for (const owner of this.#owners) owner.cut();
    await settledWithin(releasing, Math.max(farewellMs, deadline - Date.now()));
    const flushing = Promise.all(this.#streams.map((stream) => stream.flush()));
    await settledWithin(flushing, Math.max(farewellMs / 2, deadline - Date.now()));
    const close = async (stream: StreamConsumer) => {
      const rest = await stream.close();
      released += rest;
    };
    const others = [...this.#owners, ...this.#watches, this.#janitor].map((each) => each?.close());
    await settledWithin(Promise.all([...this.#streams.map(close), ...others]), farewellMs);
    this.#dispatcher.close();
    this.#gate.close();
    for (const circuit of this.#circuits) circuit.end();
    if (this.#state !== 'failed') this.#state = 'stopped';
    return { finished, released, abandoned };
  }

  #allStreams(): StreamConsumer[] {
    return [...this.#streams, ...this.#owners.flatMap(({ streams }) => streams)];
  }

  #circuitFor(pattern: string): CircuitBreaker | undefined {
    const { circuitBreaker } = this.#settings;
    if (circuitBreaker === undefined) return undefined;
    const tell: ConstructorParameters<typeof CircuitBreaker>[2] = (name, ...values) => {
      this.emit(name, ...(values as unknown as ConsumerEvents[typeof name]));
    };
    return new CircuitBreaker(pattern, circuitBreaker, tell, (error) => this.emit('error', error));
  }

  #subscribedTo(type: string): Subscribed | undefined {
    // with contracts, a handler of many types is promised events of the types that they name, and no others
    const { validator } = this.#settings;
    return validator === undefined || validator.knows(type) ? this.#handlers.get(type) : undefined;
  }

  #idle(): Promise<void> {
    if (this.#dispatcher.running.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #changed(): void {
    this.#gate.notify();
    for (const owner of this.#owners) owner.changed();
    if (this.#onIdle !== undefined && this.#dispatcher.running.size === 0) this.#onIdle();
  }
}
