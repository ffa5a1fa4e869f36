import type { BehaviourCase, Side } from '../cases.js';
import { fillStream } from '../fill-stream.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import type { Stage } from '../stage.js';
import { pendingCount } from '../stream-state.js';
import type { TroubledConsumeResult } from '../worker/job.js';

const size = 1_024;
const events = 50_000;
const durationMs = 5_000;

/** A consumer whose handlers never settle, without a time limit and with one: how much it takes on all the same. */
export async function measureHanging(stage: Stage, { client }: BehaviourCase, side: Side): Promise<RunResult> {
  await fillStream(stage.url, size, stage.options.events ?? events);
  const meter = await Meter.start(stage.server);
  const worker = stage.start({
    task: 'troubled-consume',
    side,
    client,
    url: stage.url,
    size,
    validated: false,
    handler: 'hangs',
    durationMs,
    claimIdleMs: 60_000,
    handlerTimeoutMs: 0,
  });
  await worker.ready();
  worker.go();
  const { started, baseRssBytes, peakRssBytes, cpuUs } = await worker.measured<TroubledConsumeResult>();
  const pending = await pendingCount(stage.server);
  const { foreignCores } = await meter.stop(cpuUs);
  await worker.finish();
  return { metrics: { started, pending, rssGrowthMb: (peakRssBytes - baseRssBytes) / 1_048_576 }, foreignCores };
}
