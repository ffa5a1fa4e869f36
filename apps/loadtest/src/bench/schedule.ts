import { type BenchCase, nameOf, type Side, sidesOf } from './cases.js';
import { foreignCoresAllowed, Patience } from './machine.js';
import { measureRun } from './measure/measure-run.js';
import type { RunResult } from './metrics.js';
import type { BenchOptions } from './options.js';

const attemptsPerRun = 3;

/** Cases that take long, or whose result is not a rate, need fewer rounds. */
const fewestRounds: Partial<Record<BenchCase['kind'], number>> = {
  idle: 1,
  stall: 3,
  frozen: 1,
  hanging: 1,
  memory: 1,
};

/** All runs of a case: by side, then by round. A run that failed is missing. */
export interface CaseResult {
  readonly benchCase: BenchCase;
  readonly runs: Readonly<Record<Side, readonly (RunResult | undefined)[]>>;
}

export interface Progress {
  ran(name: string, side: Side, round: number, result: RunResult): void;
  failed(name: string, side: Side, round: number, error: unknown): void;
  patienceOver(): void;
}

/** Runs the sides in turn, A B A B …, round by round, so that the machine's moods fall on all. */
export async function runCases(
  cases: readonly BenchCase[],
  options: BenchOptions,
  progress: Progress,
): Promise<CaseResult[]> {
  const patience = new Patience(options.patienceMs);
  let wasOver = false;
  const results = cases.map((benchCase) => ({
    benchCase,
    runs: { plain: [], without: [], library: [] } as Record<Side, (RunResult | undefined)[]>,
  }));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { benchCase, runs } of results) {
      if (round >= (fewestRounds[benchCase.kind] ?? options.rounds)) continue;
      for (const side of sidesOf(benchCase)) {
        try {
          const result = await quietRun(benchCase, side, options, patience);
          runs[side].push(result);
          progress.ran(nameOf(benchCase), side, round, result);
        } catch (error) {
          runs[side].push(undefined);
          progress.failed(nameOf(benchCase), side, round, error);
        }
        if (patience.isOver && !wasOver) progress.patienceOver();
        wasOver = patience.isOver;
      }
    }
  }
  return results;
}

/** Repeats a run that others disturbed, and takes the least disturbed when patience ends. */
async function quietRun(
  benchCase: BenchCase,
  side: Side,
  options: BenchOptions,
  patience: Patience,
): Promise<RunResult> {
  let best: RunResult | undefined;
  for (let attempt = 1; ; attempt += 1) {
    await patience.awaitQuiet();
    const startedAt = performance.now();
    const result = await measureRun(benchCase, side, options);
    if (best === undefined || result.foreignCores < best.foreignCores) best = result;
    if (result.foreignCores <= foreignCoresAllowed || attempt === attemptsPerRun || patience.isOver) return best;
    patience.spend(performance.now() - startedAt);
  }
}
