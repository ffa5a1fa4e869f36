import { nameOf, sides } from './cases.js';
import type { Metric, RunResult } from './metrics.js';
import type { CaseResult } from './schedule.js';
import { compareRounds, median, type Spread, spread } from './statistics.js';
import { type Criterion, criteriaOf, judge, type Target, type Verdict } from './targets.js';

/** One metric of one case, over all rounds. */
export interface ReportLine {
  readonly case: string;
  readonly metric: Metric;
  /** Medians. */
  readonly base: number | undefined;
  readonly library: number;
  readonly comparison: Criterion['comparison'];
  /** Of what was compared round by round, or of the library's own figures. */
  readonly compared: Spread;
  readonly target: Target | undefined;
  readonly verdict: Verdict;
}

export function reportLines(results: readonly CaseResult[]): ReportLine[] {
  return results.flatMap((result) => criteriaOf(result.benchCase).map((criterion) => lineOf(result, criterion)));
}

function lineOf({ benchCase, runs }: CaseResult, { metric, comparison, base, target }: Criterion): ReportLine {
  const other = runs[base].map((run) => run?.metrics[metric]);
  const library = runs.library.map((run) => run?.metrics[metric]);
  const compared = comparison === 'alone' ? spread(present(library)) : compareRounds(comparison, library, other);
  return {
    case: base === 'plain' ? nameOf(benchCase) : `${nameOf(benchCase)}, on and off`,
    metric,
    base: runs[base].length === 0 ? undefined : median(present(other)),
    library: median(present(library)),
    comparison,
    compared,
    target,
    verdict: judge(target, compared.median),
  };
}

function present(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

/** How disturbed the runs were that count. */
export function disturbance(results: readonly CaseResult[], allowed: number) {
  const all = results.flatMap(({ runs }) => Object.values<readonly (RunResult | undefined)[]>(runs).flat());
  const foreign = all.flatMap((run) => run?.foreignCores ?? []);
  return {
    runs: all.length,
    failed: all.length - foreign.length,
    disturbed: foreign.filter((cores) => cores > allowed).length,
    foreignCores: spread(foreign),
  };
}

/** What readers may want to know beside the numbers, without repetitions. */
export function remarksOf(results: readonly CaseResult[]): string[] {
  return results.flatMap(({ benchCase, runs }) =>
    sides.flatMap((side) =>
      (runs[side].at(-1)?.remarks ?? []).map((remark) => `${nameOf(benchCase)}, ${side}: ${remark}`),
    ),
  );
}
