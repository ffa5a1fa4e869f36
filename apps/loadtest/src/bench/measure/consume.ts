import type { ConsumeCase, Side } from '../cases.js';
import { fillStream } from '../fill-stream.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import type { Stage } from '../stage.js';
import { expectChecksum, expectNothingPending } from '../stream-state.js';
import type { ConsumeResult } from '../worker/job.js';
import { eventCounts } from './event-counts.js';

/** How fast one process works off what waits in a stream. */
export async function measureConsume(stage: Stage, benchCase: ConsumeCase, side: Side): Promise<RunResult> {
  const { client, size, validated } = benchCase;
  const { warmup, count } = eventCounts(stage.options, size);
  await fillStream(stage.url, size, warmup + count);
  const worker = stage.start({
    task: 'consume',
    side,
    client,
    url: stage.url,
    size,
    validated,
    warmup,
    count,
    latency: false,
    heapSamples: 0,
  });
  await worker.ready();
  const meter = await Meter.start(stage.server);
  const { startUs, endUs, cpuUs, rssBytes, checksum } = await worker.measured<ConsumeResult>();
  const { redisCpuUs, foreignCores } = await meter.stop(cpuUs);
  expectChecksum(checksum, warmup + count);
  await expectNothingPending(stage.server);
  await worker.finish();
  const metrics = {
    rate: count / ((endUs - startUs) / 1_000_000),
    clientCpuUs: cpuUs / count,
    redisCpuUs: redisCpuUs / count,
    peakRssMb: rssBytes / 1_048_576,
  };
  return { metrics, foreignCores };
}
