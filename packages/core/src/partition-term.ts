import type { ConsumerSettings, StreamNames } from './consumer-options.js';
import type { Dispatcher } from './dispatcher.js';
import { ClosedError, type EventsError } from './errors.js';
import { OwnershipLease } from './ownership-lease.js';
import type { ReadGate } from './read-gate.js';
import { settledWithin } from './sleep.js';
import { StreamConsumer } from './stream-consumer.js';
import { type EmitConsumerEvent, StreamSession } from './stream-session.js';
import type { Subscription } from './subscription.js';

/** How long a hand-over waits for acknowledgements: what is not acknowledged is delivered again. */
const flushMs = 1_500;

/** What every partition of a consumer shares. */
export interface PartitionSurroundings {
  readonly settings: ConsumerSettings;
  readonly dispatcher: Dispatcher;
  readonly gate: ReadGate;
  readonly emit: EmitConsumerEvent;
  readonly onFatal: (error: EventsError) => void;
}

/** How a term begins. */
export interface PartitionGrant {
  readonly partition: number;
  readonly names: StreamNames;
  readonly subscription: Subscription;
  readonly leaseMs: number;
  /** When `own` was called that was granted, on the monotonic clock. */
  readonly sentAtMs: number;
  /** As of `SessionLease`. */
  readonly wasBegun: (entryId: string) => boolean;
}

/** One time of being the owner of one partition: it is handed over, or lost, and never comes back. */
export class PartitionTerm {
  readonly partition: number;
  readonly stream: StreamConsumer;
  readonly #session: StreamSession;
  readonly #lease: OwnershipLease;
  #leaving: Promise<number> | undefined;
  #isLost = false;
  #onIdle: (() => void) | undefined;

  /** `onLost` is told at once, with the ids of the entries whose handlers had begun. */
  constructor(
    { partition, names, subscription, leaseMs, sentAtMs, wasBegun }: PartitionGrant,
    { settings, dispatcher, gate, emit, onFatal }: PartitionSurroundings,
    onLost: (term: PartitionTerm, begun: readonly string[]) => void,
  ) {
    this.partition = partition;
    this.#lease = new OwnershipLease(subscription, leaseMs, sentAtMs, {
      lost: () => onLost(this, this.#lost()),
      failed: (error) => {
        const { kind } = this.#session.failed('renew the lease on', error);
        if (kind === 'closed') onFatal(new ClosedError('The transport was closed while the consumer was using it'));
      },
      renewed: () => this.#session.succeeded('renew the lease on'),
      wasBegun,
    });
    this.#session = new StreamSession(settings, names, dispatcher, emit, { subscription, lease: this.#lease });
    this.stream = new StreamConsumer(this.#session, gate, onFatal);
  }

  get isLeaving(): boolean {
    return this.#leaving !== undefined;
  }

  /** Begins to renew the lease, to take over what is pending, and to read. */
  start(): void {
    this.#lease.start();
    void this.stream.start();
  }

  /** Handlers may have ended. */
  changed(): void {
    if (this.#onIdle !== undefined && !this.stream.isBusy) this.#onIdle();
  }

  /**
   * Gives the partition up: nothing more begins, running handlers end (until `cut` aborts), their acknowledgements are
   * sent, the rest is handed back. Resolves with how many entries were.
   */
  handOver(cut: AbortSignal): Promise<number> {
    this.#leaving ??= this.#handOver(cut);
    return this.#leaving;
  }

  /** Ends what is left of a lost term. */
  async close(): Promise<void> {
    await this.stream.stopReading();
    await this.stream.close();
  }

  async #handOver(cut: AbortSignal): Promise<number> {
    this.stream.leave();
    let released = await this.stream.releaseUnstarted();
    await this.stream.stopReading();
    released += await this.stream.releaseUnstarted();
    await this.#idle(cut);
    if (this.#isLost) return released;
    await settledWithin(this.stream.flush(), flushMs);
    if (this.#isLost) return released;
    return released + (await this.stream.close());
  }

  #lost(): readonly string[] {
    this.#isLost = true;
    const begun = this.stream.forget();
    this.#onIdle?.();
    return begun;
  }

  #idle(cut: AbortSignal): Promise<void> {
    if (!this.stream.isBusy || cut.aborted || this.#isLost) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      cut.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
