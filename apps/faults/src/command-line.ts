import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Scenario } from './scenario.js';
import { scenarios } from './scenarios/index.js';
import { type Client, clients } from './transports.js';
import type { TrialSize } from './trial.js';

/** What a user asked for. */
export interface Wishes extends TrialSize {
  readonly scenarios: readonly Scenario[];
  readonly clients: readonly Client[];
  readonly seed: number;
  /** Whether what is not given takes the sizes of the short form. */
  readonly isShort: boolean;
  /** The one part that is wanted, from 1. */
  readonly part: number | undefined;
  /** Directory of the reports. */
  readonly reports: string;
}

export class UsageError extends Error {}

export const usage = `npm run faults -- [SCENARIO] [options]

SCENARIO is one of these, or all (default):
  ${scenarios.map(({ name }) => name).join(', ')}

  --client ioredis|node-redis|both   which client library is used (default: ioredis)
  --short, --long                    how large it is, where nothing else is said (default: --long)
  --seed N                           repeats the same choices (default: 1)
  --events N                         how many events are published, at most
  --faults N                         how often the fault comes: kills, drops, restarts, stops
  --seconds N                        how long it lasts: freeze, week
  --part N                           only this part of a scenario that has several, from 1
  --patience N                       multiplies the limits of time, for a busy machine (default: 1)
  --reports DIRECTORY                where the reports go (default: apps/faults/reports)`;

/** Reads the command line. Throws `UsageError`, with how it should be, for what it does not know. */
export function readCommandLine(words: readonly string[]): Wishes {
  const { values, positionals } = parse(words);
  const [name = 'all', ...rest] = positionals;
  if (values.short === true && values.long === true) throw new UsageError(usage);
  const chosen = scenarios.filter((scenario) => name === 'all' || scenario.name === name);
  if (chosen.length === 0 || rest.length > 0) throw new UsageError(usage);
  const { client = 'ioredis', reports = fileURLToPath(new URL('../reports/', import.meta.url)) } = values;
  const known = clients.filter((candidate) => client === 'both' || client === candidate);
  if (known.length === 0) throw new UsageError(usage);
  const part = count('part', values.part);
  return {
    scenarios: part === undefined ? chosen : chosen.map((scenario) => onlyPart(scenario, part)),
    part,
    clients: known,
    isShort: values.short === true,
    seed: count('seed', values.seed) ?? 1,
    events: count('events', values.events),
    faults: count('faults', values.faults),
    seconds: count('seconds', values.seconds),
    patience: count('patience', values.patience) ?? 1,
    reports,
  };
}

function onlyPart(scenario: Scenario, part: number): Scenario {
  const parts = scenario.parts.slice(part - 1, part);
  if (part === 0 || parts.length === 0) throw new UsageError(`${scenario.name} has no part ${part}\n\n${usage}`);
  return { ...scenario, parts };
}

function parse(words: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    client: text,
    seed: text,
    events: text,
    faults: text,
    seconds: text,
    part: text,
    short: { type: 'boolean' } as const,
    long: { type: 'boolean' } as const,
    patience: text,
    reports: text,
  };
  try {
    return parseArgs({ args: [...words], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`);
  }
}

function count(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,9}$/.test(value)) throw new UsageError(`--${name} must be a whole number\n\n${usage}`);
  return Number(value);
}
