import { Redis } from 'ioredis';
import type { BehaviourCase, Side } from '../cases.js';
import { fillStream } from '../fill-stream.js';
import { Meter } from '../meter.js';
import type { RunResult } from '../metrics.js';
import { groupName, streamName } from '../sides/side.js';
import type { Stage } from '../stage.js';
import type { TroubledConsumeJob } from '../worker/job.js';

const size = 100;
const entries = 100_000;
const entriesToFail = 12_000;
const durationMs = 8_000;

/** What a `Stage` for this needs: every command of a tenth of a millisecond is noted. */
export const stallServerOptions = { config: { 'slowlog-log-slower-than': 100, 'slowlog-max-len': 100_000 } };

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
  return { metrics: { longestStallMs: longest(false), longestReadMs: longest(true) }, foreignCores, remarks };
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

function describe(slow: readonly SlowCommand[]): string {
  const byCommand = new Map<string, SlowCommand[]>();
  for (const one of slow) byCommand.set(one.command, [...(byCommand.get(one.command) ?? []), one]);
  const lines = [...byCommand].map(([command, some]) => {
    const longest = Math.max(...some.map(({ durationUs }) => durationUs));
    return `${command} ${some.length} times over 0.1 ms, longest ${(longest / 1_000).toFixed(2)} ms`;
  });
  return lines.join('; ') || 'nothing over 0.1 ms';
}
