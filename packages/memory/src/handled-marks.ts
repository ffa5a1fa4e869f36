/** Which events a group has handled, and when: the oldest first. */
export class HandledMarks {
  readonly #handledAt = new Map<string, number>();

  /** Whether each of these events was handled within `windowMs`. */
  has(eventIds: readonly string[], windowMs: number, now: number): readonly boolean[] {
    return eventIds.map((eventId) => {
      const handledAt = this.#handledAt.get(eventId);
      return handledAt !== undefined && now - handledAt < windowMs;
    });
  }

  /** Marks events as handled. Gives the window that is left where `maxEntries` makes marks leave early. */
  add(eventIds: readonly string[], windowMs: number, maxEntries: number, now: number): number | null {
    for (const eventId of eventIds) {
      this.#handledAt.delete(eventId);
      this.#handledAt.set(eventId, now);
    }
    let effectiveWindowMs: number | null = null;
    for (const [eventId, handledAt] of this.#handledAt) {
      const isInWindow = now - handledAt < windowMs;
      if (isInWindow && this.#handledAt.size <= maxEntries) break;
      this.#handledAt.delete(eventId);
      if (isInWindow) effectiveWindowMs = Math.max(now - handledAt, 0);
    }
    return effectiveWindowMs;
  }
}
