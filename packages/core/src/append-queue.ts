import {
  ClosedError,
  type EventsError,
  OverloadedError,
  type PublishOutcome,
  TimeoutError,
  TransportError,
  UnderReplicatedError,
} from './errors.js';
import { FailoverGuard } from './failover-guard.js';
import type { FailoverRecovered } from './failover-recovery.js';
import { toError } from './failure.js';
import { type Batch, HeldStreams } from './held-streams.js';
import type { OutgoingEvent, PublishReceipt } from './outgoing-event.js';
import type { PublisherSettings } from './publisher-options.js';
import { settledWithin } from './sleep.js';
import { type AppendAnswer, type Appender, type Failure, isStored, type Stored, type Transport } from './transport.js';

/** Two under way let the client build one while the server works on the other; more brought nothing (performance.md). */
const maxBatchesUnderWay = 2;
const maxBatchEvents = 128;
const maxBatchCharacters = 262_144;
const maxSilenceMs = 2_000;
/** How much later than promised an answer may come before it is not waited for. */
const overdueMs = 100;

export interface AppendQueueListener {
  onStored(receipt: PublishReceipt): void;
  /** More is in flight than may be. Once an episode. */
  onCongested(inFlight: number): void;
  onUncongested(inFlight: number): void;
  /** What became of it is decided. */
  onSettled(event: OutgoingEvent): void;
  onIdempotencyShortened(state: { readonly stream: string; readonly effectiveWindowMs: number }): void;
  onRecovered(recovery: FailoverRecovered): void;
  onError(error: EventsError): void;
}

interface FlushMarker {
  readonly sequence: number;
  remaining: number;
  readonly resolve: () => void;
}

/**
 * Everything between an encoded event and its outcome: events of one turn are sent together, what was refused is
 * retried in its key's order, and every event is settled by its deadline.
 */
export class AppendQueue {
  readonly #transport: Transport;
  readonly #appender: Appender;
  readonly #options: PublisherSettings;
  readonly #listener: AppendQueueListener;
  /** How long the answer to a batch may take, waiting for replicas included. */
  readonly #silenceMs: number;
  /** With less than this left before its deadline an event is not sent: a cut-short wait would end as `unknown`. */
  readonly #shortestFlightMs: number;
  #queue: OutgoingEvent[] = [];
  #head = 0;
  readonly #underWay = new Set<Batch>();
  readonly #held: HeldStreams;
  readonly #guard: FailoverGuard | undefined;
  #batches = 0;
  #sentEvents = 0;
  #accepted = 0;
  #acceptedCharacters = 0;
  #sequence = 0;
  #scheduled = false;
  #closed = false;
  #congested = false;
  #sweeper: NodeJS.Timeout | undefined;
  #markers: FlushMarker[] = [];

