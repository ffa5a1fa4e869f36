import { Fifo } from './fifo.js';
import type { OutgoingEvent } from './outgoing-event.js';

/** What keeping an event costs beside its characters, so that many small ones are bounded too. */
const overheadCharacters = 256;

/** What was confirmed of one stream, in the order of the confirmations. */
interface StreamWindow {
  readonly events: Fifo<OutgoingEvent>;
  lastMs: number;
  /** When the newest of those was confirmed that were dropped for want of room. */
  droppedMs: number;
}

/** What was taken out of the window of a stream. */
export interface ConfirmedWindow {
  readonly events: OutgoingEvent[];
  /** How far before the last confirmation the events reach without a gap. */
  readonly windowMs: number;
}

/**
 * What a publisher confirmed lately, stream by stream: what a failover may have lost. Of each stream the last
 * `windowMs` before its last confirmation, and of all together at most `maxCharacters`.
 */
export class ConfirmedEvents {
  readonly #windowMs: number;
  readonly #maxCharacters: number;
  /** The stream that was confirmed least recently comes first. */
  readonly #windows = new Map<string, StreamWindow>();
  #latest: string | undefined;
  #characters = 0;

  constructor(windowMs: number, maxCharacters: number) {
    this.#windowMs = windowMs;
    this.#maxCharacters = maxCharacters;
  }

  /** The streams with confirmed events. */
  get streams(): string[] {
    return [...this.#windows.keys()];
  }

  /** Keeps an event that was confirmed at `confirmedMs`, on the monotonic clock. */
  add(event: OutgoingEvent, confirmedMs: number): void {
    const window = this.#windowOf(event.stream);
    event.confirmedMs = confirmedMs;
    window.lastMs = confirmedMs;
    window.events.push(event);
    this.#characters += event.size + overheadCharacters;
    for (let [oldest] = window.events; oldest !== undefined; [oldest] = window.events) {
      if (oldest.confirmedMs >= confirmedMs - this.#windowMs) break;
      this.#drop(window);
    }
    while (this.#characters > this.#maxCharacters) this.#makeRoom();
  }

  /** Takes out what was confirmed of a stream, in the order of the calls. */
  take(stream: string): ConfirmedWindow {
    const window = this.#windows.get(stream);
    if (window === undefined) return { events: [], windowMs: this.#windowMs };
    this.#windows.delete(stream);
    if (this.#latest === stream) this.#latest = undefined;
    const events = window.events.drain();
    for (const event of events) this.#characters -= event.size + overheadCharacters;
    return {
      events: events.sort((left, right) => left.sequence - right.sequence),
      windowMs: Math.min(this.#windowMs, Math.round(window.lastMs - window.droppedMs)),
    };
  }

  #windowOf(stream: string): StreamWindow {
    let window = this.#windows.get(stream);
    if (window !== undefined && this.#latest === stream) return window;
    if (window === undefined) window = { events: new Fifo(), lastMs: 0, droppedMs: Number.NEGATIVE_INFINITY };
    else this.#windows.delete(stream);
    this.#windows.set(stream, window);
    this.#latest = stream;
    return window;
  }

  #makeRoom(): void {
    for (const [stream, window] of this.#windows) {
      const dropped = this.#drop(window);
      if (dropped === undefined) {
        this.#windows.delete(stream);
        if (this.#latest === stream) this.#latest = undefined;
        continue;
      }
      window.droppedMs = dropped.confirmedMs;
      return;
    }
  }

  #drop(window: StreamWindow): OutgoingEvent | undefined {
    const event = window.events.shift();
    if (event !== undefined) this.#characters -= event.size + overheadCharacters;
    return event;
  }
}
