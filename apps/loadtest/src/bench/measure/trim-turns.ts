import type { BehaviourCase, Side } from '../cases.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import type { Stage } from '../stage.js';
import { median } from '../statistics.js';
import type { TrimTurnsResult } from '../worker/job.js';

const size = 1_024;
const inFlight = 64;
const maxLength = 50_000;

/** What trimming costs a publisher, in turn with not trimming in the same process. */
export async function measureTrimTurns(stage: Stage, { client }: BehaviourCase, side: Side): Promise<RunResult> {
  const { quick, events } = stage.options;
  const worker = stage.start({
    task: 'trim-turns',
    side,
    client,
    url: stage.url,
    size,
    validated: false,
    inFlight,
    count: events ?? maxLength,
    pairs: quick ? 10 : 30,
    maxLength,
  });
  await worker.ready();
  const meter = await Meter.start(stage.server);
  worker.go();
  const { pairs, cpuUs } = await worker.measured<TrimTurnsResult>();
  const { foreignCores } = await meter.stop(cpuUs);
  await worker.finish();
  const metrics = {
    keptRate: median(pairs.map(({ trimmed, grown }) => trimmed.perSecond / grown.perSecond)),
    keptCpu: median(pairs.map(({ trimmed, grown }) => trimmed.cpuUs / grown.cpuUs)),
  };
  return { metrics, foreignCores };
}
