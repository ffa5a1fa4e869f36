/** Which events of a stream were stored, under which entry ids, and when: the oldest first. */
export class StoredEvents {
  readonly #marks = new Map<string, { readonly entryId: string; readonly storedAt: number }>();

  /** The entry under which an event was stored within `windowMs`. */
  find(eventId: string, windowMs: number, now: number): string | undefined {
    const mark = this.#marks.get(eventId);
    return mark !== undefined && now - mark.storedAt < windowMs ? mark.entryId : undefined;
  }

  /** Marks an event as stored. Gives the window that is left where `maxEntries` makes marks leave early. */
  add(eventId: string, entryId: string, windowMs: number, maxEntries: number, now: number): number | null {
    this.#marks.delete(eventId);
    this.#marks.set(eventId, { entryId, storedAt: now });
    let effectiveWindowMs: number | null = null;
    for (const [oldest, { storedAt }] of this.#marks) {
      const isInWindow = now - storedAt < windowMs;
      if (isInWindow && this.#marks.size <= maxEntries) break;
      this.#marks.delete(oldest);
      if (isInWindow) effectiveWindowMs = Math.max(now - storedAt, 0);
    }
    return effectiveWindowMs;
  }

  /** Forgets those whose entries are gone, the newest first. */
  forgetWhere(isGone: (entryId: string) => boolean): void {
    for (const [eventId, { entryId }] of [...this.#marks].reverse()) {
      if (!isGone(entryId)) return;
      this.#marks.delete(eventId);
    }
  }
}
