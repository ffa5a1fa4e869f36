import { Acknowledger } from './acknowledger.js';
import { jitteredBackoffMs } from './backoff.js';
import type { ConsumerEvents, DeadLetterReason, SkipReason } from './consumer-events.js';
import type { Delivery, Settlement } from './delivery.js';
import {
  ClosedError,
  EventsError,
  type EventVersionError,
  HandlerTimeoutError,
  NonRetryableError,
  OptionsError,
  ValidationError,
} from './errors.js';
import { Limiter } from './limiter.js';
import { describeError, type RetryRecord } from './retry-record.js';
import { manyWaiters, settledWithin, sleep } from './sleep.js';
import type { StreamSession } from './stream-session.js';

/** A dead-letter stream that refuses must not be asked for every dead letter at once. */
const maxMovesAtOnce = 16;
/** A move takes a round trip; one that takes longer may take for ever. */
const moveMs = 1_000;

/** What the settler needs of the stream's consumer. */
export interface SettlerHome {
  /** A delivery is due again. */
  due(delivery: Delivery): void;
  /** Another consumer owns it. */
  notOwned(delivery: Delivery): void;
  lostByTrim(delivery: Delivery): void;
  /** Entries that should have been pending were not, or the group is gone. */
  doubtGroup(): void;
  /** A delivery is settled on the server. */
  settled(delivery: Delivery): void;
}

/** Decides what follows from how a handler ended, and sees it through: acknowledged, tried again, or dead-lettered. */
export class Settler {
  readonly acknowledger: Acknowledger;
  readonly #session: StreamSession;
  readonly #home: SettlerHome;
  readonly #moves = new Set<Promise<void>>();
  readonly #mover = new Limiter(maxMovesAtOnce);
  readonly #giveUp = manyWaiters();
  readonly #warnedTypes = new Set<string>();

  constructor(session: StreamSession, home: SettlerHome) {
    this.#session = session;
    this.#home = home;
    this.acknowledger = new Acknowledger(
      session,
      (delivery) => home.settled(delivery),
      () => home.doubtGroup(),
    );
  }

