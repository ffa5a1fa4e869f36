import { jitteredBackoffMs } from './backoff.js';
import { compareEntryIds } from './compare-entry-ids.js';
import { type EventsError, OverloadedError, TimeoutError } from './errors.js';
import { toError } from './failure.js';
import type { GroupState, Janitor, StreamState } from './janitor.js';
import type { OutgoingEvent } from './outgoing-event.js';
import { manyWaiters, sleep } from './sleep.js';
import type { Failure, Transport } from './transport.js';
import { checkedDecision, type TrimDecision, type TrimPolicy } from './trim-policy.js';

/** The part of the room that one publisher may fill unseen by the others, which have seen the same room. */
const shareOfRoom = 4;
const largestWindow = 10_000;
/** Where a policy names no length, what is beyond its bound shows only when it is. */
const windowWithoutLength = 1_000;
/** What the server said is worth nothing any more: others may have filled the room. */
const validMs = 1_000;
const whileFullMs = 50;
const whileRoomMs = 5;
/** What only waits to be trimmed has gone by then. */
const graceMs = 300;
/** Room comes and goes entry by entry while a group catches up: an episode is over when there is this much. */
const recoveredAt = 0.9;

/** How full a stream is: entries, and how many it may have. */
export interface StreamFill {
  readonly stream: string;
  readonly measured: number;
  readonly limit: number;
}

/** What a gate needs around it. */
export interface GateSurroundings {
  readonly transport: Transport;
  readonly janitor: Janitor;
  readonly policy: TrimPolicy;
  readonly timeoutMs: number;
  /** Once an episode. */
  onFull(fill: StreamFill): void;
  /** There is no room at present. */
  onLack(stream: string): void;
  onRecovered(fill: StreamFill): void;
}

