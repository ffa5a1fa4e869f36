/** What can be measured, with how it is written in tables. */
export const metricNames = {
  rate: 'events/s',
  clientCpuUs: 'client CPU µs',
  redisCpuUs: 'Redis CPU µs',
  totalCpuUs: 'CPU of all µs',
  p50Ms: 'p50 ms',
  p99Ms: 'p99 ms',
  p999Ms: 'p99.9 ms',
  idleCpuPercent: '% of a core',
  idleRedisCpuPercent: 'Redis % of a core',
  longestStallMs: 'longest stall ms',
  usualStallMs: 'slowest kind, usually ms',
  longestReadMs: 'longest read ms',
  keptRate: 'rate of trimming / without',
  keptCpu: 'client CPU of trimming / without',
  heapGrowth: 'heap, last / first quarter',
  peakRssMb: 'peak RSS MB',
  rssGrowthMb: 'RSS growth MB',
  settled: 'settled',
  stored: 'stored',
  notStored: 'not stored',
  unknown: 'unknown',
  started: 'handlers started',
  pending: 'pending',
} as const;

export type Metric = keyof typeof metricNames;
export type Metrics = Readonly<Partial<Record<Metric, number>>>;

/** One run of one side of one case. */
export interface RunResult {
  readonly metrics: Metrics;
  readonly foreignCores: number;
  /** What a reader of the JSON may want to know beside the numbers. */
  readonly remarks?: readonly string[];
}
