import { OptionsError } from './errors.js';
import type { Logger } from './logger.js';
import type { Transport } from './transport.js';

/** Throws `OptionsError` unless `options` is an object whose keys are all in `known`. */
export function checkKeys(owner: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw new OptionsError(`${owner} takes an object of options`);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new OptionsError(`${owner} has no option ${JSON.stringify(key)}. Its options: ${known.join(', ')}`);
  }
}

/** The whole number given as an option, or `fallback` when there is none. Throws `OptionsError` outside the range. */
export function wholeNumber(
  option: string,
  value: number | undefined,
  fallback: number,
  { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number },
): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new OptionsError(`${option} must be a whole number ${range}, not ${String(value)}`);
}

/** The whole number that an option must have. Throws `OptionsError` without one, and outside the range. */
export function requiredWholeNumber(
  option: string,
  value: number | undefined,
  range: { readonly min: number; readonly max?: number },
): number {
  if (value === undefined) throw new OptionsError(`${option} is missing`);
  return wholeNumber(option, value, range.min, range);
}

/** The choice given as an option, or `fallback` when there is none. Throws `OptionsError` for anything else. */
export function choice<Choice extends string>(
  option: string,
  value: Choice | undefined,
  fallback: Choice,
  choices: readonly Choice[],
): Choice {
  if (value === undefined) return fallback;
  if (choices.includes(value)) return value;
  throw new OptionsError(
    `${option} must be one of ${choices.map((name) => `'${name}'`).join(', ')}, not ${String(value)}`,
  );
}

/** The truth value given as an option, or `fallback` when there is none. Throws `OptionsError` for anything else. */
export function flag(option: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw new OptionsError(`${option} must be true or false, not ${String(value)}`);
}

/** Throws `OptionsError` unless `logger` can be called. */
export function checkLogger(logger: Logger | undefined): void {
  if (logger === undefined || (typeof logger?.warn === 'function' && typeof logger.error === 'function')) return;
  throw new OptionsError('logger must have the methods warn and error');
}

/** Throws `OptionsError` unless `transport` looks like one. */
export function checkTransport(owner: string, transport: unknown): void {
  const verbs = [
    ...['connect', 'capabilities', 'appender', 'subscription', 'inspector', 'janitor', 'partitionTable'],
    ...['classify', 'onFailover', 'close'],
  ];
  const complete =
    typeof transport === 'object' &&
    transport !== null &&
    typeof (transport as Partial<Transport>).retryPolicy === 'object' &&
    verbs.every((verb) => typeof (transport as Record<string, unknown>)[verb] === 'function');
  if (!complete) {
    throw new OptionsError(`${owner} needs a transport: new RedisTransport({ url }) or new MemoryTransport()`);
  }
}
