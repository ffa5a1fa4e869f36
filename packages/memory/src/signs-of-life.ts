/** When the groups and consumers of one stream were last heard of, by the broker's time. */
export class SignsOfLife {
  readonly #times = new Map<string, number>();

  note(group: string, consumer: string, now: number): void {
    this.#times.set(group, now);
    this.#times.set(nameOf(group, consumer), now);
  }

  /** For how long a group, or one of its consumers, has been silent. Who was never heard of is judged from now on. */
  silentMs(now: number, group: string, consumer?: string): number {
    const name = nameOf(group, consumer);
    const seen = this.#times.get(name);
    if (seen === undefined) this.#times.set(name, now);
    return Math.max(0, now - (seen ?? now));
  }

  /** Whether a group, or one of its consumers, is known to have been silent for so long. */
  isSilent(now: number, forMs: number, group: string, consumer?: string): boolean {
    const isKnown = this.#times.has(nameOf(group, consumer));
    return this.silentMs(now, group, consumer) >= forMs && isKnown;
  }

  forget(group: string, consumer?: string): void {
    this.#times.delete(nameOf(group, consumer));
  }
}

// no name holds a space
function nameOf(group: string, consumer?: string): string {
  return consumer === undefined ? group : `${group} ${consumer}`;
}
