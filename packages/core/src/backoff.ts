/** How long to wait before the attempt after `attempt` failed ones: doubling from `initialMs` to `maxMs`, less up to half of it at random. */
export function jitteredBackoffMs(attempt: number, initialMs: number, maxMs: number): number {
  const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  // without the jitter, everything that failed together comes back together
  return Math.round(ceiling * (0.5 + Math.random() / 2));
}