interface Waiter {
  readonly event: OutgoingEvent;
  readonly resolve: () => void;
  readonly reject: (error: EventsError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Lets no more into a stream than its bound leaves room for, where what is unread must neither be dropped nor pile up. */
export class StreamGate {
  readonly #stream: string;
  readonly #around: GateSurroundings;
  readonly #waiters = new Set<Waiter>();
  readonly #closing = manyWaiters();
  /** How many may be on their way at once, by what the server said last. */
  #window = 0;
  /** How many more may pass before it is asked again. */
  #allotted = 0;
  /** Let through and not settled: the server may not have counted them. */
  #unsettled = 0;
  #asking: Promise<void> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #fill: (StreamFill & { readonly holder: string | undefined }) | undefined;
  #fullSinceMs = Number.POSITIVE_INFINITY;
  #isInEpisode = false;
  #lastFailure: Failure | undefined;

  constructor(stream: string, around: GateSurroundings) {
    this.#stream = stream;
    this.#around = around;
  }

  /**
   * `undefined` when the event may pass, otherwise what to wait for, `timeoutMs` at most. Throws `OverloadedError` when
   * the stream is full and nobody is to wait.
   */
  admit(event: OutgoingEvent): Promise<void> | undefined {
    const isValid = performance.now() - this.#askedAtMs < validMs;
    if (this.#waiters.size === 0 && this.#allotted > 0 && isValid) {
      this.#pass(event);
      if (this.#allotted < this.#window / 2) this.#ask();
      return undefined;
    }
    if (this.#mustRefuse) {
      if (performance.now() - this.#askedAtMs >= whileFullMs) this.#ask();
      throw this.#full();
    }
    return new Promise((resolve, reject) => {
      const tooLate = () => {
        this.#waiters.delete(waiter);
        reject(this.#tooLate());
      };
      const waiter: Waiter = { event, resolve, reject, timer: setTimeout(tooLate, this.#around.timeoutMs) };
      this.#waiters.add(waiter);
      this.#ask();
    });
  }

  /** An event that passed was stored, or will not be. */
  settled(): void {
    this.#unsettled -= 1;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#asking;
  }

  get #mustRefuse(): boolean {
    return this.#around.policy.overflow === 'reject' && this.#isFullForLong;
  }

  get #isFullForLong(): boolean {
    return performance.now() - this.#fullSinceMs >= graceMs;
  }

  #pass(event: OutgoingEvent): void {
    event.isAdmitted = true;
    this.#allotted -= 1;
    this.#unsettled += 1;
  }

  #ask(): void {
    if (this.#closing.signal.aborted) return;
    this.#asking ??= this.#askWhileAwaited().finally(() => {
      this.#asking = undefined;
    });
  }

  async #askWhileAwaited(): Promise<void> {
    for (let failures = 0; ; ) {
      this.#askedAtMs = performance.now();
      try {
        this.#judge(await this.#around.janitor.survey(this.#stream));
        this.#lastFailure = undefined;
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#lastFailure = this.#around.transport.classify(error);
        if (!this.#mayRepeat(this.#lastFailure)) this.#refuseAll(this.#failure(this.#lastFailure));
      }
      // an answer that nobody waits for is asked for again with a later event
      if (this.#waiters.size === 0) return;
      const pauseMs = this.#fill === undefined ? whileRoomMs : whileFullMs;
      await sleep(failures === 0 ? pauseMs : jitteredBackoffMs(failures, 50, 500), this.#closing.signal);
      if (this.#closing.signal.aborted) return;
    }
  }

  #mayRepeat({ kind }: Failure): boolean {
    const isTransient = kind === 'offline' || kind === 'refused' || kind === 'unknown';
    return isTransient && this.#around.transport.retryPolicy.strategy === 'retry';
  }

  #judge(state: StreamState | undefined): void {
    const decision = state && this.#decide(state);
    const room = state === undefined || decision === undefined ? Number.POSITIVE_INFINITY : roomIn(state, decision);
    if (room > 0) {
      this.#window = windowFor(room);
      this.#fill = undefined;
      this.#fullSinceMs = Number.POSITIVE_INFINITY;
    } else {
      this.#window = 0;
      this.#fullSinceMs = Math.min(this.#fullSinceMs, performance.now());
      this.#around.onLack(this.#stream);
      const { length = 0 } = state ?? {};
      const holder = state && decision ? holderOf(state, decision) : undefined;
      this.#fill = { stream: this.#stream, measured: length, limit: decision?.maxLength ?? length, holder };
    }
    this.#allotted = Math.max(0, this.#window - this.#unsettled);
    this.#tell(state?.length ?? 0, decision?.maxLength);
    for (const waiter of this.#waiters) {
      if (this.#allotted <= 0) break;
      this.#end(waiter);
      this.#pass(waiter.event);
      waiter.resolve();
    }
    if (this.#mustRefuse) this.#refuseAll(this.#full());
  }

  /** What cannot be decided bounds nothing; the trimmer tells of it. */
  #decide(state: StreamState): TrimDecision | undefined {
    try {
      const decision = this.#around.policy(state);
      return decision && checkedDecision(decision);
    } catch {
      return undefined;
    }
  }

  #tell(length: number, limit: number | undefined): void {
    if (this.#fill !== undefined) {
      if (this.#isInEpisode || !this.#isFullForLong) return;
      this.#isInEpisode = true;
      const { stream, measured, limit: bound } = this.#fill;
      this.#around.onFull({ stream, measured, limit: bound });
    } else if (this.#isInEpisode && (limit === undefined || length <= limit * recoveredAt)) {
      this.#isInEpisode = false;
      this.#around.onRecovered({ stream: this.#stream, measured: length, limit: limit ?? length });
    }
  }

  #refuseAll(error: EventsError): void {
    for (const waiter of this.#waiters) {
      this.#end(waiter);
      waiter.reject(error);
    }
  }

  #end(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
  }

  #full(): OverloadedError {
    const { measured = 0, limit = 0, holder } = this.#fill ?? {};
    const why =
      holder === undefined
        ? 'it is being trimmed'
        : `group '${holder}' has not read and acknowledged what is oldest in it`;
    return new OverloadedError(
      `Stream '${this.#stream}' has ${measured} entries and may have ${limit}: ${why}. Publish again later, speed its consumers up, or let trimStrategy.overflow keep or drop`,
      { outcome: 'not-stored' },
    );
  }

  #tooLate(): EventsError {
    if (this.#lastFailure !== undefined) return this.#failure(this.#lastFailure);
    if (this.#fill !== undefined) return this.#full();
    return new TimeoutError(
      `The room in '${this.#stream}' was not known, or others took it, for ${this.#around.timeoutMs} ms`,
      { outcome: 'not-stored' },
    );
  }

  #failure(failure: Failure): EventsError {
    // nothing of the event itself was sent, whatever became of the question
    return toError(`Could not ask how full '${this.#stream}' is`, failure, { outcome: 'not-stored' });
  }
}

function windowFor(room: number): number {
  if (room === Number.POSITIVE_INFINITY) return windowWithoutLength;
  return Math.min(largestWindow, Math.ceil(room / shareOfRoom));
}

/** How many entries fit; 0 or less when none does. */
function roomIn(state: StreamState, decision: TrimDecision): number {
  const { maxLength } = decision;
  if (isHeldBack(state, decision)) return 0;
  return maxLength === undefined ? Number.POSITIVE_INFINITY : maxLength - state.length;
}

/** Whether entries stay beyond the age that may stay, because somebody still needs them. */
function isHeldBack(state: StreamState, { minId, keepUnread }: TrimDecision): boolean {
  if (minId === undefined || state.firstEntryId === null || compareEntryIds(state.firstEntryId, minId) >= 0) {
    return false;
  }
  return state.groups.some((group) => isLive(group, keepUnread) && needsBefore(group, minId, state.lastGeneratedId));
}

function isLive({ silentMs }: GroupState, keepUnread: TrimDecision['keepUnread']): boolean {
  return keepUnread === undefined || silentMs < keepUnread.maxGroupIdleMs;
}

function needsBefore({ lowestPendingId, lastDeliveredId }: GroupState, id: string, lastGeneratedId: string): boolean {
  if (lowestPendingId !== null) return compareEntryIds(lowestPendingId, id) < 0;
  return compareEntryIds(lastDeliveredId, lastGeneratedId) < 0 && compareEntryIds(lastDeliveredId, id) < 0;
}

/** The live group that needs the oldest entry. */
function holderOf({ groups, lastGeneratedId }: StreamState, { keepUnread }: TrimDecision): string | undefined {
  let holder: GroupState | undefined;
  for (const group of groups) {
    const isDone = group.pending === 0 && compareEntryIds(group.lastDeliveredId, lastGeneratedId) >= 0;
    if (isDone || !isLive(group, keepUnread)) continue;
    if (holder === undefined || compareEntryIds(group.floor, holder.floor) < 0) holder = group;
  }
  return holder?.name;
}
