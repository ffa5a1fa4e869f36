import type { Side, TrimCase } from '../cases.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import { groupName, streamName } from '../sides/side.js';
import type { Stage } from '../stage.js';
import { CountMismatch, expectChecksum, expectLength, expectNothingPending } from '../stream-state.js';
import type { ConsumeResult } from '../worker/job.js';
import { eventCounts } from './event-counts.js';

const bound = 50_000;
/** A pass trims when a stream has grown by a twentieth; a bound that is passed by more was not kept. */
const tolerance = bound / 4;

/** How fast one process publishes while its stream is kept within a bound. */
export async function measureTrim(stage: Stage, benchCase: TrimCase, side: Side): Promise<RunResult> {
  const { client, size, inFlight, hasGroup } = benchCase;
  const { warmup, count } = eventCounts(stage.options, size, inFlight);
  const common = { client, url: stage.url, size, validated: false, warmup, count };
  const publisher = stage.start({ ...common, task: 'publish', side, inFlight, maxLength: bound });
  if (hasGroup) await stage.server.command('XGROUP', 'CREATE', streamName, groupName, '0', 'MKSTREAM');
  const consumer = hasGroup
    ? stage.start({ ...common, task: 'consume', side: 'library', latency: false, heapSamples: 0 })
    : undefined;
  await publisher.ready();
  const meter = await Meter.start(stage.server);
  publisher.go();
  const { startUs, endUs, cpuUs, rssBytes } = await publisher.measured();
  const reading = await consumer?.measured<ConsumeResult>();
  const { redisCpuUs, foreignCores } = await meter.stop(cpuUs + (reading?.cpuUs ?? 0));
  if (reading === undefined) await expectTrimmed(stage, side, warmup + count);
  else {
    expectChecksum(reading.checksum, warmup + count);
    await expectNothingPending(stage.server);
    await consumer?.finish();
  }
  await publisher.finish();
  const metrics = {
    rate: count / ((endUs - startUs) / 1_000_000),
    clientCpuUs: cpuUs / count,
    redisCpuUs: redisCpuUs / count,
    peakRssMb: rssBytes / 1_048_576,
  };
  return { metrics, foreignCores };
}

async function expectTrimmed({ server }: Stage, side: Side, published: number): Promise<void> {
  if (side === 'without') return expectLength(server, published);
  const length = Number(await server.command('XLEN', streamName));
  if (length > Math.min(published, bound + tolerance)) {
    throw new CountMismatch(`The stream has ${length} entries, and is to be kept to ${bound}`);
  }
}
