import { readFileSync, writeFileSync } from 'node:fs';

/** How often each of so many numbered events was handled. Takes a byte an event, where a journal takes hundreds. */
export class Tally {
  readonly #times: Uint8Array;

  constructor(events: number) {
    this.#times = new Uint8Array(events);
  }

  /** The tally that a process has left behind. */
  static read(path: string): Tally {
    const bytes = readFileSync(path);
    const tally = new Tally(bytes.length);
    tally.#times.set(bytes);
    return tally;
  }

  /** Throws `RangeError` for the number of no event. */
  note(event: number): void {
    const times = this.#times[event];
    if (times === undefined) throw new RangeError(`${event} is the number of no event`);
    if (times < 255) this.#times[event] = times + 1;
  }

  /** Adds what another process has handled. */
  add(other: Tally): void {
    for (const [event, times] of other.#times.entries()) {
      this.#times[event] = Math.min(255, (this.#times[event] ?? 0) + times);
    }
  }

  /** How many events were never handled. */
  get missing(): number {
    return this.#times.reduce((sum, times) => sum + (times === 0 ? 1 : 0), 0);
  }

  /** How often an event was handled that had been handled before. */
  get repeated(): number {
    return this.#times.reduce((sum, times) => sum + Math.max(0, times - 1), 0);
  }

  write(path: string): void {
    writeFileSync(path, this.#times);
  }
}
