import type { ConsumerEvents } from './consumer-events.js';
import type { Delivery } from './delivery.js';
import { NonRetryableError, OptionsError } from './errors.js';
import { Fifo } from './fifo.js';
import { checkKeys, wholeNumber } from './options.js';

/** When a handler's events are held instead of tried. */
export interface CircuitBreakerOptions {
  /** How many different events must fail one after another. Default: 5. */
  readonly failures?: number | undefined;
  /** How long until one event is tried again, in milliseconds; doubles with each that fails. Default: 1,000. */
  readonly probeMs?: number | undefined;
  /** The longest of these waits, in milliseconds. Default: 30,000. */
  readonly maxProbeMs?: number | undefined;
  /** Which errors say that what the handler depends on is down. Default: all but `NonRetryableError`, which never does. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
}

export interface CircuitBreakerSettings {
  readonly failures: number;
  readonly probeMs: number;
  readonly maxProbeMs: number;
  readonly isFailure: (error: unknown) => boolean;
}

/** Throws `OptionsError` for options that cannot work. */
export function circuitBreakerSettings(
  value: boolean | CircuitBreakerOptions = false,
): CircuitBreakerSettings | undefined {
  if (value === false) return undefined;
  const given = value === true ? {} : value;
  checkKeys('circuitBreaker', given, ['failures', 'probeMs', 'maxProbeMs', 'isFailure']);
  const { isFailure = () => true } = given;
  if (typeof isFailure !== 'function')
    throw new OptionsError('circuitBreaker.isFailure must be a function of the error');
  const probeMs = wholeNumber('circuitBreaker.probeMs', given.probeMs, 1_000, { min: 10, max: 3_600_000 });
  return {
    failures: wholeNumber('circuitBreaker.failures', given.failures, 5, { min: 1, max: 10_000 }),
    probeMs,
    maxProbeMs: wholeNumber('circuitBreaker.maxProbeMs', given.maxProbeMs, Math.max(30_000, probeMs), {
      min: probeMs,
      max: 3_600_000,
    }),
    isFailure,
  };
}

type CircuitEvents = Pick<ConsumerEvents, 'circuitOpened' | 'circuitClosed'>;

type Tell = <Name extends keyof CircuitEvents>(name: Name, ...values: CircuitEvents[Name]) => void;

/** Holds the events of one handler while what it depends on is down, so that they do not use up their attempts. */
export class CircuitBreaker {
  readonly #pattern: string;
  readonly #settings: CircuitBreakerSettings;
  readonly #tell: Tell;
  readonly #onError: (error: Error) => void;
  /** What failed since the last success. */
  readonly #failed = new Set<string>();
  readonly #waiting = new Fifo<Delivery>();
  #openedAtMs: number | undefined;
  #probe: Delivery | undefined;
  #lastProbeId: string | undefined;
  #isProbeDue = false;
  #probeInMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pattern: string, settings: CircuitBreakerSettings, tell: Tell, onError: (error: Error) => void) {
    this.#pattern = pattern;
    this.#settings = settings;
    this.#tell = tell;
    this.#onError = onError;
  }

