const maxRemembered = 100_000;

/** The ids of events that this process has handled lately. Copies that were looked up on the server before are caught here. */
export class RecentEvents {
  readonly #windowMs: number;
  /** In order of handling, Unix ms. */
  readonly #handledAt = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(eventId: string): void {
    const now = Date.now();
    this.#handledAt.delete(eventId);
    this.#handledAt.set(eventId, now);
    for (const [oldest, handledAt] of this.#handledAt) {
      if (this.#handledAt.size <= maxRemembered && handledAt > now - this.#windowMs) break;
      this.#handledAt.delete(oldest);
    }
  }

  has(eventId: string): boolean {
    return (this.#handledAt.get(eventId) ?? 0) > Date.now() - this.#windowMs;
  }
}
