import type { ConsumedEvent } from './consumed-event.js';
import { isThenable } from './emitter.js';
import { EventTypeError, OptionsError, ValidationError, type ValidationIssue } from './errors.js';
import { checkEventType } from './event-pattern.js';
import { describeError } from './retry-record.js';
import type { SchemaInput, SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from './standard-schema.js';

/** A schema for each event type. */
export type EventContracts = Readonly<Record<string, StandardSchema>>;

/** The types that a publisher or consumer knows; any, when it was given no contracts. */
export type EventType<Contracts extends EventContracts> = keyof Contracts & string;

/** What `publish` takes for an event type. */
export type EventInput<Contracts extends EventContracts, Type extends EventType<Contracts>> = SchemaInput<
  Contracts[Type]
>;

/** What a handler gets for an event type. */
export type EventOutput<Contracts extends EventContracts, Type extends EventType<Contracts>> = SchemaOutput<
  Contracts[Type]
>;

type PrefixesOf<Type extends string> = Type extends `${infer Head}.${infer Rest}`
  ? Head | `${Head}.${PrefixesOf<Rest>}`
  : never;

/** A type, `*`, or `prefix.*` for any depth below a prefix that some type has. */
export type EventPattern<Contracts extends EventContracts> =
  | EventType<Contracts>
  | '*'
  | `${PrefixesOf<EventType<Contracts>>}.*`
  | (string extends EventType<Contracts> ? `${string}.*` : never);

type MatchingType<Contracts extends EventContracts, Pattern extends string> = Pattern extends '*'
  ? EventType<Contracts>
  : Pattern extends `${infer Prefix}.*`
    ? string extends EventType<Contracts>
      ? string
      : Extract<EventType<Contracts>, `${Prefix}.${string}`>
    : Extract<EventType<Contracts>, Pattern>;

type EventOf<Contracts extends EventContracts, Type extends EventType<Contracts>> = Type extends unknown
  ? ConsumedEvent<EventOutput<Contracts, Type>, Type>
  : never;

/** The union of the events that a pattern matches. */
export type MatchingEvent<Contracts extends EventContracts, Pattern extends string> =
  string extends EventType<Contracts> ? ConsumedEvent<unknown> : EventOf<Contracts, MatchingType<Contracts, Pattern>>;

/**
 * Names the event types that services exchange, with a schema for each, from any library that implements the Standard
 * Schema. Given as `events` to publishers and consumers, it types `publish` and `subscribe`, refuses unknown types,
 * and validates on both sides.
 *
 * @throws EventTypeError for a malformed event type
 * @throws OptionsError for something that is not a Standard Schema
 */
export function defineEvents<const Contracts extends EventContracts>(contracts: Contracts): Contracts {
  if (typeof contracts !== 'object' || contracts === null) {
    throw new OptionsError('defineEvents takes an object of event types and their schemas');
  }
  for (const [type, schema] of Object.entries(contracts)) {
    checkEventType(type);
    // some libraries' schemas are functions
    const holder = typeof schema === 'object' || typeof schema === 'function' ? schema : undefined;
    if (typeof holder?.['~standard']?.validate !== 'function') {
      throw new OptionsError(`The contract of '${type}' is not a Standard Schema (it has no '~standard'.validate)`);
    }
  }
  return Object.freeze({ ...contracts });
}

/** Validates data against contracts. Knows no library, and keeps the data out of every message. */
export class ContractValidator {
  readonly #schemas: ReadonlyMap<string, StandardSchema>;

  constructor(contracts: EventContracts) {
    this.#schemas = new Map(Object.entries(defineEvents(contracts)));
  }

  /**
   * The schema's output for `data`, or a promise of it where the schema is asynchronous.
   *
   * @throws EventTypeError for a type that the contracts do not name
   * @throws ValidationError when the data does not match
   */
  validate(type: string, data: unknown): unknown {
    const schema = this.#schemas.get(type);
    if (schema === undefined) {
      throw new EventTypeError(`Event type '${type}' is not among the contracts given as 'events'`);
    }
    let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
    try {
      result = schema['~standard'].validate(data);
    } catch (error) {
      throw brokenSchema(type, error);
    }
    if (!isThenable(result)) return outputOf(type, data, result);
    return Promise.resolve(result).then(
      (settled) => outputOf(type, data, settled),
      (error) => {
        throw brokenSchema(type, error);
      },
    );
  }

  knows(type: string): boolean {
    return this.#schemas.has(type);
  }
}

/** What a schema threw may quote the data: only its name is passed on. */
function brokenSchema(type: string, error: unknown): ValidationError {
  const { name } = describeError(error);
  return new ValidationError(`The schema of '${type}' threw (${name}) instead of answering`, [
    { path: '', message: `the schema threw ${name}` },
  ]);
}

function outputOf(type: string, data: unknown, result: SchemaResult<unknown>): unknown {
  if (typeof result !== 'object' || result === null) throw brokenSchema(type, new TypeError());
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map((issue) => toIssue(issue, data));
  const listed = issues.slice(0, 5).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const rest = issues.length > 5 ? ` and ${issues.length - 5} more` : '';
  throw new ValidationError(`Data of '${type}' does not match its contract: ${listed.join('; ')}${rest}`, issues);
}

function toIssue({ message, path = [] }: SchemaIssue, data: unknown): ValidationIssue {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return { path: keys.map(String).join('.'), message: withoutValue(message, valueAt(data, keys)) };
}

function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    data,
  );
}

/** Some libraries quote the value that they refuse, and messages end up in logs. */
function withoutValue(message: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return message;
  const text = String(value);
  if (text === '') return message;
  const literals = [text, JSON.stringify(text).slice(1, -1)].map((literal) =>
    literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  // a number must not be cut out of a larger one
  return message.replace(new RegExp(`(?<![\\w.])(?:${literals.join('|')})(?!\\w)`, 'g'), '…');
}
