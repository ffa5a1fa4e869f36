import { parseArgs } from 'node:util';

/** Which Redis client carries the events. */
export type Client = 'ioredis' | 'node-redis';

/** Where the events go: through this process alone, through a server of our own, or through one that exists. */
export type Place =
  | { readonly kind: 'memory' }
  | { readonly kind: 'redis'; readonly url: string | 'local'; readonly client: Client };

export interface DemoOptions {
  readonly place: Place;
  readonly orders: number;
  /** Orders a second. */
  readonly rate: number;
  /** Ends placing orders even if some are left. */
  readonly seconds: number | undefined;
  readonly seed: number;
  readonly chaos: boolean;
  readonly plain: boolean;
}

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const help = `A small shop: an order, a payment and a shipping service exchange events, and an audit checks every one of them.

Usage: npm start -- [options]

  --redis URL      publish and consume through the Redis at redis://host:port, with a process for each service
  --redis local    the same through a redis-server that is started for this run
  --client NAME    with --redis: ioredis (default) or node-redis
  --chaos          with --redis: kill the payment service half-way and start it again
  --orders N       how many orders are placed (default: as many as fit into --seconds)
  --rate N         orders a second (default: 100)
  --seconds N      how long orders are placed (default: 20, or as long as --orders takes)
  --seed N         another seed gives other orders and failures (default: 1)
  --plain          plain lines instead of the live view; the default without a terminal, with CI or with NO_COLOR
  --help           this text

Without --redis everything happens in one process, on memory. Ctrl-C stops the shop and audits what was done.
Exit codes: 0 the audit holds, 1 it does not or something broke, 64 wrong options.
`;

const known = {
  redis: { type: 'string' },
  client: { type: 'string' },
  chaos: { type: 'boolean', default: false },
  orders: { type: 'string' },
  rate: { type: 'string' },
  seconds: { type: 'string' },
  seed: { type: 'string' },
  plain: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const defaultSeconds = 20;

/** Throws `UsageError` for what cannot be understood. */
export function parseOptions(args: readonly string[]): DemoOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const place = placeOf(values.redis, values.client);
  if (values.chaos && place.kind === 'memory') {
    throw new UsageError('--chaos kills a process, which needs --redis: on memory all services share one process');
  }
  const rate = numberOf('rate', values.rate, { min: 0.1, max: 20_000 }) ?? 100;
  const orders = numberOf('orders', values.orders, { min: 1, max: 1_000_000, whole: true });
  const seconds = numberOf('seconds', values.seconds, { min: 0.1, max: 86_400 });
  return {
    place,
    rate,
    orders: orders ?? Math.max(1, Math.round(rate * (seconds ?? defaultSeconds))),
    seconds,
    seed: numberOf('seed', values.seed, { min: 0, max: 4_294_967_295, whole: true }) ?? 1,
    chaos: values.chaos,
    plain: values.plain,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: known, strict: true, allowPositionals: false }).values;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'))) throw error;
    // Node adds advice on positional arguments, which there are none of.
    throw new UsageError(error.message.replace(/\. To specify a positional argument.*$/s, ''), { cause: error });
  }
}

function placeOf(redis: string | undefined, client: string | undefined): Place {
  if (client !== undefined && client !== 'ioredis' && client !== 'node-redis') {
    throw new UsageError(`--client must be ioredis or node-redis, not ${JSON.stringify(client)}`);
  }
  if (redis === undefined) {
    if (client !== undefined) throw new UsageError('--client needs --redis: on memory there is no client');
    return { kind: 'memory' };
  }
  // The address may hold a password, so it is not repeated.
  if (redis !== 'local' && !/^rediss?:\/\/[^/]/.test(redis)) {
    throw new UsageError('--redis must be local, or an address such as redis://127.0.0.1:6379');
  }
  return { kind: 'redis', url: redis, client: client ?? 'ioredis' };
}

function numberOf(
  name: string,
  text: string | undefined,
  { min, max, whole = false }: { readonly min: number; readonly max: number; readonly whole?: boolean },
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`--${name} must be ${kind} from ${min} to ${max}, not ${JSON.stringify(text)}`);
}
