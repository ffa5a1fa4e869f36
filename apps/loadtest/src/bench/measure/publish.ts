import type { PublishCase, Side } from '../cases.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import type { Stage } from '../stage.js';
import { expectLength } from '../stream-state.js';
import { eventCounts } from './event-counts.js';

/** How fast one process publishes, awaiting every call. */
export async function measurePublish(stage: Stage, benchCase: PublishCase, side: Side): Promise<RunResult> {
  const { client, size, inFlight, validated } = benchCase;
  const { warmup, count } = eventCounts(stage.options, size, inFlight);
  const worker = stage.start({
    task: 'publish',
    side,
    client,
    url: stage.url,
    size,
    validated,
    inFlight,
    warmup,
    count,
  });
  await worker.ready();
  const meter = await Meter.start(stage.server);
  worker.go();
  const { startUs, endUs, cpuUs, rssBytes } = await worker.measured();
  const { redisCpuUs, foreignCores } = await meter.stop(cpuUs);
  await worker.finish();
  await expectLength(stage.server, warmup + count);
  const metrics = {
    rate: count / ((endUs - startUs) / 1_000_000),
    clientCpuUs: cpuUs / count,
    redisCpuUs: redisCpuUs / count,
    peakRssMb: rssBytes / 1_048_576,
  };
  return { metrics, foreignCores };
}
