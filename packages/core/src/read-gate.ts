import { Alarm } from './alarm.js';
import type { BackpressureState } from './consumer-events.js';
import { type Dispatcher, maxHeldBack } from './dispatcher.js';
import { joinProcess, lateMs, type ProcessMember } from './process-pressure.js';
import type { EmitConsumerEvent } from './stream-session.js';

type Reason = BackpressureState['reason'];

/** Beyond it the collector takes more and more of the time, and soon gives up. */
const maxHeapPercent = 85;

/** Entries that may be read; `done` gives what is left of the permission back. */
export interface ReadPermit {
  /** 0 once reading is over. */
  readonly count: number;
  done(): void;
}

/** Lets readers wait until there is room for more, and tells the user when there is none for a bad reason. */
export class ReadGate {
  readonly #dispatcher: Dispatcher;
  readonly #emit: EmitConsumerEvent;
  readonly #concurrency: number;
  readonly #prefetch: number;
  readonly #countStreams: () => number;
  readonly #congested = new Set<Reason>();
  readonly #measured = new Map<Reason, number>();
  readonly #alarms = new Map<Reason, Alarm>();
  /** From the first read on: who only exists takes no part. */
  #joined: ProcessMember | undefined;
  #promised = 0;
  #waiting: (() => void)[] = [];
  isPaused = false;

  /** `countStreams` says how many streams are read at present. */
  constructor(
    dispatcher: Dispatcher,
    limits: { readonly prefetch: number; readonly concurrency: number },
    emit: EmitConsumerEvent,
    countStreams: () => number,
  ) {
    this.#dispatcher = dispatcher;
    this.#emit = emit;
    this.#concurrency = limits.concurrency;
    this.#prefetch = limits.prefetch;
    this.#countStreams = countStreams;
  }

  /** Entries came. */
  noteRead(): void {
    this.#process.noteRead();
  }

  /** Nobody waits any more. */
  close(): void {
    this.#joined?.leave();
    for (const alarm of this.#alarms.values()) alarm.end();
  }

  /** Waits for room to read. */
  async waitToRead(signal: AbortSignal): Promise<ReadPermit> {
    const count = await this.#wait(signal, () => {
      const room = this.#roomToRead();
      this.#promised += room;
      return room;
    });
    return {
      count,
      done: () => {
        this.#promised -= count;
        // before the same reader asks again: others may have waited longer
        this.notify();
      },
    };
  }

  /**
   * Waits for room to load what is owned already, and resolves with how many entries fit; 0 once `signal` aborts. What a
   * read under way may bring is not kept free here: it may block for a second, and what is owned goes first.
   */
  waitToLoad(signal: AbortSignal): Promise<number> {
    return this.#wait(signal, () => {
      if (this.isPaused || this.#isHeapFull()) return 0;
      const { credits, isStarved } = this.#dispatcher;
      return credits === 0 && isStarved ? 1 : credits;
    });
  }

  /** Something changed that may have made room. */
  readonly notify = (): void => {
    if (this.#waiting.length === 0) return;
    for (const proceed of this.#waiting.splice(0)) proceed();
  };

  /** `take` returns what it could take, in the turn in which there is room: another waiter must not count on it too. */
  #wait(signal: AbortSignal, take: () => number): Promise<number> {
    if (signal.aborted) return Promise.resolve(0);
    const taken = take();
    if (taken > 0) return Promise.resolve(taken);
    return new Promise((resolve) => {
      const tryAgain = () => {
        const count = signal.aborted ? 0 : take();
        if (count === 0 && !signal.aborted) {
          this.#waiting.push(tryAgain);
          return;
        }
        signal.removeEventListener('abort', end);
        resolve(count);
      };
      const end = () => {
        this.#waiting = this.#waiting.filter((waiting) => waiting !== tryAgain);
        resolve(0);
      };
      signal.addEventListener('abort', end, { once: true });
      this.#waiting.push(tryAgain);
    });
  }

  #roomToRead(): number {
    if (this.isPaused) return 0;
    const { parked, abandoned, unacknowledged, credits } = this.#dispatcher;
    const isFull = this.#judge('parked', parked, maxHeldBack);
    const isHanging = this.#judge('abandonedHandlers', abandoned, this.#concurrency);
    const isBehind = this.#judge('unacknowledged', unacknowledged, maxHeldBack);
    if (isFull || isHanging || isBehind || this.#isHeapFull()) return 0;
    this.#judgeLoop();
    // each stream's part of the prefetch: what a read under way may still bring is kept free for it
    const { readShare } = this.#process.pressure;
    const share = Math.max(1, Math.floor((this.#prefetch * readShare) / Math.max(1, this.#countStreams())));
    const room = Math.min(credits - this.#promised, share);
    // reading in small bites costs a round trip each
    return room >= Math.ceil(share / 2) ? room : 0;
  }

  /** With nothing in hand a little is read all the same: what fills the heap may be garbage, or not ours. */
  #isHeapFull(): boolean {
    const isFull = this.#judge('heap', this.#process.pressure.heapPercent, maxHeapPercent);
    return isFull && !this.#dispatcher.isEmpty;
  }

  get #process(): ProcessMember {
    this.#joined ??= joinProcess(this.notify);
    return this.#joined;
  }

  #judgeLoop(): void {
    const { isLoopLate, readShare, loopDelayMs } = this.#process.pressure;
    const isCongested = this.#congested.has('eventLoop');
    if (isCongested ? readShare < 1 : !isLoopLate) return;
    if (isCongested) this.#congested.delete('eventLoop');
    else this.#congested.add('eventLoop');
    const state = { reason: 'eventLoop', measured: loopDelayMs, limit: lateMs, stream: undefined } as const;
    this.#emit(isCongested ? 'recovered' : 'backpressure', state);
  }

  #judge(reason: Reason, count: number, limit: number): boolean {
    // only well below the limit, so that one entry more or less does not open and close it by turns
    const isCongested = this.#congested.has(reason) ? count > limit * 0.8 : count >= limit;
    if (isCongested === this.#congested.has(reason)) return isCongested;
    if (isCongested) this.#congested.add(reason);
    else this.#congested.delete(reason);
    this.#measured.set(reason, count);
    this.#alarmOf(reason, limit).set(isCongested);
    return isCongested;
  }

  #alarmOf(reason: Reason, limit: number): Alarm {
    let alarm = this.#alarms.get(reason);
    if (alarm === undefined) {
      alarm = new Alarm((isOn) => {
        const state = { reason, measured: this.#measured.get(reason) ?? 0, limit, stream: undefined };
        this.#emit(isOn ? 'backpressure' : 'recovered', state);
      });
      this.#alarms.set(reason, alarm);
    }
    return alarm;
  }
}
