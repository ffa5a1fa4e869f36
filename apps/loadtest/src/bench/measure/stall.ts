import { Redis } from 'ioredis';
import type { BehaviourCase, Side } from '../cases.js';
import { fillStream } from '../fill-stream.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import { groupName, streamName } from '../sides/side.js';
import type { Stage } from '../stage.js';
import { median } from '../statistics.js';
import type { TroubledConsumeJob } from '../worker/job.js';

const size = 100;
const entries = 100_000;
const entriesToFail = 12_000;
const durationMs = 8_000;
const fewestForUsual = 5;
const worthTellingMs = 0.1;

/** What a `Stage` for this needs: every command is noted with the time it took. */
export const stallServerOptions = { config: { 'slowlog-log-slower-than': 0, 'slowlog-max-len': 200_000 } };

type Situation = Pick<TroubledConsumeJob, 'handler' | 'claimIdleMs'> & { readonly name: string };

const situations: readonly Situation[] = [
  { name: '100,000 entries pending with another consumer', handler: 'works', claimIdleMs: 60_000 },
  { name: '100,000 entries to claim from a vanished consumer', handler: 'works', claimIdleMs: 3_000 },
  { name: 'every handler fails', handler: 'fails', claimIdleMs: 3_000 },
];

/** For how long Redis serves nobody else because of a command that the library sends by itself. */
export async function measureStall(stage: Stage, { client }: BehaviourCase, side: Side): Promise<RunResult> {
  const meter = await Meter.start(stage.server);
  const control = new Redis(stage.url);
  let workersCpuUs = 0;
  const all: Durations = new Map();
  const remarks: string[] = [];
  try {
    await abandonEntries(control, stage.url);
    for (const { name, handler, claimIdleMs } of situations) {
      if (handler === 'fails') await fillStream(stage.url, size, entriesToFail);
      await control.slowlog('RESET');
      const worker = stage.start({
        task: 'troubled-consume',
        side,
        client,
        url: stage.url,
        size,
        validated: false,
        handler,
        durationMs,
        claimIdleMs,
        handlerTimeoutMs: 0,
      });
      await worker.ready();
      worker.go();
      workersCpuUs += (await worker.measured()).cpuUs;
      await worker.finish();
      const log = await control.slowlog('GET', -1);
      const found: Durations = new Map();
      addCommands(found, log);
      addCommands(all, log);
      remarks.push(`${name}: ${describe(found)}`);
    }
  } finally {
    control.disconnect();
  }
  const { foreignCores } = await meter.stop(workersCpuUs);
  const reads = all.get('XREADGROUP') ?? [];
  all.delete('XREADGROUP');
  const kinds = [...all.values()];
  const metrics = {
    longestStallMs: longestMs(kinds.flat()),
    usualStallMs: usualStallMs(kinds),
    longestReadMs: longestMs(reads),
  };
  return { metrics, foreignCores, remarks };
}

/** Leaves every entry pending with a consumer that does not exist any more. */
async function abandonEntries(control: Redis, url: string): Promise<void> {
  await fillStream(url, size, entries);
  await control.xgroup('CREATE', streamName, groupName, '0');
  for (let read = 0; read < entries; read += 5_000) {
    await control.xreadgroup('GROUP', groupName, 'vanished', 'COUNT', 5_000, 'STREAMS', streamName, '>');
  }
}

/** How long each command of a kind took, in microseconds. */
type Durations = Map<string, number[]>;

/** Adds to `found` what the library's connections sent; they bear names. */
function addCommands(found: Durations, log: unknown): void {
  if (!Array.isArray(log)) return;
  for (const line of log as [number, number, number, string[], string, string][]) {
    const [, , durationUs, [name = '', script = ''], , client] = line;
    if (!client.startsWith('events:')) continue;
    const command = name.toUpperCase();
    const kind = command === 'EVALSHA' ? `${command} ${script.slice(0, 8)}` : command;
    const durations = found.get(kind);
    if (durations === undefined) found.set(kind, [durationUs]);
    else durations.push(durationUs);
  }
}

function longestMs(durations: readonly number[]): number {
  return durations.reduce((longest, duration) => Math.max(longest, duration), 0) / 1_000;
}

/**
 * What the slowest kind of command takes, as a median. The longest single one is longer where Redis loses its core to
 * another process in the middle of a command.
 */
function usualStallMs(kinds: readonly (readonly number[])[]): number {
  const medians = kinds.filter(({ length }) => length >= fewestForUsual).map(median);
  return Math.max(0, ...medians) / 1_000;
}

function describe(found: Durations): string {
  const lines = [...found].flatMap(([kind, durations]) => {
    const longest = longestMs(durations);
    if (longest < worthTellingMs) return [];
    const usual = median(durations) / 1_000;
    return `${kind} ${durations.length} times, usually ${usual.toFixed(3)} ms, longest ${longest.toFixed(2)} ms`;
  });
  return lines.join('; ') || 'nothing over 0.1 ms';
}