  constructor(options: PublisherSettings, listener: AppendQueueListener) {
    const { transport, durability, idempotency, timeoutMs, republishWindowMs } = options;
    this.#transport = transport;
    this.#options = options;
    this.#listener = listener;
    this.#appender = transport.appender({
      durability,
      idempotency: idempotency && {
        ...idempotency,
        onShortened: (stream, effectiveWindowMs) => listener.onIdempotencyShortened({ stream, effectiveWindowMs }),
      },
    });
    const waitMs = durability.level === 'leader' ? 0 : durability.timeoutMs;
    // the batch before may wait for replicas too
    this.#silenceMs = Math.min(Math.ceil(timeoutMs / 2), maxSilenceMs) + maxBatchesUnderWay * waitMs;
    this.#shortestFlightMs = Math.min(250, timeoutMs / 10) + waitMs;
    this.#held = new HeldStreams({
      underWay: this.#underWay,
      retryUnknown: options.retryUnknown,
      onOvertaken: (event) => this.#overtaken(event),
      onRelease: (events) => {
        this.#queue = [...events, ...this.#queue.slice(this.#head)];
        this.#head = 0;
        this.#schedule();
      },
      recover: async (stream, nextChange) => this.#guard?.recover(stream, nextChange),
    });
    if (republishWindowMs === undefined) return;
    this.#guard = new FailoverGuard({
      transport,
      appender: this.#appender,
      windowMs: republishWindowMs,
      maxCharacters: options.maxInFlightCharacters,
      appendWithinMs: this.#silenceMs,
      streamsUnderWay: () => [...this.#underWay].flatMap(({ events }) => events.map(({ stream }) => stream)),
      onChange: (stream, change) => this.#held.serverChanged(stream, change),
      onRecovered: listener.onRecovered,
      onError: listener.onError,
    });
  }

  /** Takes an event over. Throws `OverloadedError` or `ClosedError` when it cannot; the event is then not stored. */
  push(event: OutgoingEvent): void {
    if (this.#closed) throw new ClosedError('The publisher is closed', { outcome: 'not-stored' });
    this.#admit(event);
    event.sequence = ++this.#sequence;
    // an asynchronous schema has used up some of it
    if (event.deadlineMs === 0) event.deadlineMs = performance.now() + this.#options.timeoutMs;
    this.#accepted += 1;
    this.#acceptedCharacters += event.size;
    this.#queue.push(event);
    this.#sweeper ??= setTimeout(this.#sweep, this.#sweepEveryMs);
    this.#schedule();
  }

  /** Resolves once every event taken over so far is settled. */
  flush(): Promise<void> {
    if (this.#accepted === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#markers.push({ sequence: this.#sequence, remaining: this.#accepted, resolve });
    });
  }

  /** Takes nothing more over, settles the rest, and ends the appender. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    clearTimeout(this.#sweeper);
    this.#guard?.unwatch();
    // what was confirmed and is being stored again has the time of a publish
    await settledWithin(this.#held.recovered(), this.#options.timeoutMs);
    this.#guard?.abort();
    await this.#held.recovered();
    this.#held.close();
    await this.#appender.close();
  }

  #admit(event: OutgoingEvent): void {
    const { maxInFlight, maxInFlightCharacters, overflow } = this.#options;
    const events = this.#accepted + 1;
    const characters = this.#acceptedCharacters + event.size;
    const full = events > maxInFlight || (characters > maxInFlightCharacters && this.#accepted > 0);
    if (!full) return;
    if (!this.#congested) {
      this.#congested = true;
      this.#listener.onCongested(this.#accepted);
    }
    if (overflow === 'wait' && events <= 2 * maxInFlight && characters <= 2 * maxInFlightCharacters) return;
    throw new OverloadedError(
      `The publisher has ${this.#accepted} events of ${this.#acceptedCharacters} characters in flight and waiting: await publish, or raise maxInFlight and maxInFlightBytes`,
      { outcome: 'not-stored' },
    );
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay.size >= maxBatchesUnderWay) return;
    this.#scheduled = true;
    // after the current turn's synchronous code, so that everything it publishes goes together, without a linger timer
    process.nextTick(this.#dispatch);
  }

  readonly #dispatch = (): void => {
    this.#scheduled = false;
    while (this.#underWay.size < maxBatchesUnderWay) {
      const batch = this.#take();
      if (batch === undefined) return;
      this.#send(batch);
    }
  };

  #take(): Batch | undefined {
    const now = performance.now();
    const events: OutgoingEvent[] = [];
    const room = Math.min(maxBatchEvents, this.#options.maxInFlight - this.#sentEvents);
    let characters = 0;
    let deadlineMs = Number.POSITIVE_INFINITY;
    while (events.length < room && this.#head < this.#queue.length) {
      const event = this.#queue[this.#head] as OutgoingEvent;
      if (events.length > 0 && characters + event.size > maxBatchCharacters) break;
      this.#queue[this.#head] = sentEvent;
      this.#head += 1;
      if (event.settled) continue;
      if (event.deadlineMs - now < this.#shortestFlightMs) {
        this.#expire(event);
        continue;
      }
      if (this.#held.keep(event)) continue;
      events.push(event);
      characters += event.size;
      if (event.deadlineMs < deadlineMs) deadlineMs = event.deadlineMs;
    }
    this.#forgetTaken();
    if (events.length === 0) return undefined;
    this.#batches += 1;
    return { number: this.#batches, events, deadlineMs };
  }

  #forgetTaken(): void {
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= 4_096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #send(batch: Batch): void {
    this.#underWay.add(batch);
    this.#sentEvents += batch.events.length;
    const withinMs = Math.max(1, Math.min(this.#silenceMs, Math.floor(batch.deadlineMs - performance.now())));
    void this.#append(batch, withinMs).then((answers) => this.#answered(batch, answers));
  }

  async #append({ events }: Batch, withinMs: number): Promise<readonly AppendAnswer[]> {
    try {
      const answers = await this.#appender.append(events, withinMs);
      return Array.isArray(answers) ? events.map((_, index) => understood(answers[index])) : events.map(() => noAnswer);
    } catch (error) {
      // against the contract: nothing is known of any of them
      const failure: Failure = { ...this.#transport.classify(error), kind: 'unknown' };
      return events.map(() => failure);
    }
  }

  #answered(batch: Batch, answers: readonly AppendAnswer[]): void {
    this.#underWay.delete(batch);
    this.#sentEvents -= batch.events.length;
    for (let index = 0; index < batch.events.length; index += 1) {
      const event = batch.events[index] as OutgoingEvent;
      const answer = answers[index] as AppendAnswer;
      if (event.settled) continue;
      if (isStored(answer)) this.#store(event, answer);
      else this.#failed(event, answer);
    }
    this.#held.answered(batch, answers);
    if (this.#head < this.#queue.length) this.#schedule();
  }

  #store(event: OutgoingEvent, answer: string | Stored): void {
    if (typeof answer !== 'string' && !answer.isDurable) {
      // nobody will publish it again: it is looked for after a failover like what was confirmed
      event.failed(this.#underReplicated(event, answer));
      this.#guard?.confirmed(event);
      this.#settled(event);
      return;
    }
    const receipt = event.stored(answer);
    this.#guard?.confirmed(event);
    this.#settled(event);
    this.#listener.onStored(receipt);
  }

  #underReplicated(event: OutgoingEvent, stored: Stored): UnderReplicatedError {
    const { replicas } = stored;
    const { durability } = this.#options;
    const wanted = durability.level === 'leader' ? 0 : durability.replicas;
    const reached = replicas === null ? 'nobody said how many have it' : `${replicas} have it`;
    const where = durability.level === 'fsync' ? 'on the disks of the server and' : 'on';
    const receipt = event.receipt(stored);
    return new UnderReplicatedError(
      `'${event.type}' is stored in '${event.stream}' as ${receipt.entryId}, but not known to be ${where} ${wanted} replicas: ${reached}. Do not publish it again`,
      receipt,
    );
  }

  #failed(event: OutgoingEvent, failure: Failure): void {
    event.lastFailure = failure;
    if (failure.kind === 'unknown') event.isDoubtful = true;
    if (failure.kind === 'offline') event.absences += 1;
    else event.attempts += 1;
    if (this.#mayRetry(event, failure)) {
      this.#held.retry(event);
      return;
    }
    event.failed(
      toError(`Could not publish '${event.type}' to '${event.stream}'`, failure, { outcome: outcomeOf(event) }),
    );
    this.#settled(event);
  }

  #mayRetry(event: OutgoingEvent, { kind }: Failure): boolean {
    const { strategy, maxRetries } = this.#transport.retryPolicy;
    if (strategy === 'failfast') return false;
    if (kind === 'offline') return true;
    const repeatable = kind === 'refused' || (kind === 'unknown' && this.#options.retryUnknown);
    return repeatable && event.attempts <= maxRetries;
  }

  #overtaken(event: OutgoingEvent): void {
    const message = `Could not publish '${event.type}' to '${event.stream}': it was refused, and a later event of its key was stored, so another try would break their order`;
    event.failed(new TransportError(message, { cause: event.lastFailure?.cause, outcome: outcomeOf(event) }));
    this.#settled(event);
  }

  get #sweepEveryMs(): number {
    return Math.min(250, Math.max(10, this.#options.timeoutMs / 10));
  }

  readonly #sweep = (): void => {
    const now = performance.now();
    const expire = (event: OutgoingEvent) => {
      if (!event.settled && event.deadlineMs <= now) this.#expire(event);
    };
    for (let index = this.#head; index < this.#queue.length; index += 1) expire(this.#queue[index] as OutgoingEvent);
    this.#held.forEach(expire);
    this.#held.forgetSettled();
    for (const batch of this.#underWay) if (batch.deadlineMs + overdueMs <= now) this.#giveUp(batch);
    this.#sweeper = this.#accepted === 0 ? undefined : setTimeout(this.#sweep, this.#sweepEveryMs);
  };

  /** The transport broke its promise to answer in time. */
  #giveUp(batch: Batch): void {
    const cause = new Error('the transport did not answer in time');
    for (const event of batch.events) {
      if (event.settled) continue;
      event.isDoubtful = true;
      const what = `Could not publish '${event.type}' to '${event.stream}'`;
      event.failed(toError(what, { kind: 'unknown', cause }, { outcome: 'unknown' }));
      this.#settled(event);
    }
  }

  #expire(event: OutgoingEvent): void {
    const what = `Could not publish '${event.type}' to '${event.stream}' within ${this.#options.timeoutMs} ms`;
    const failure = event.lastFailure;
    if (failure === undefined) {
      event.failed(new TimeoutError(`${what}: it waited behind others and was not sent`, { outcome: 'not-stored' }));
    } else {
      event.failed(toError(what, failure, { outcome: outcomeOf(event) }));
    }
    this.#settled(event);
  }

  #settled(event: OutgoingEvent): void {
    this.#accepted -= 1;
    this.#acceptedCharacters -= event.size;
    this.#listener.onSettled(event);
    const { maxInFlight, maxInFlightCharacters } = this.#options;
    if (
      this.#congested &&
      this.#accepted <= maxInFlight * 0.8 &&
      this.#acceptedCharacters <= maxInFlightCharacters * 0.8
    ) {
      this.#congested = false;
      this.#listener.onUncongested(this.#accepted);
    }
    if (this.#markers.length > 0) this.#advanceMarkers(event);
  }

  #advanceMarkers(event: OutgoingEvent): void {
    for (const marker of this.#markers) {
      if (event.sequence > marker.sequence) continue;
      marker.remaining -= 1;
      if (marker.remaining === 0) marker.resolve();
    }
    this.#markers = this.#markers.filter(({ remaining }) => remaining > 0);
  }
}

/** Stands in the place of what was taken from the queue, so that nothing keeps it from the garbage collector. */
const sentEvent = undefined as unknown as OutgoingEvent;
const failureKinds = new Set<unknown>([
  'offline',
  'refused',
  'invalid',
  'denied',
  'unknown',
  'group-lost',
  'fenced',
  'unsupported',
  'closed',
]);
const noAnswer: Failure = { kind: 'unknown', cause: new Error('the transport gave no answer that can be understood') };

/** Whatever breaks the contract leaves the fate of its event unknown. */
function understood(answer: AppendAnswer | undefined): AppendAnswer {
  if (typeof answer === 'string') return answer === '' ? noAnswer : answer;
  if (typeof answer !== 'object' || answer === null) return noAnswer;
  if (isStored(answer)) return typeof answer.entryId === 'string' && answer.entryId !== '' ? answer : noAnswer;
  return failureKinds.has(answer.kind) ? answer : noAnswer;
}

function outcomeOf({ isDoubtful }: OutgoingEvent): PublishOutcome {
  return isDoubtful ? 'unknown' : 'not-stored';
}
