import { setTimeout as delay } from 'node:timers/promises';
import type { BehaviourCase, Side } from '../cases.js';
import { fillStream } from '../fill-stream.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import { groupName, streamName } from '../sides/side.js';
import type { Stage } from '../stage.js';
import { median } from '../statistics.js';
import { pendingCount } from '../stream-state.js';
import type { ConsumeResult } from '../worker/job.js';

const size = 256;
const entries = 100_000;
const heapSamples = 20;

/** Whether memory grows while millions of events are handled: the same entries, again and again. */
export async function measureMemory(stage: Stage, { client }: BehaviourCase, side: Side): Promise<RunResult> {
  const count = stage.options.events ?? (stage.options.quick ? 500_000 : 3_000_000);
  const common = { side, client, url: stage.url, size, validated: false, latency: false };
  await fillStream(stage.url, size, entries);
  const worker = stage.start({ ...common, task: 'consume', warmup: entries, count, heapSamples }, '--expose-gc');
  const rewinder = new Rewinder(stage);
  rewinder.start();
  await worker.ready();
  const meter = await Meter.start(stage.server);
  const { heapBytes, rssSamples, cpuUs } = await worker.measured<ConsumeResult>();
  await rewinder.stop();
  const { foreignCores } = await meter.stop(cpuUs);
  worker.kill();
  // what is in hand differs from moment to moment: a trend shows in the quarters
  const quarter = heapSamples / 4;
  const metrics = {
    heapGrowth: median(heapBytes.slice(-quarter)) / median(heapBytes.slice(0, quarter)),
    peakRssMb: Math.max(...rssSamples) / 1_048_576,
  };
  return {
    metrics,
    foreignCores,
    remarks: [`heap KiB: ${heapBytes.map((bytes) => Math.round(bytes / 1_024)).join(' ')}`],
  };
}

/** Lets the group begin again each time it has read and acknowledged everything. */
class Rewinder {
  readonly #stage: Stage;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  start(): void {
    this.#running = this.#run();
    this.#running.catch(() => {
      // told to whoever stops it
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { server } = this.#stage;
    const data = JSON.stringify({ sequence: 0, sentAtUs: 0 });
    while (!this.#stopped) {
      await delay(10);
      const [group] = (await server.command('XINFO', 'GROUPS', streamName).catch(() => [])) as unknown[];
      const lag = Array.isArray(group) ? group[group.indexOf('lag') + 1] : undefined;
      if (lag !== 0 || (await pendingCount(server)) > 0) continue;
      await server.command('XGROUP', 'SETID', streamName, groupName, '0');
      // an entry wakes the reader, which then begins at the first
      await server.command(
        'XADD',
        streamName,
        '*',
        'id',
        `wake-${Date.now()}`,
        'type',
        'order.placed',
        'meta',
        '{}',
        'data',
        data,
      );
    }
  }
}
