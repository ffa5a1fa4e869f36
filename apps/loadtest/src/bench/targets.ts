import type { BenchCase, Client, ConsumeCase, PublishCase, Side, TrimCase } from './cases.js';
import type { Metric } from './metrics.js';
import type { Comparison } from './statistics.js';

/** What a case is held to: `must` always, `aim` when we are good. From the table of the performance design. */
export interface Target {
  readonly direction: 'at least' | 'at most';
  readonly must: number;
  readonly aim: number;
}

/** One line of the report: a metric of a case, how the sides are compared, and what is asked for. */
export interface Criterion {
  readonly metric: Metric;
  /** `alone` = the library's own figure. */
  readonly comparison: Comparison | 'alone';
  /** What the library is compared with. */
  readonly base: Exclude<Side, 'library'>;
  readonly target: Target | undefined;
}

const atLeast = (must: number, aim = must): Target => ({ direction: 'at least', must, aim });
const atMost = (must: number, aim = must): Target => ({ direction: 'at most', must, aim });
const ratio = (metric: Metric, target?: Target): Criterion => ({
  metric,
  comparison: 'ratio',
  base: 'plain',
  target,
});
const alone = (metric: Metric, target?: Target): Criterion => ({
  metric,
  comparison: 'alone',
  base: 'plain',
  target,
});

export function criteriaOf(benchCase: BenchCase): readonly Criterion[] {
  switch (benchCase.kind) {
    case 'publish':
      return publishCriteria(benchCase);
    case 'trim':
      return trimCriteria(benchCase);
    case 'trim-turns':
      return [alone('keptRate', atLeast(0.95, 0.98)), alone('keptCpu')];
    case 'consume':
      return consumeCriteria(benchCase);
    case 'e2e':
      return [ratio('rate'), ratio('redisCpuUs', atMost(1.1, 1.0)), ratio('totalCpuUs', atMost(1.1, 0.9))];
    case 'latency':
      return [
        ratio('p50Ms', atMost(1.2, 1.05)),
        ratio('p99Ms', atMost(1.0, 0.6)),
        ratio('p999Ms'),
        ratio('totalCpuUs'),
      ];
    case 'idle':
      return [alone('idleCpuPercent', atMost(1, 0.5)), alone('idleRedisCpuPercent'), alone('peakRssMb')];
    case 'stall':
      return [alone('longestStallMs', atMost(1, 0.4)), alone('usualStallMs'), alone('longestReadMs')];
    case 'frozen':
      // a million events of 1 KiB that were all kept would take more than 1,500 MB
      return [alone('settled', atLeast(1)), alone('unknown'), alone('rssGrowthMb', atMost(400, 200))];
    case 'hanging':
      return [alone('started', atMost(16)), alone('pending', atMost(512, 256)), alone('rssGrowthMb', atMost(64, 32))];
    case 'memory':
      return [
        alone('heapGrowth', atMost(1.1, 1.03)),
        { metric: 'peakRssMb', comparison: 'difference', base: 'plain', target: atMost(30, 10) },
      ];
  }
}

function publishCriteria(benchCase: PublishCase): Criterion[] {
  return [ratio('rate', publishRate(benchCase)), ratio('clientCpuUs', publishCpu(benchCase)), ratio('redisCpuUs')];
}

function trimCriteria({ hasGroup }: TrimCase): readonly Criterion[] {
  const added = [ratio('rate', atLeast(0.95, 0.98)), ratio('clientCpuUs'), ratio('redisCpuUs')];
  const without = added.map((criterion) => ({ ...criterion, base: 'without' as const }));
  return hasGroup ? without : [...without, ratio('rate'), ratio('clientCpuUs'), ratio('redisCpuUs')];
}

function publishRate({ client, size, inFlight, validated }: PublishCase): Target | undefined {
  if (validated) return atLeast(0.8, 1.0);
  if (inFlight === 1) return atLeast(0.9, 1.0);
  if (size >= 16_384) return atLeast(0.95, 1.15);
  if (size <= 100) return inFlight >= 1_024 ? byClient(client, atLeast(1.2, 2), atLeast(2.5, 4)) : undefined;
  return inFlight >= 64 ? byClient(client, atLeast(1.0, 1.3), atLeast(1.5, 2.0)) : undefined;
}

function publishCpu({ client, size, inFlight, validated }: PublishCase): Target | undefined {
  const isNamed = client === 'ioredis' && size === 1_024 && inFlight >= 64 && !validated;
  return isNamed ? atMost(1.0, 0.8) : undefined;
}

function consumeCriteria({ client, size, validated }: ConsumeCase): Criterion[] {
  if (size <= 100) {
    const added: Criterion = {
      metric: 'clientCpuUs',
      comparison: 'difference',
      base: 'plain',
      target: atMost(2.2, 1.5),
    };
    return [ratio('rate', atLeast(0.65, 0.85)), added, ratio('redisCpuUs')];
  }
  const target = validated
    ? atLeast(0.65, 0.8)
    : size >= 16_384
      ? atLeast(0.95, 1.15)
      : byClient(client, atLeast(0.9, 1.1), atLeast(1.0, 1.3));
  return [ratio('rate', target), ratio('clientCpuUs'), ratio('redisCpuUs')];
}

function byClient(client: Client, ioredis: Target, nodeRedis: Target): Target {
  return client === 'ioredis' ? ioredis : nodeRedis;
}

export type Verdict = 'aim reached' | 'holds' | 'FAILS' | 'not measured' | '';

export function judge(target: Target | undefined, value: number): Verdict {
  if (target === undefined) return '';
  if (Number.isNaN(value)) return 'not measured';
  const reaches = (bound: number) => (target.direction === 'at least' ? value >= bound : value <= bound);
  if (reaches(target.aim)) return 'aim reached';
  return reaches(target.must) ? 'holds' : 'FAILS';
}
