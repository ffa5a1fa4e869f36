import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** More than this, used by processes that are not ours, disturbs a run. */
export const foreignCoresAllowed = 0.35;

const sampleMs = 250;

/** Milliseconds of work of all cores together since the machine's start, on Linux from /proc/stat. */
export function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}

/** How many cores are busy just now. Ours is not: it waits. */
async function busyCores(): Promise<number> {
  const before = busyMs();
  const startedAt = performance.now();
  await delay(sampleMs);
  return (busyMs() - before) / (performance.now() - startedAt);
}

/** Waits for quiet moments, and for no longer than it was told, in all. */
export class Patience {
  #leftMs: number;

  constructor(totalMs: number) {
    this.#leftMs = totalMs;
  }

  get isOver(): boolean {
    return this.#leftMs <= 0;
  }

  /** Takes away the time that a repetition costs. */
  spend(milliseconds: number): void {
    this.#leftMs -= milliseconds;
  }

  /** Resolves when the machine is quiet, or when patience is over. */
  async awaitQuiet(): Promise<void> {
    while (!this.isOver) {
      if ((await busyCores()) <= foreignCoresAllowed) return;
      this.spend(sampleMs);
    }
  }
}
