import type { BehaviourCase, Side } from '../cases.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import type { Stage } from '../stage.js';

const subscriptions = 100;
const durationMs = 20_000;

/** What a process costs that waits on a hundred streams where nothing happens. */
export async function measureIdle(stage: Stage, { client }: BehaviourCase, side: Side): Promise<RunResult> {
  const worker = stage.start({
    task: 'idle',
    side,
    client,
    url: stage.url,
    size: 0,
    validated: false,
    subscriptions,
    durationMs,
  });
  await worker.ready();
  const meter = await Meter.start(stage.server);
  worker.go();
  const { cpuUs, rssBytes } = await worker.measured();
  const { redisCpuUs, foreignCores } = await meter.stop(cpuUs);
  await worker.finish();
  const percent = (cpu: number) => (100 * cpu) / (durationMs * 1_000);
  const metrics = {
    idleCpuPercent: percent(cpuUs),
    idleRedisCpuPercent: percent(redisCpuUs),
    peakRssMb: rssBytes / 1_048_576,
  };
  return { metrics, foreignCores };
}
