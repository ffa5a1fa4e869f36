import type { Usage } from './job.js';

/** Microseconds on the clock that all processes of a machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Measures what this process uses from its construction on. */
export class UsageClock {
  readonly startUs = nowUs();
  readonly #cpu = process.cpuUsage();

  stop(): Usage {
    const { user, system } = process.cpuUsage(this.#cpu);
    return { startUs: this.startUs, endUs: nowUs(), cpuUs: user + system, rssBytes: process.memoryUsage.rss() };
  }
}
