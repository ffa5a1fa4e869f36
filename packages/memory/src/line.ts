import { MemoryError } from './memory-error.js';
import type { Call, Wire } from './wire.js';

/** One handle's use of the wire, which ends with the handle. */
export class Line {
  readonly deadlineMs: number;
  readonly #wire: Wire;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #whenClosed: () => void;
  #isClosed = false;

  constructor(wire: Wire, deadlineMs: number, whenClosed: () => void) {
    this.#wire = wire;
    this.deadlineMs = deadlineMs;
    this.#whenClosed = whenClosed;
  }

  /** Executes a verb, unless the handle was closed. */
  async perform<T>(verb: (call: Call) => T | Promise<T>, deadlineMs = this.deadlineMs): Promise<T> {
    if (this.#isClosed) throw new MemoryError('closed', 'The handle was closed');
    const answer = this.#wire.perform(verb, this, deadlineMs);
    this.#underWay.add(answer);
    try {
      return await answer;
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /** Fails further verbs as `closed`. */
  refuse(): void {
    this.#isClosed = true;
  }

  /** Fails further verbs, and those under way. */
  hangUp(): void {
    this.refuse();
    this.#wire.hangUp(this);
    this.#whenClosed();
  }

  /** Fails further verbs and resolves once those under way are answered. */
  async close(): Promise<void> {
    this.refuse();
    await Promise.allSettled(this.#underWay);
    this.#whenClosed();
  }
}
