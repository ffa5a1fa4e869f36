import { parseArgs } from 'node:util';
import { type Client, type Kind, kinds } from './cases.js';

/** What the command line asks for. */
export interface BenchOptions {
  readonly quick: boolean;
  /** `undefined` = what belongs to the mode. */
  readonly only: readonly Kind[] | undefined;
  readonly clients: readonly Client[];
  readonly rounds: number;
  readonly sizes: readonly number[] | undefined;
  readonly inFlights: readonly number[] | undefined;
  /** Events per run, instead of what suits the case. */
  readonly events: number | undefined;
  /** Where the results go as JSON. */
  readonly json: string | undefined;
  /** A directory for CPU profiles of the measured processes. */
  readonly profile: string | undefined;
  /** How long the whole program may wait for a quiet machine and repeat disturbed runs. */
  readonly patienceMs: number;
}

/** A command line that makes no sense. The message is for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `Usage: npm run bench -- [options]

  --quick               about a minute and a half: fewer cases, fewer events, 3 rounds
  --only LIST           of ${kinds.join(', ')}
  --client NAME         ioredis, node-redis or both (default)
  --rounds N            default 5
  --size LIST           payload bytes, default 100,1024,16384
  --in-flight LIST      publishes under way at once, default 1,64,1024
  --events N            events per run
  --json FILE           write the results there, too
  --profile DIRECTORY   write CPU profiles of the measured processes there
  --patience SECONDS    how long to wait for a quiet machine in all; default 600, with --quick 30
`;

/** @throws UsageError */
export function parseOptions(words: readonly string[]): BenchOptions {
  const { values } = parse(words);
  const quick = values.quick ?? false;
  return {
    quick,
    only: values.only === undefined ? undefined : list('--only', values.only).map(kindOf),
    clients: clientsOf(values.client ?? 'both'),
    rounds: values.rounds === undefined ? (quick ? 3 : 5) : wholeNumber('--rounds', values.rounds, 1),
    sizes: numbers('--size', values.size, 100),
    inFlights: numbers('--in-flight', values['in-flight'], 1),
    events: values.events === undefined ? undefined : wholeNumber('--events', values.events, 100),
    json: values.json,
    profile: values.profile,
    patienceMs:
      1_000 * (values.patience === undefined ? (quick ? 30 : 600) : wholeNumber('--patience', values.patience, 0)),
  };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        client: { type: 'string' },
        rounds: { type: 'string' },
        size: { type: 'string' },
        'in-flight': { type: 'string' },
        events: { type: 'string' },
        json: { type: 'string' },
        profile: { type: 'string' },
        patience: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function kindOf(name: string): Kind {
  const kind = kinds.find((candidate) => candidate === name);
  if (kind === undefined) throw new UsageError(`--only knows ${kinds.join(', ')}, not '${name}'`);
  return kind;
}

function clientsOf(name: string): Client[] {
  if (name === 'both') return ['ioredis', 'node-redis'];
  if (name === 'ioredis' || name === 'node-redis') return [name];
  throw new UsageError(`--client is ioredis, node-redis or both, not '${name}'`);
}

function list(option: string, text: string): string[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.includes('')) throw new UsageError(`${option} takes words separated by commas`);
  return words;
}

function numbers(option: string, text: string | undefined, least: number): number[] | undefined {
  if (text === undefined) return undefined;
  return list(option, text).map((word) => wholeNumber(option, word, least));
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new UsageError(`${option} takes a whole number of at least ${least}, not '${text}'`);
}
