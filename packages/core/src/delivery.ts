import type { ConsumedEvent, HandlerContext } from './consumed-event.js';
import type { Rejection } from './entry-decoder.js';
import { OptionsError } from './errors.js';
import type { RetryRecord } from './retry-record.js';
import { maxTimerMs } from './sleep.js';
import type { EventEnvelope } from './wire-format.js';

/**
 * Where a delivery stands.
 * - `parked`: only its id is kept; its data is fetched again when its turn comes
 * - `queued`: loaded, waiting for its lane or for a handler slot
 * - `running`: its handler runs, or is about to
 * - `abandoned`: its handler ran too long and has not settled
 * - `settling`: its fate is decided and on its way to the server
 * - `stalled`: failed for good, with nowhere to go
 * - `done`: no longer ours, one way or another
 */
export type DeliveryState = 'parked' | 'queued' | 'running' | 'abandoned' | 'settling' | 'stalled' | 'done';

/** What a handler said through its context. The first word counts. */
export type Settlement =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack'; readonly delayMs: number | undefined }
  | { readonly kind: 'deadLetter'; readonly reason: string };

/** An event on its way to its handler: its data comes last. */
export type OpenEvent = Omit<ConsumedEvent, 'data'> & { data: unknown };

/** One entry in this consumer's hands, from the moment it is owned until it is settled. */
export class Delivery {
  state: DeliveryState = 'parked';
  event: OpenEvent | undefined;
  /** The event as stored, until its handler is about to start. */
  envelope: EventEnvelope | undefined;
  /** Outlasts the event, which is let go of as soon as its handler has ended. */
  eventId: string | undefined;
  /** What it must not run beside, when order or deduplication asks for that. */
  laneKey: string | undefined;
  holdsLane = false;
  /** Characters in memory, about, while it is loaded. */
  size = 0;
  attempt = 1;
  redelivered = false;
  /** Whether its last consumer vanished, perhaps because of it. */
  suspect = false;
  /** Whether another consumer owns it now. */
  lost = false;
  /** Whether its entry id is another event's now, so that nothing may be said of it any more. */
  isReplaced = false;
  record: RetryRecord | undefined;
  /** When the server last knew it as ours and young, Unix ms. */
  touchedAtMs = Date.now();
  settlement: Settlement | undefined;
  /** Resolves once what the handler said is done. */
  settling: Promise<void> | undefined;
  /** Whether the server has acknowledged it, or it was moved, while its handler still ran. */
  settled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;

  constructor(
    readonly id: string,
    readonly home: DeliveryHome,
  ) {}

  get signal(): AbortSignal {
    // most handlers never ask, and a controller costs more than the rest of a delivery
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }

  /** Calls back when another attempt is due, however far away that is. */
  waitUntil(dueAtMs: number, onDue: (delivery: Delivery) => void): void {
    clearTimeout(this.#retryTimer);
    const waitMs = Math.max(0, dueAtMs - Date.now());
    this.#retryTimer = setTimeout(
      () => (waitMs > maxTimerMs ? this.waitUntil(dueAtMs, onDue) : onDue(this)),
      Math.min(waitMs, maxTimerMs),
    );
  }

  cancelWait(): void {
    clearTimeout(this.#retryTimer);
  }

  /** Makes it ready for another attempt. */
  reset(): void {
    this.settlement = undefined;
    this.settling = undefined;
    this.#controller = undefined;
    this.#abortReason = undefined;
  }
}

/** What knows the stream that a delivery came from. */
export interface DeliveryHome {
  /** Fetches the data of a parked delivery again and offers it to the dispatcher. */
  load(delivery: Delivery): void;
  /** Brings a parked delivery on its way whose lane has just become its own: when it is due, and its turn as a suspect. */
  resume(delivery: Delivery): void;
  /** Whether its handler may begin now. If not, it is not ours any more. */
  mayBegin(delivery: Delivery): boolean;
  /** Asks the server whether it is still ours, counting the attempt that is about to start. */
  confirm(delivery: Delivery): Promise<boolean>;
  /** Gives it its data. Returns why it cannot; a promise where that takes time. */
  complete(delivery: Delivery): Rejection | undefined | Promise<Rejection | undefined>;
  /** It cannot be given to a handler. */
  reject(delivery: Delivery, rejection: Rejection): void;
  /** Its handler returned, or threw `error`. */
  ended(delivery: Delivery, failure: { readonly error: unknown } | undefined): void;
  /** Whether a copy of its event was handled since it was loaded. */
  isHandled(delivery: Delivery): boolean;
  /** It was not given to a handler: none is subscribed to its type, or a copy was handled. */
  skip(delivery: Delivery, reason: 'unhandled' | 'duplicate'): void;
  /** Its handler was abandoned and has not settled in as much time again. */
  neverSettled(delivery: Delivery): void;
  /** Another consumer owns it. */
  notOwned(delivery: Delivery): void;
  /** The handler spoke through its context. */
  settle(delivery: Delivery, settlement: Settlement): Promise<void>;
  /** Resets its idle time on the server. Resolves with whether it is still ours. */
  keepAlive(delivery: Delivery): Promise<boolean>;
}

/** The handler's view of a delivery. */
export class DeliveryContext implements HandlerContext {
  readonly #delivery: Delivery;
  readonly #attempt: number;
  readonly #onExtend: (delivery: Delivery) => void;

  constructor(delivery: Delivery, onExtend: (delivery: Delivery) => void) {
    this.#delivery = delivery;
    this.#attempt = delivery.attempt;
    this.#onExtend = onExtend;
  }

  get signal(): AbortSignal {
    return this.#isOver ? AbortSignal.abort(overError()) : this.#delivery.signal;
  }

  ack(): Promise<void> {
    return this.#settle({ kind: 'ack' });
  }

  nack(options: { readonly delayMs?: number } = {}): Promise<void> {
    const { delayMs } = options;
    if (delayMs !== undefined && !(Number.isFinite(delayMs) && delayMs >= 0)) {
      return unwatched(
        Promise.reject(new OptionsError(`nack: delayMs must be a number of at least 0, not ${String(delayMs)}`)),
      );
    }
    return this.#settle({ kind: 'nack', delayMs });
  }

  deadLetter(reason: string): Promise<void> {
    if (typeof reason !== 'string' || reason === '') {
      return unwatched(Promise.reject(new OptionsError('deadLetter needs a reason: a string that is not empty')));
    }
    return this.#settle({ kind: 'deadLetter', reason });
  }

  extend(): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false);
    this.#onExtend(this.#delivery);
    return unwatched(this.#delivery.home.keepAlive(this.#delivery));
  }

  /** A handler may keep its context longer than its attempt lasts. */
  get #isOver(): boolean {
    return this.#delivery.attempt !== this.#attempt;
  }

  #settle(settlement: Settlement): Promise<void> {
    return unwatched(
      this.#isOver ? Promise.reject(overError()) : this.#delivery.home.settle(this.#delivery, settlement),
    );
  }
}

function overError(): OptionsError {
  return new OptionsError('This attempt is over: the event was settled, or is being tried again');
}

/** `promise`, which the handler may leave unwatched. */
function unwatched<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {
    // told to whoever awaits it; unwatched, it must not end the process
  });
  return promise;
}
