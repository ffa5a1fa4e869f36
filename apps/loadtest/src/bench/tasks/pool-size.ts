/** How many different orders of this size are published in turn: enough to be different, few enough to stay in the cache. */
export function poolSize(size: number): number {
  return Math.max(16, Math.min(256, Math.floor(1_048_576 / size)));
}
