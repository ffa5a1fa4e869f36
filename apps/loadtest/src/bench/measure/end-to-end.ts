import type { EndToEndCase, LatencyCase, Side } from '../cases.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import type { Stage } from '../stage.js';
import { expectChecksum, expectLength, expectNothingPending } from '../stream-state.js';
import type { ConsumeResult } from '../worker/job.js';
import { type EventCounts, eventCounts } from './event-counts.js';

/** How fast events get from one process through Redis to another that handles them. */
export async function measureEndToEnd(stage: Stage, benchCase: EndToEndCase, side: Side): Promise<RunResult> {
  const { size, inFlight } = benchCase;
  const counts = eventCounts(stage.options, size, inFlight);
  const pair = { task: 'publish', inFlight } as const;
  const { consumed, startUs, publisherCpuUs, redisCpuUs, foreignCores } = await runPair(
    stage,
    benchCase,
    side,
    counts,
    pair,
  );
  const { count } = counts;
  const metrics = {
    rate: count / ((consumed.endUs - startUs) / 1_000_000),
    clientCpuUs: (publisherCpuUs + consumed.cpuUs) / count,
    redisCpuUs: redisCpuUs / count,
    totalCpuUs: (publisherCpuUs + consumed.cpuUs + redisCpuUs) / count,
  };
  return { metrics, foreignCores };
}

/** How long an event is under way when so many a second are published. */
export async function measureLatency(stage: Stage, benchCase: LatencyCase, side: Side): Promise<RunResult> {
  const { perSecond } = benchCase;
  const seconds = stage.options.quick ? { warmup: 1, counted: 2 } : { warmup: 3, counted: 8 };
  const counts = {
    warmup: stage.options.events ?? perSecond * seconds.warmup,
    count: stage.options.events ?? perSecond * seconds.counted,
  };
  const pair = { task: 'paced-publish', perSecond } as const;
  const { consumed, publisherCpuUs, redisCpuUs, foreignCores } = await runPair(stage, benchCase, side, counts, pair);
  const { p50, p99, p999 } = consumed.latencyMs ?? { p50: Number.NaN, p99: Number.NaN, p999: Number.NaN };
  const totalCpuUs = (publisherCpuUs + consumed.cpuUs + redisCpuUs) / counts.count;
  return { metrics: { p50Ms: p50, p99Ms: p99, p999Ms: p999, totalCpuUs }, foreignCores };
}

type PublisherKind =
  | { readonly task: 'publish'; readonly inFlight: number }
  | { readonly task: 'paced-publish'; readonly perSecond: number };

async function runPair(
  stage: Stage,
  { client, size }: EndToEndCase | LatencyCase,
  side: Side,
  { warmup, count }: EventCounts,
  publisherKind: PublisherKind,
) {
  const common = { side, client, url: stage.url, size, validated: false, warmup, count };
  const latency = publisherKind.task === 'paced-publish';
  const consumer = stage.start({ ...common, task: 'consume', latency, heapSamples: 0 });
  const publisher = stage.start({ ...common, ...publisherKind });
  await Promise.all([publisher.ready(), consumer.ready()]);
  const meter = await Meter.start(stage.server);
  publisher.go();
  const [published, consumed] = await Promise.all([publisher.measured(), consumer.measured<ConsumeResult>()]);
  const reading = await meter.stop(published.cpuUs + consumed.cpuUs);
  expectChecksum(consumed.checksum, warmup + count);
  await expectLength(stage.server, warmup + count);
  await expectNothingPending(stage.server);
  await Promise.all([publisher.finish(), consumer.finish()]);
  return { consumed, startUs: published.startUs, publisherCpuUs: published.cpuUs, ...reading };
}
