import { type Acknowledgement, companionKey } from '@events/core';

/** Live buckets per window. */
const bucketsPerWindow = 4;

/**
 * Where the marks of handled events are kept: in sets, one for each quarter of the window. A set forgets a quarter of a
 * window at once, by expiring, and costs a tenth of what a key for each mark costs; how many marks stand is a sum of
 * few sizes. Clients choose the bucket by their own clocks: a reader looks at one bucket more, in case a writer's clock
 * is ahead of its own.
 */
export class HandledMarks {
  readonly #stream: string;
  readonly #group: string;
  /** Marks that are younger than this did not have to leave early. */
  #completeSince = Number.NEGATIVE_INFINITY;

  constructor(stream: string, group: string) {
    this.#stream = stream;
    this.#group = group;
  }

  /** The keys that may hold marks within the window, oldest first. */
  liveKeys(windowMs: number): string[] {
    const current = this.#bucket(windowMs);
    return this.#keys(current - bucketsPerWindow, current + 1);
  }

  /** What the script that acknowledges needs to mark events: keys that it may unlink and live ones, and their life. */
  forMarking(marks: NonNullable<Acknowledgement['marks']>): { keys: string[]; lifeMs: number } {
    const current = this.#bucket(marks.windowMs);
    // A bucket is unlinked once it is outdated by more than a window and a half, before its own end deletes it at once.
    const outdated = this.#keys(current - bucketsPerWindow - 3, current - bucketsPerWindow - 2);
    const live = this.#keys(current - bucketsPerWindow - 1, current + 1);
    return { keys: [...outdated, ...live], lifeMs: marks.windowMs * 2 };
  }

  /** Notes how many live buckets, counted from the oldest, had to leave early, and gives the window that is left. */
  effectiveWindow(windowMs: number, dropped: number): number | null {
    const now = Date.now();
    if (dropped > 0) {
      const oldestKept = this.#bucket(windowMs) - bucketsPerWindow - 1 + dropped;
      this.#completeSince = Math.min(now, oldestKept * width(windowMs));
    }
    const coveredMs = now - this.#completeSince;
    return coveredMs < windowMs ? coveredMs : null;
  }

  #bucket(windowMs: number): number {
    return Math.floor(Date.now() / width(windowMs));
  }

  #keys(first: number, last: number): string[] {
    const keys: string[] = [];
    for (let bucket = first; bucket <= last; bucket += 1) {
      keys.push(companionKey(this.#stream, `dedup:${this.#group}:${bucket}`));
    }
    return keys;
  }
}

function width(windowMs: number): number {
  return Math.max(1, Math.ceil(windowMs / bucketsPerWindow));
}
