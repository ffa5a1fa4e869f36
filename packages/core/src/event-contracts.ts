import type { ConsumedEvent } from './consumed-event.js';
import { OptionsError } from './errors.js';
import { checkEventType } from './event-pattern.js';
import { checkSchema, type SchemaInput, type SchemaOutput, type StandardSchema } from './standard-schema.js';

/** A schema for each event type, `versioned` where events of earlier versions are stored. */
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
    checkSchema(`The contract of '${type}'`, schema);
  }
  return Object.freeze({ ...contracts });
}
