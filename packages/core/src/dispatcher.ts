import type { CircuitBreaker } from './circuit-breaker.js';
import type { EventHandler } from './consumed-event.js';
import { type Delivery, DeliveryContext, type DeliveryHome } from './delivery.js';
import { isThenable } from './emitter.js';
import type { Rejection } from './entry-decoder.js';
import { HandlerTimeoutError } from './errors.js';
import { Fifo } from './fifo.js';
import { HandlerDeadlines } from './handler-deadlines.js';
import { LaneTable } from './lane-table.js';
import { SuspectGate } from './suspect-gate.js';

export interface DispatcherOptions {
  readonly concurrency: number;
  readonly prefetch: number;
  readonly maxInFlightCharacters: number;
  readonly handlerTimeoutMs: number;
  readonly claimIdleMs: number;
}

/** What a dispatcher asks of the consumer around it. */
export interface DispatcherHooks {
  handlerOf(type: string): EventHandler | undefined;
  /** `undefined` = its events are tried whatever happens. */
  circuitOf(type: string): CircuitBreaker | undefined;
  /** Handlers, places or lanes became free. */
  onChange(): void;
  /** Resolves when what was handled so far is settled on the server, as far as that is possible. */
  flush(): Promise<unknown>;
}

/** How many deliveries may be parked, or be handled and not yet acknowledged, before nothing more is read. */
export const maxHeldBack = 10_000;

const confirmRetryMs = 500;
/** Handlers that do not wait for anything run one after another: the rest of the process has its turn after so long. */
const sliceMs = 25;

