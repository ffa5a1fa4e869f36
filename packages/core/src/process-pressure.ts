import v8 from 'node:v8';

const sampleEveryMs = 100;
/** A loop that is later than this serves nobody in time: neither leases nor health checks. */
export const lateMs = 200;
const promptMs = 50;
/** Measured on for so long after the last entries: who waits for events is to cost nothing. */
const samplesAfterReading = 10;
/** What it takes to stop measuring: no more than this is in use. */
const calmHeapPercent = 60;
/** Of what is usually read at once, what is read at least. */
const leastShare = 1 / 16;

/** How hard the whole process is pressed, as far as more reading would press it harder. */
export interface ProcessPressure {
  /** How much of the heap that the process may have is in use, garbage included, in percent. */
  readonly heapPercent: number;
  /** How late timers fired lately, in milliseconds. */
  readonly loopDelayMs: number;
  /** Which part of the usual is to be read at once: halved whenever the event loop is late, and slowly raised again. */
  readonly readShare: number;
  /** Whether the loop stayed late although next to nothing is read. */
  readonly isLoopLate: boolean;
}

/** One of those who read into the heap of this process. */
export interface ProcessMember {
  readonly pressure: ProcessPressure;
  /** Entries came: the process is measured for a while. */
  noteRead(): void;
  leave(): void;
}

/** One for the process: it has one heap and one event loop. */
class PressureGauge implements ProcessPressure {
  heapPercent = 0;
  loopDelayMs = 0;
  readShare = 1;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #samplesLeft = 0;

  get isLoopLate(): boolean {
    return this.readShare === leastShare;
  }

  join(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.readShare = 1;
    };
  }

  noteRead(): void {
    this.#samplesLeft = samplesAfterReading;
    if (this.#timer === undefined) this.#schedule();
  }

  #schedule(): void {
    this.#dueAtMs = performance.now() + sampleEveryMs;
    this.#timer = setTimeout(this.#sample, sampleEveryMs);
    this.#timer.unref();
  }

  readonly #sample = (): void => {
    const lateBy = Math.max(0, performance.now() - this.#dueAtMs);
    const { heap_size_limit: limit, used_heap_size: used } = v8.getHeapStatistics();
    this.heapPercent = Math.round((used / limit) * 100);
    this.loopDelayMs = Math.round(lateBy);
    if (lateBy > lateMs) this.readShare = Math.max(leastShare, this.readShare / 2);
    else if (lateBy < promptMs) this.readShare = Math.min(1, this.readShare * 1.25);
    this.#samplesLeft -= 1;
    const isCalm = this.readShare === 1 && this.heapPercent < calmHeapPercent;
    if (isCalm && this.#samplesLeft <= 0) this.#timer = undefined;
    else this.#schedule();
    for (const listener of this.#listeners) listener();
  };
}

const gauge = new PressureGauge();

/** Calls `listener` after each measurement, until `leave` is called. */
export function joinProcess(listener: () => void): ProcessMember {
  return { pressure: gauge, noteRead: () => gauge.noteRead(), leave: gauge.join(listener) };
}
