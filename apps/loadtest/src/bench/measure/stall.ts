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
const worthTellingUs = 100;

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
  const found: SlowCommand[] = [];
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
      const slow = slowCommands(await control.slowlog('GET', -1));
      remarks.push(`${name}: ${describe(slow)}`);
      found.push(...slow);
    }
  } finally {
    control.disconnect();
  }
  const { foreignCores } = await meter.stop(workersCpuUs);
  const longest = (reads: boolean) =>
    Math.max(
      0,
      ...found.filter(({ command }) => (command === 'XREADGROUP') === reads).map(({ durationUs }) => durationUs),
    ) / 1_000;
  const metrics = { longestStallMs: longest(false), usualStallMs: usualStall(found), longestReadMs: longest(true) };
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

interface SlowCommand {
  readonly command: string;
  readonly durationUs: number;
}

/** Those that the library's connections sent; they bear names. */
function slowCommands(log: unknown): SlowCommand[] {
  if (!Array.isArray(log)) return [];
  return log.flatMap((line: unknown) => {
    const [, , durationUs, words, , client] = line as [number, number, number, string[], string, string];
    if (!client.startsWith('events:')) return [];
    const [name = '', script = ''] = words;
    const command = name.toUpperCase();
    return [{ command: command === 'EVALSHA' ? `${command} ${script.slice(0, 8)}` : command, durationUs }];
  });
}

/**
 * What the slowest kind of command takes, as a median in milliseconds. The longest single one is longer where Redis loses
 * its core to another process in the middle of a command.
 */
function usualStall(slow: readonly SlowCommand[]): number {
  const kinds = new Set(slow.map(({ command }) => command).filter((command) => command !== 'XREADGROUP'));
  const medians = [...kinds].map((kind) => {
    const durations = slow.filter(({ command }) => command === kind).map(({ durationUs }) => durationUs);
    return durations.length < fewestForUsual ? 0 : median(durations);
  });
  return Math.max(0, ...medians) / 1_000;
}

function describe(slow: readonly SlowCommand[]): string {
  const byCommand = new Map<string, SlowCommand[]>();
  for (const one of slow) byCommand.set(one.command, [...(byCommand.get(one.command) ?? []), one]);
  const lines = [...byCommand].flatMap(([command, some]) => {
    const durations = some.map(({ durationUs }) => durationUs);
    const longest = Math.max(...durations);
    if (longest < worthTellingUs) return [];
    return `${command} ${some.length} times, usually ${milliseconds(median(durations))}, longest ${milliseconds(longest)}`;
  });
  return lines.join('; ') || 'nothing over 0.1 ms';
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1_000).toFixed(2)} ms`;
}