  /** The handler returned, or failed. */
  ended(delivery: Delivery, failure: { readonly error: unknown } | undefined): void {
    const { settlement } = delivery;
    if (delivery.isReplaced) this.#session.dispatcher.finish(delivery, 'done');
    else if (settlement !== undefined) this.#endedSettled(delivery, settlement, failure);
    else if (failure === undefined) this.#acknowledge(delivery);
    else if (delivery.lost || this.#giveUp.signal.aborted) this.#session.dispatcher.finish(delivery, 'done');
    else this.failed(delivery, failure.error);
  }

  /** The handler spoke through its context. Only its first word counts. */
  settle(delivery: Delivery, settlement: Settlement): Promise<void> {
    if (delivery.settling !== undefined) return delivery.settling;
    if (delivery.state !== 'running') return Promise.reject(tooLate(delivery));
    if (delivery.isReplaced) return Promise.reject(notOurs());
    const mayRepeat = settlement.kind === 'ack' && this.#session.lease === undefined;
    if (!mayRepeat && (delivery.lost || this.#giveUp.signal.aborted)) return Promise.reject(notOurs());
    delivery.settlement = settlement;
    delivery.settling = this.#carryOut(delivery, settlement);
    return delivery.settling;
  }

  /** An attempt failed. */
  failed(delivery: Delivery, error: unknown): void {
    if (error instanceof NonRetryableError) {
      this.deadLetter(delivery, 'non-retryable', error);
      return;
    }
    const delayMs = this.#delayAfter(delivery, error);
    if (delayMs === undefined) {
      this.deadLetter(delivery, 'retries-exhausted', error);
      return;
    }
    void this.#record(delivery, delayMs, error);
    this.#waitForRetry(delivery);
  }

  /** Its handler was abandoned, and has not settled in as much time again. */
  neverSettled(delivery: Delivery): void {
    const { settlement } = delivery;
    if (settlement === undefined || settlement.kind === 'nack') {
      const message = 'The handler ran longer than handlerTimeoutMs and did not settle in as much time again';
      this.deadLetter(delivery, 'handler-never-settled', new NonRetryableError(message));
    } else {
      this.#endedSettled(delivery, settlement, undefined);
    }
  }

  /** No handler is subscribed to its type. */
  unhandled(delivery: Delivery): void {
    const { onUnhandled } = this.#session.settings;
    const type = delivery.event?.type ?? '';
    const error = new NonRetryableError(`No handler is subscribed to '${type}'`);
    if (onUnhandled === 'deadLetter') {
      this.deadLetter(delivery, 'unhandled', error);
    } else if (onUnhandled === 'release') {
      this.#releaseToOthers(delivery, 'unhandled', error);
    } else {
      this.#warnOfSkipping(type);
      this.skip(delivery, 'unhandled');
    }
  }

  /** It was published under a version that this consumer's contract does not have yet. */
  newerVersion(delivery: Delivery, error: EventVersionError): void {
    const { onNewerVersion } = this.#session.settings;
    if (onNewerVersion === 'skip') this.skip(delivery, 'newer-version');
    else if (onNewerVersion === 'release') this.#releaseToOthers(delivery, 'newer-version', error);
    else this.deadLetter(delivery, 'newer-version', error);
  }

  /** Acknowledges without a handler. */
  skip(delivery: Delivery, reason: SkipReason): void {
    this.#session.emit('skipped', { ...this.#session.reference(delivery), reason });
    this.#acknowledge(delivery);
  }

  /** Moves an entry to the dead letters, however long that takes. Its lane goes on at once. */
  deadLetter(delivery: Delivery, reason: DeadLetterReason, error: unknown): void {
    if (this.#session.names.deadLetters === undefined) {
      this.#session.emit('stalled', { ...this.#session.reference(delivery), reason, error });
      this.#session.dispatcher.finish(delivery, 'stalled');
      return;
    }
    this.#session.dispatcher.finish(delivery, 'settling');
    this.#move(delivery, reason, error).catch(() => {
      // told where it happened, and the entry is delivered again
    });
  }

  /** The retry record after the failed attempt that `delivery` has just had. */
  nextRecord(delivery: Delivery, delayMs: number, error: unknown): RetryRecord {
    const now = Date.now();
    return {
      attempt: delivery.attempt,
      dueAtMs: now + Math.round(delayMs),
      firstFailureAtMs: delivery.record?.firstFailureAtMs ?? now,
      lastFailureAtMs: now,
      error: describeError(error),
    };
  }

  /** Waits until what was handled is acknowledged. Dead letters that cannot be moved are not waited for. */
  async flushHandled(): Promise<void> {
    await this.acknowledger.flush();
    await settledWithin(Promise.allSettled(this.#moves), moveMs);
  }

  /** Waits until everything decided so far is done, or can no longer be. */
  async flush(): Promise<void> {
    await Promise.allSettled([...this.#moves, this.acknowledger.flush()]);
  }

  /** Stops trying. What is not settled will be delivered again. */
  close(): void {
    this.#giveUp.abort();
    this.acknowledger.close();
  }

  #acknowledge(delivery: Delivery): void {
    // the acknowledgement may take a while, and the data may be large
    delivery.event = undefined;
    this.#session.dispatcher.finish(delivery, 'settling');
    this.acknowledger.add(delivery);
  }

  #endedSettled(delivery: Delivery, settlement: Settlement, failure: { readonly error: unknown } | undefined): void {
    if (failure !== undefined && settlement.kind === 'ack' && !(failure.error instanceof HandlerTimeoutError)) {
      const type = delivery.event?.type ?? '';
      this.#session.emit(
        'error',
        new EventsError(
          'EVENTS_OPTIONS',
          `The handler of '${type}' failed after it had acknowledged the event, which is not tried again`,
          {
            cause: failure.error,
          },
        ),
      );
    }
    const { dispatcher } = this.#session;
    if (delivery.lost || delivery.settled) dispatcher.finish(delivery, 'done');
    else if (settlement.kind === 'nack') this.#waitForRetry(delivery);
    else if (settlement.kind === 'deadLetter' && this.#session.names.deadLetters === undefined)
      dispatcher.finish(delivery, 'stalled');
    else dispatcher.finish(delivery, 'settling');
  }

  #carryOut(delivery: Delivery, settlement: Settlement): Promise<void> {
    if (settlement.kind === 'ack') {
      return new Promise((resolve, reject) => this.acknowledger.add(delivery, resolve, reject));
    }
    if (settlement.kind === 'deadLetter') {
      return this.#moveOrStall(delivery, settlement.reason, new NonRetryableError(settlement.reason));
    }
    const error = new EventsError('EVENTS_NON_RETRYABLE', 'The handler called nack');
    const delayMs = this.#delayAfter(delivery, error);
    if (delayMs !== undefined) return this.#record(delivery, settlement.delayMs ?? delayMs, error);
    delivery.settlement = { kind: 'deadLetter', reason: 'retries-exhausted' };
    return this.#moveOrStall(delivery, 'retries-exhausted', error);
  }

  #moveOrStall(delivery: Delivery, reason: DeadLetterReason, error: unknown): Promise<void> {
    if (this.#session.names.deadLetters !== undefined) return this.#move(delivery, reason, error);
    this.#session.emit('stalled', { ...this.#session.reference(delivery), reason, error });
    return Promise.reject(
      new OptionsError("deadLetter is false: the event stays pending and is reported as 'stalled'"),
    );
  }

  #delayAfter(delivery: Delivery, error: unknown): number | undefined {
    const { maxAttempts, retryPolicy } = this.#session.settings;
    if (delivery.attempt >= maxAttempts) return undefined;
    let delayMs: number | undefined;
    try {
      delayMs = retryPolicy(delivery.attempt, error);
    } catch (cause) {
      this.#session.emit('error', new OptionsError('recoveryStrategy threw; a second is waited instead', { cause }));
      return 1_000;
    }
    if (delayMs === undefined || (Number.isFinite(delayMs) && delayMs >= 0)) return delayMs;
    this.#session.emit(
      'error',
      new OptionsError(`recoveryStrategy returned ${String(delayMs)}; a second is waited instead`),
    );
    return 1_000;
  }

