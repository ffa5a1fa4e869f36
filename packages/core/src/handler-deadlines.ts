import type { Delivery } from './delivery.js';

/** Calls back for deliveries that run longer than they may. One timer for all: they have the same time each. */
export class HandlerDeadlines {
  readonly #timeoutMs: number;
  readonly #onExpired: (delivery: Delivery) => void;
  /** In order of their deadlines, on the monotonic clock. */
  readonly #deadlines = new Map<Delivery, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `timeoutMs` 0 = no deadlines. */
  constructor(timeoutMs: number, onExpired: (delivery: Delivery) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onExpired = onExpired;
  }

  /** Gives a delivery its whole time, from now on. */
  start(delivery: Delivery): void {
    if (this.#timeoutMs === 0) return;
    this.#deadlines.delete(delivery);
    this.#deadlines.set(delivery, performance.now() + this.#timeoutMs);
    this.#timer ??= setTimeout(this.#check, this.#timeoutMs);
  }

  stop(delivery: Delivery): void {
    this.#deadlines.delete(delivery);
  }

  close(): void {
    this.#deadlines.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #check = (): void => {
    const now = performance.now();
    const expired: Delivery[] = [];
    for (const [delivery, deadline] of this.#deadlines) {
      if (deadline > now) break;
      expired.push(delivery);
    }
    for (const delivery of expired) {
      this.#deadlines.delete(delivery);
      this.#onExpired(delivery);
    }
    const [next] = this.#deadlines.values();
    this.#timer = next === undefined ? undefined : setTimeout(this.#check, Math.max(1, next - performance.now()));
  };
}
