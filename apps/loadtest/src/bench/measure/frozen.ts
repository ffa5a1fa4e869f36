import type { BehaviourCase, Side } from '../cases.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import { streamName } from '../sides/side.js';
import type { Stage } from '../stage.js';
import { CountMismatch } from '../stream-state.js';
import type { FloodResult } from '../worker/job.js';

const size = 1_024;
const publishes = 1_000_000;

/** A million publishes that nobody awaits while Redis stands still: what they occupy, and whether each is settled truly. */
export async function measureFrozen(stage: Stage, { client }: BehaviourCase, side: Side): Promise<RunResult> {
  const { server, options } = stage;
  const count = options.events ?? publishes;
  const worker = stage.start({ task: 'flood', side, client, url: stage.url, size, validated: false, count });
  await worker.ready();
  const meter = await Meter.start(server);
  await server.freeze();
  worker.go();
  const result = await worker.measured<FloodResult>();
  server.thaw();
  const { foreignCores } = await meter.stop(result.cpuUs);
  // the last publish, after the thaw, shows that the publisher lives
  await worker.finish();
  const { stored, notStored, unknown } = result;
  const length = Number(await server.command('XLEN', streamName)) - 2;
  if (length < stored || length > stored + unknown) {
    throw new CountMismatch(`${length} entries are stored; ${stored} calls resolved and ${unknown} do not know`);
  }
  const rssGrowthMb = (result.peakRssBytes - result.baseRssBytes) / 1_048_576;
  return {
    metrics: { settled: (stored + notStored + unknown) / count, stored, notStored, unknown, rssGrowthMb },
    foreignCores,
  };
}
