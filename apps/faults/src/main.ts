// Proves what the library promises by breaking what it stands on. `npm run faults -- SCENARIO`; exit code 1 = a promise was broken.
import { readCommandLine, UsageError, usage, type Wishes } from './command-line.js';
import type { GroundPlan } from './ground.js';
import { type ReportHead, writeReport } from './report.js';
import type { Scenario } from './scenario.js';
import { commit, machine, versions } from './surroundings.js';
import type { Client } from './transports.js';
import { Trial, type TrialSize } from './trial.js';
import type { PartVerdict } from './verdict.js';

const oneServer: GroundPlan = { kind: 'single' };

const words = process.argv.slice(2);

try {
  if (words.includes('--help')) process.stdout.write(`${usage}\n`);
  else await run(readCommandLine(words));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

async function run(wishes: Wishes): Promise<void> {
  for (const scenario of wishes.scenarios) {
    const clients = scenario.mixesClients === true ? wishes.clients.slice(0, 1) : wishes.clients;
    for (const client of clients) if (!(await holds(scenario, client, wishes))) process.exitCode = 1;
  }
}

async function holds(scenario: Scenario, client: Client, wishes: Wishes): Promise<boolean> {
  const begin = Date.now();
  const parts: PartVerdict[] = [];
  for (const { title, ground = oneServer, run } of scenario.parts) {
    process.stderr.write(`\n${scenario.name}, ${client}${title === '' ? '' : `: ${title}`}\n`);
    const verdict = await Trial.run({ ...wishes, ...sizeOf(scenario, wishes), client }, ground, run);
    for (const promised of verdict.promises) {
      process.stderr.write(`${promised.holds ? 'holds ' : 'BROKEN'}  ${promised.what}: ${promised.found}\n`);
    }
    parts.push({ title, ...verdict });
  }
  const head: ReportHead = {
    scenario: scenario.name,
    client: scenario.mixesClients === true ? 'both' : client,
    command: commandOf(scenario, client, wishes),
    seed: wishes.seed,
    date: new Date(begin).toISOString(),
    commit: await commit(),
    versions: await versions(),
    machine: machine(),
    compares: scenario.compares === true,
    seconds: Math.round((Date.now() - begin) / 1_000),
  };
  process.stderr.write(`report: ${await writeReport(wishes.reports, head, parts)}\n`);
  return parts.every(({ promises }) => promises.every((promised) => promised.holds));
}

/** What was asked for, and for what was not the sizes of the short form where that was asked for. */
function sizeOf({ short }: Scenario, { isShort, events, faults, seconds }: Wishes): Omit<TrialSize, 'patience'> {
  const usual = isShort ? short : {};
  return {
    events: events ?? usual.events,
    faults: faults ?? usual.faults,
    seconds: seconds ?? usual.seconds,
  };
}

/** What repeats the run, whatever else was asked for with it. */
function commandOf({ name, mixesClients }: Scenario, client: Client, wishes: Wishes): string {
  const sizes = (['events', 'faults', 'seconds', 'part'] as const)
    .filter((size) => wishes[size] !== undefined)
    .map((size) => ` --${size} ${wishes[size]}`);
  const form = wishes.isShort ? ' --short' : '';
  const patience = wishes.patience === 1 ? '' : ` --patience ${wishes.patience}`;
  const clientOption = mixesClients === true ? '' : ` --client ${client}`;
  return `npm run faults -- ${name}${clientOption} --seed ${wishes.seed}${form}${sizes.join('')}${patience}`;
}