  /** Writes the retry record. It resolves even when the server refuses: the retry then waits in memory, and says so. */
  async #record(delivery: Delivery, delayMs: number, error: unknown): Promise<void> {
    const record = this.nextRecord(delivery, delayMs, error);
    delivery.record = record;
    this.#session.emit('retry', { ...this.#session.reference(delivery), attempt: delivery.attempt, delayMs, error });
    try {
      const isOurs = await this.#session.subscription.postpone(delivery.id, JSON.stringify(record));
      this.#session.succeeded('record retries of');
      if (isOurs) delivery.touchedAtMs = Date.now();
      else this.#home.notOwned(delivery);
    } catch (failure) {
      const { kind } = this.#session.failed('record retries of', failure);
      if (kind === 'group-lost') this.#home.doubtGroup();
    }
  }

  #waitForRetry(delivery: Delivery): void {
    if (delivery.state === 'done') return;
    const { dueAtMs, attempt } = delivery.record as RetryRecord;
    this.#session.dispatcher.wait(delivery);
    delivery.reset();
    delivery.attempt = attempt + 1;
    delivery.waitUntil(dueAtMs, (due) => this.#home.due(due));
  }

  #releaseToOthers(delivery: Delivery, reason: DeadLetterReason, error: Error): void {
    const delayMs = this.#delayAfter(delivery, error);
    if (delayMs === undefined) {
      this.deadLetter(delivery, reason, error);
      return;
    }
    const { subscription, dispatcher, lease } = this.#session;
    if (lease !== undefined) {
      // its one owner is this consumer: it waits here, in its place, until it is tried again or the owner is another
      void this.#record(delivery, delayMs, error);
      this.#waitForRetry(delivery);
      return;
    }
    const release = async () => {
      await this.#record(delivery, delayMs, error);
      await subscription.release([delivery.id]);
    };
    dispatcher.finish(delivery, 'settling');
    release().then(
      () => this.#home.settled(delivery),
      (failure) => {
        // still ours on the server: forgotten here, it is found again like an entry whose delivery was lost
        this.#session.failed('release entries of', failure);
        this.#home.settled(delivery);
      },
    );
  }

  async #move(delivery: Delivery, reason: DeadLetterReason, error: unknown): Promise<void> {
    const { dispatcher } = this.#session;
    const provenance = JSON.stringify(this.#provenance(delivery, reason, error));
    const occurrence = {
      ...this.#session.reference(delivery),
      reason,
      attempts: startedAttempts(delivery, reason),
      error,
    };
    const move = this.#mover.run(() => this.#moveUntilDone(delivery, provenance, occurrence));
    this.#moves.add(move);
    dispatcher.noteUnacknowledged();
    try {
      await move;
    } finally {
      this.#moves.delete(move);
      dispatcher.noteSettled(1);
    }
  }

  async #moveUntilDone(
    delivery: Delivery,
    provenance: string,
    occurrence: Omit<ConsumerEvents['deadLettered'][0], 'deadLetterStream'>,
  ): Promise<void> {
    const { names, subscription } = this.#session;
    const deadLetterStream = names.deadLetters as string;
    for (let failures = 1; !this.#giveUp.signal.aborted; failures += 1) {
      try {
        const answer = await subscription.deadLetter(delivery.id, deadLetterStream, ['deadLetter', provenance]);
        this.#session.succeeded('dead-letter entries of');
        if (answer === 'moved') {
          this.#home.settled(delivery);
          this.#session.emit('deadLettered', { ...occurrence, deadLetterStream });
          return;
        }
        if (answer === 'vanished') this.#home.lostByTrim(delivery);
        else this.#home.notOwned(delivery);
        break;
      } catch (failure) {
        const { kind } = this.#session.failed('dead-letter entries of', failure);
        if (kind === 'group-lost') {
          this.#home.settled(delivery);
          this.#home.doubtGroup();
        }
        if (kind === 'group-lost' || kind === 'closed') break;
        await sleep(jitteredBackoffMs(failures, 100, 10_000), this.#giveUp.signal);
      }
    }
    throw new ClosedError(
      `The event was not moved to '${deadLetterStream}': it is not in this consumer's hands any more, or the consumer stopped`,
    );
  }

  #provenance(delivery: Delivery, reason: DeadLetterReason, error: unknown): object {
    const { names, settings } = this.#session;
    const now = Date.now();
    return {
      reason,
      error: describeError(error),
      ...(error instanceof ValidationError ? { issues: error.issues } : {}),
      attempts: startedAttempts(delivery, reason),
      stream: names.stream,
      entryId: delivery.id,
      group: settings.group,
      consumer: settings.consumer,
      firstFailureTime: new Date(delivery.record?.firstFailureAtMs ?? now).toISOString(),
      lastFailureTime: new Date(now).toISOString(),
    };
  }

  #warnOfSkipping(type: string): void {
    if (this.#warnedTypes.has(type) || this.#warnedTypes.size >= 1_000) return;
    this.#warnedTypes.add(type);
    this.#session.settings.logger.warn(
      `Group '${this.#session.settings.group}' skips events of type '${type}': no handler is subscribed to it. They are acknowledged for the whole group, so a consumer of an older version, running beside newer ones, makes the group miss them. Subscribe to the type, or set onUnhandled to 'release' or 'deadLetter'`,
    );
  }
}

const reasonsWithoutAttempt = new Set<DeadLetterReason>([
  'undecodable',
  'unreadable',
  'validation',
  'unhandled',
  'consumer-vanished',
]);

/** How many attempts were started: for some reasons, the one whose turn it was never began. */
function startedAttempts({ attempt }: Delivery, reason: DeadLetterReason): number {
  return reasonsWithoutAttempt.has(reason) ? attempt - 1 : attempt;
}

function tooLate(delivery: Delivery): EventsError {
  return delivery.state === 'abandoned'
    ? new HandlerTimeoutError('The handler ran too long: this attempt counts as failed already')
    : new OptionsError('The event was settled already, when its handler returned');
}

function notOurs(): ClosedError {
  return new ClosedError("The event is not in this consumer's hands any more");
}
