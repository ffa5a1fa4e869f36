/** The middle value; the mean of the two middle ones where their number is even. `NaN` for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The value that `fraction` of `sorted` does not exceed (nearest rank). `NaN` for none. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const rank = Math.ceil(fraction * sorted.length);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1] ?? Number.NaN;
}

/** Several values of the same thing. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** How two sides compare in one round. */
export type Comparison = 'ratio' | 'difference';

/**
 * Compares round by round, because the machine's mood is the same within a round and differs between rounds. Rounds
 * in which one side is missing are left out.
 */
export function compareRounds(
  comparison: Comparison,
  measured: readonly (number | undefined)[],
  base: readonly (number | undefined)[],
): Spread {
  const compared: number[] = [];
  for (const [round, value] of measured.entries()) {
    const other = base[round];
    if (value === undefined || other === undefined) continue;
    compared.push(comparison === 'ratio' ? value / other : value - other);
  }
  return spread(compared);
}