/** Decides which delivery runs next: handler slots, lanes, suspects, and the limits on what is held in memory. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #hooks: DispatcherHooks;
  readonly #ready = new Fifo<Delivery>();
  /** The suspect whose turn has come goes before everything else: the next one waits for it. */
  readonly #first = new Fifo<Delivery>();
  readonly #lanes = new LaneTable();
  readonly #suspects = new SuspectGate((delivery) => this.#makeReady(delivery));
  readonly #running = new Set<Delivery>();
  readonly #deadlines: HandlerDeadlines;
  #loaded = 0;
  #loadedCharacters = 0;
  #parked = 0;
  #abandoned = 0;
  #unacknowledged = 0;
  #finished = 0;
  #handling = 0;
  #isPumping = false;
  #nextSlice: NodeJS.Immediate | undefined;
  #isHalted = false;

  constructor(options: DispatcherOptions, hooks: DispatcherHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#deadlines = new HandlerDeadlines(options.handlerTimeoutMs, (delivery) => this.#outOfTime(delivery));
  }

  get running(): ReadonlySet<Delivery> {
    return this.#running;
  }

  get parked(): number {
    return this.#parked;
  }

  get abandoned(): number {
    return this.#abandoned;
  }

  /** How many acknowledgements the server has not answered. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** How many handlers have begun and not ended, in time or not. */
  get handling(): number {
    return this.#handling;
  }

  /** How many handlers have ended so far, in time. */
  get finished(): number {
    return this.#finished;
  }

  get suspectsWaiting(): number {
    return this.#suspects.waiting;
  }

  /** How many more deliveries may be loaded. */
  get credits(): number {
    const { prefetch, maxInFlightCharacters, concurrency } = this.#options;
    // as many handlers hang as may run: reading on would only feed more to the same fault
    if (this.#abandoned >= concurrency || this.#loadedCharacters >= maxInFlightCharacters) return 0;
    return Math.max(0, prefetch - this.#loaded);
  }

  /** Whether nothing that is loaded can run, so that one more must be loaded whatever the limits. */
  get isStarved(): boolean {
    return this.#running.size === 0 && this.#ready.length === 0 && this.#first.length === 0;
  }

  /** Whether nothing is loaded. */
  get isEmpty(): boolean {
    return this.#loaded === 0;
  }

  get charactersLeft(): number {
    return Math.max(0, this.#options.maxInFlightCharacters - this.#loadedCharacters);
  }

  /** Starts nothing more until `proceed`. */
  halt(): void {
    this.#isHalted = true;
  }

  proceed(): void {
    this.#isHalted = false;
    this.pump();
  }

  /** Takes a delivery whose data is loaded. It runs when its lane and a slot are free. */
  offer(delivery: Delivery): void {
    this.#load(delivery);
    if (delivery.holdsLane) {
      this.#makeReady(delivery);
      return;
    }
    const holder = this.#lanes.enter(delivery);
    if (holder === undefined) {
      this.#makeReady(delivery);
    } else {
      if (delivery.suspect) this.#suspects.passOver(delivery);
      // behind a retry that waits, data would only occupy memory
      if (holder.state === 'parked' || holder.state === 'abandoned') this.#park(delivery);
    }
  }

  /** Gives a delivery that is known by its id its place in its lane, in the order of calls. Returns whether the lane is its own. */
  line(delivery: Delivery): boolean {
    return this.#lanes.enter(delivery) === undefined;
  }

  /** Whether a handler of something from `home` runs. */
  isBusyWith(home: DeliveryHome): boolean {
    for (const delivery of this.#running) if (delivery.home === home) return true;
    return false;
  }

  /** Takes a suspect by its id alone; it is loaded when its turn comes. */
  offerSuspect(delivery: Delivery): void {
    this.#suspects.add(delivery);
  }

  noteUnacknowledged(): void {
    this.#unacknowledged += 1;
  }

  noteSettled(count: number): void {
    this.#unacknowledged -= count;
    this.#hooks.onChange();
  }

  /** Counts a new delivery of which only the id is kept. */
  noteParked(): void {
    this.#parked += 1;
  }

  /** Keeps a delivery's place, lane included, until it is offered again; those behind it are parked with it. */
  wait(delivery: Delivery): void {
    this.#park(delivery);
    for (const behind of this.#lanes.behind(delivery)) if (behind.state === 'queued') this.#park(behind);
    this.#suspects.clear(delivery);
    this.#hooks.onChange();
  }

  /** Lets a delivery's lane and place go. It is settled, or about to be, or lost. */
  finish(delivery: Delivery, state: 'settling' | 'stalled' | 'done'): void {
    if (delivery.state === 'queued') this.#unload(delivery);
    if (delivery.state === 'parked') this.#parked -= 1;
    if (state === 'stalled') this.#parked += 1;
    if (delivery.state === 'stalled') this.#parked -= 1;
    delivery.state = state;
    this.#suspects.clear(delivery);
    const next = this.#lanes.leave(delivery);
    if (next === undefined) return;
    if (next.event === undefined) next.home.resume(next);
    else this.#makeReady(next);
  }

  /** Starts what can be started. */
  readonly pump = (): void => {
    if (this.#isPumping || this.#nextSlice !== undefined) return;
    this.#isPumping = true;
    const now = Date.now();
    const sliceEndsAtMs = performance.now() + sliceMs;
    while (!this.#isHalted && this.#running.size < this.#options.concurrency) {
      const delivery = this.#first.shift() ?? this.#ready.shift();
      if (delivery === undefined) break;
      // it may have been lost, released or forgotten meanwhile
      if (delivery.state === 'queued') this.#startOrHold(delivery, now);
      if (performance.now() < sliceEndsAtMs) continue;
      this.#nextSlice = setImmediate(this.#goOn);
      break;
    }
    this.#isPumping = false;
    this.#hooks.onChange();
  };

  readonly #goOn = (): void => {
    this.#nextSlice = undefined;
    this.pump();
  };

  #startOrHold(delivery: Delivery, now: number): void {
    const circuit = this.#circuitOf(delivery);
    if (circuit === undefined || circuit.admits(delivery)) this.#start(delivery, now);
    else this.#hold(delivery, circuit);
  }

  #circuitOf({ event }: Delivery): CircuitBreaker | undefined {
    return event === undefined ? undefined : this.#hooks.circuitOf(event.type);
  }

  #hold(delivery: Delivery, circuit: CircuitBreaker): void {
    this.wait(delivery);
    circuit.hold(delivery);
  }

  #load(delivery: Delivery): void {
    if (delivery.state === 'parked') this.#parked -= 1;
    delivery.state = 'queued';
    this.#loaded += 1;
    this.#loadedCharacters += delivery.size;
  }

  #unload(delivery: Delivery): void {
    this.#loaded -= 1;
    this.#loadedCharacters -= delivery.size;
  }

  #park(delivery: Delivery): void {
    if (delivery.state === 'queued') this.#unload(delivery);
    if (delivery.state === 'parked') return;
    delivery.event = undefined;
    delivery.envelope = undefined;
    delivery.state = 'parked';
    this.#parked += 1;
  }

  #makeReady(delivery: Delivery): void {
    if (delivery.suspect) this.#first.push(delivery);
    else this.#ready.push(delivery);
  }

  #start(delivery: Delivery, now: number): void {
    if (delivery.suspect && !this.#suspects.enter(delivery)) return;
    delivery.state = 'running';
    this.#running.add(delivery);
    const isStale = now - delivery.touchedAtMs > this.#options.claimIdleMs / 2;
    if (delivery.suspect || delivery.attempt > 1 || isStale) this.#confirmAndRun(delivery);
    else this.#run(delivery);
  }

  #confirmAndRun(delivery: Delivery): void {
    this.#confirm(delivery).then(
      (isOurs) => {
        if (isOurs && !delivery.lost && !this.#isHalted) {
          this.#run(delivery);
        } else {
          this.#putBack(delivery);
          if (!isOurs) delivery.home.notOwned(delivery);
        }
        this.pump();
      },
      () => {
        // the failed command is reported where it failed; the delivery tries again until the server answers
        setTimeout(() => {
          if (delivery.state !== 'running') return;
          this.#putBack(delivery);
          this.pump();
        }, confirmRetryMs);
      },
    );
  }

  async #confirm(delivery: Delivery): Promise<boolean> {
    // should a suspect bring the process down, nothing that is handled already may share its fate
    if (delivery.suspect) await this.#hooks.flush();
    return delivery.home.confirm(delivery);
  }

  #putBack(delivery: Delivery): void {
    this.#running.delete(delivery);
    delivery.state = 'queued';
    // lost while we asked: nobody else will let its lane go
    if (delivery.lost) this.finish(delivery, 'done');
    else this.#makeReady(delivery);
  }

  #run(delivery: Delivery): void {
    const rejection = delivery.home.complete(delivery);
    if (rejection === undefined) {
      this.#handle(delivery);
    } else if (isThenable(rejection)) {
      this.#runLater(delivery, Promise.resolve(rejection));
    } else {
      this.#reject(delivery, rejection);
    }
  }

  /** An asynchronous schema has the handler's time too. */
  #runLater(delivery: Delivery, completed: Promise<Rejection | undefined>): void {
    this.#deadlines.start(delivery);
    this.#handling += 1;
    void completed.then((rejection) => {
      if (!this.#running.has(delivery)) {
        this.#endedLater(delivery, undefined);
        return;
      }
      this.#handling -= 1;
      this.#deadlines.stop(delivery);
      if (delivery.lost || this.#isHalted) this.#putBack(delivery);
      else if (rejection === undefined) this.#handle(delivery);
      else this.#reject(delivery, rejection);
      this.pump();
    });
  }

  #reject(delivery: Delivery, rejection: Rejection): void {
    this.#leaveSlot(delivery);
    delivery.home.reject(delivery, rejection);
  }

  #handle(delivery: Delivery): void {
    const { event } = delivery;
    const handler = event === undefined ? undefined : this.#hooks.handlerOf(event.type);
    if (event === undefined || handler === undefined || delivery.home.isHandled(delivery)) {
      this.#leaveSlot(delivery);
      delivery.home.skip(delivery, handler === undefined ? 'unhandled' : 'duplicate');
      return;
    }
    if (!delivery.home.mayBegin(delivery)) {
      this.#leaveSlot(delivery);
      this.finish(delivery, 'done');
      return;
    }
    this.#deadlines.start(delivery);
    this.#handling += 1;
    let result: unknown;
    try {
      result = handler(event, new DeliveryContext(delivery, this.#extend));
    } catch (error) {
      this.#ended(delivery, { error });
      return;
    }
    if (isThenable(result)) {
      // whatever a thenable does, a promise settles once
      Promise.resolve(result).then(
        () => this.#endedLater(delivery, undefined),
        (error: unknown) => this.#endedLater(delivery, { error }),
      );
    } else {
      this.#ended(delivery, undefined);
    }
  }

  #endedLater(delivery: Delivery, failure: { readonly error: unknown } | undefined): void {
    this.#ended(delivery, failure);
    this.pump();
  }

  #ended(delivery: Delivery, failure: { readonly error: unknown } | undefined): void {
    const wasAbandoned = !this.#running.has(delivery);
    this.#handling -= 1;
    this.#deadlines.stop(delivery);
    if (!wasAbandoned) {
      this.#finished += 1;
      this.#leaveSlot(delivery);
      this.#conclude(delivery, failure);
      return;
    }
    this.#abandoned -= 1;
    if (delivery.state === 'abandoned') this.#conclude(delivery, { error: this.#timeoutError() });
  }

  #conclude(delivery: Delivery, failure: { readonly error: unknown } | undefined): void {
    const circuit = this.#circuitOf(delivery);
    const isForNothing = circuit?.ended(delivery, failure) === true;
    if (circuit === undefined || !isForNothing || delivery.lost || delivery.isReplaced) {
      delivery.home.ended(delivery, failure);
      return;
    }
    delivery.reset();
    this.#hold(delivery, circuit);
  }

  #leaveSlot(delivery: Delivery): void {
    this.#running.delete(delivery);
    this.#unload(delivery);
  }

  readonly #extend = (delivery: Delivery): void => {
    if (this.#running.has(delivery)) this.#deadlines.start(delivery);
  };

  #outOfTime(delivery: Delivery): void {
    if (delivery.state === 'abandoned') {
      delivery.home.neverSettled(delivery);
      this.pump();
      return;
    }
    this.#circuitOf(delivery)?.overdue(delivery, this.#timeoutError());
    this.#leaveSlot(delivery);
    this.#abandoned += 1;
    delivery.state = 'abandoned';
    for (const behind of this.#lanes.behind(delivery)) if (behind.state === 'queued') this.#park(behind);
    delivery.abort(this.#timeoutError());
    this.#deadlines.start(delivery);
    this.pump();
  }

  #timeoutError(): HandlerTimeoutError {
    return new HandlerTimeoutError(
      `The handler ran longer than handlerTimeoutMs (${this.#options.handlerTimeoutMs} ms)`,
    );
  }

  /** Tells the handlers that still run to end. */
  abortRunning(reason: Error): void {
    for (const delivery of this.#running) delivery.abort(reason);
  }

  /** Ends the timers. Handlers that still run are left to themselves. */
  close(): void {
    this.halt();
    if (this.#nextSlice !== undefined) clearImmediate(this.#nextSlice);
    this.#deadlines.close();
  }
}
