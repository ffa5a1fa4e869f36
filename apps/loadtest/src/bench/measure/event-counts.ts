import type { BenchOptions } from '../options.js';

export interface EventCounts {
  /** Not counted: compilers and pools are still busy with themselves. */
  readonly warmup: number;
  readonly count: number;
}

/** How many events a run takes: a second or two at full speed, a fraction of that with `--quick`. */
export function eventCounts(options: BenchOptions, size: number, inFlight = Number.POSITIVE_INFINITY): EventCounts {
  const full = inFlight === 1 ? 20_000 : size >= 16_384 ? 30_000 : size >= 1_024 ? 200_000 : 400_000;
  const count = options.events ?? (options.quick ? Math.ceil(full / 4) : full);
  return { warmup: Math.ceil(count * 0.3), count };
}