  /** Whether the handler may begin. If not, the caller parks the delivery and gives it to `hold`. */
  admits(delivery: Delivery): boolean {
    if (this.#openedAtMs === undefined || delivery === this.#probe) return true;
    if (!this.#isProbeDue) return false;
    this.#isProbeDue = false;
    this.#probe = delivery;
    return true;
  }

  /** Keeps a parked delivery until its handler may be tried again. */
  hold(delivery: Delivery): void {
    this.#waiting.push(delivery);
  }

  /** The handler has run too long. It may still end, one way or another. */
  overdue(delivery: Delivery, error: unknown): void {
    if (this.#openedAtMs === undefined && this.#isFailure({ error })) this.#count(delivery, error);
  }

  /** The handler has ended. Returns whether the attempt counts for nothing: then the delivery is to be held. */
  ended(delivery: Delivery, failure: { readonly error: unknown } | undefined): boolean {
    const isProbe = delivery === this.#probe;
    if (isProbe) this.#probe = undefined;
    const { settlement } = delivery;
    const hasFailed = settlement === undefined ? this.#isFailure(failure) : settlement.kind === 'nack';
    if (hasFailed) return this.#hasFailed(delivery, isProbe, failure?.error);
    const hasSucceeded = settlement === undefined ? failure === undefined : settlement.kind === 'ack';
    if (!hasSucceeded) {
      // a verdict on the event, which says nothing of what the handler depends on
      if (isProbe) this.#schedule();
    } else if (this.#openedAtMs === undefined) {
      this.#failed.clear();
    } else if (isProbe) {
      this.#close(this.#openedAtMs);
    }
    return false;
  }

  /** Holds nothing more. What is held stays parked. */
  end(): void {
    clearTimeout(this.#timer);
    this.#waiting.drain();
  }

  #isFailure(failure: { readonly error: unknown } | undefined): boolean {
    if (failure === undefined || failure.error instanceof NonRetryableError) return false;
    try {
      return this.#settings.isFailure(failure.error);
    } catch (cause) {
      this.#onError(new OptionsError('circuitBreaker.isFailure threw; the error counts as a failure', { cause }));
      return true;
    }
  }

  #hasFailed(delivery: Delivery, isProbe: boolean, error: unknown): boolean {
    if (this.#openedAtMs === undefined) {
      this.#count(delivery, error);
      return false;
    }
    // what the handler said itself is done as it said
    const isItsWord = delivery.settlement !== undefined;
    if (!isProbe) return !isItsWord;
    this.#probeInMs = Math.min(this.#settings.maxProbeMs, this.#probeInMs * 2);
    this.#schedule();
    // an event that fails again and again while no other is tried may be the fault itself: its attempts count
    const id = idOf(delivery);
    const isAgain = this.#lastProbeId === id;
    this.#lastProbeId = id;
    return !isAgain && !isItsWord;
  }

  #count(delivery: Delivery, error: unknown): void {
    this.#failed.add(idOf(delivery));
    if (this.#failed.size >= this.#settings.failures) this.#open(error);
  }

  #open(error: unknown): void {
    const failures = this.#failed.size;
    this.#failed.clear();
    this.#openedAtMs = performance.now();
    this.#probeInMs = this.#settings.probeMs;
    this.#lastProbeId = undefined;
    this.#schedule();
    this.#tell('circuitOpened', { pattern: this.#pattern, failures, error, probeInMs: this.#probeInMs });
  }

  #close(openedAtMs: number): void {
    clearTimeout(this.#timer);
    this.#openedAtMs = undefined;
    this.#isProbeDue = false;
    const held = this.#waiting.drain().filter(isHeld);
    this.#tell('circuitClosed', {
      pattern: this.#pattern,
      openMs: Math.round(performance.now() - openedAtMs),
      held: held.length,
    });
    for (const delivery of held) delivery.home.resume(delivery);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#tryOne, this.#probeInMs);
  }

  readonly #tryOne = (): void => {
    // it may have been lost, or handed back, before its handler began
    if (this.#probe !== undefined && !mayStillRun(this.#probe)) this.#probe = undefined;
    this.#waiting.remove((delivery) => !isHeld(delivery));
    this.#schedule();
    // it may take its time, on its way or in its handler
    if (this.#probe !== undefined) return;
    this.#probe = this.#waiting.shift();
    this.#isProbeDue = this.#probe === undefined;
    this.#probe?.home.resume(this.#probe);
  };
}

function idOf({ eventId, id }: Delivery): string {
  return eventId ?? id;
}

function isHeld({ state }: Delivery): boolean {
  return state === 'parked';
}

function mayStillRun({ state }: Delivery): boolean {
  return state === 'parked' || state === 'queued' || state === 'running' || state === 'abandoned';
}
