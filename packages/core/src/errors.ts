import type { PublishReceipt } from './outgoing-event.js';

/**
 * What became of an event whose publishing failed: `not-stored` = Redis refused it, or it never left; `unknown` = it
 * was sent and no answer came, so it may have been stored; `stored` = it is stored, and not as durably as was asked for.
 */
export type PublishOutcome = 'not-stored' | 'unknown' | 'stored';

/** Every code an error of this library can carry. `apps/docs/errors.md` says of each when it comes and what to do. */
export type EventsErrorCode =
  | 'EVENTS_CLOSED'
  | 'EVENTS_CONSUMER_NAME_IN_USE'
  | 'EVENTS_ENVIRONMENT'
  | 'EVENTS_EVENT_TYPE'
  | 'EVENTS_EVENT_VERSION'
  | 'EVENTS_GROUP_NOT_FOUND'
  | 'EVENTS_HANDLER_TIMEOUT'
  | 'EVENTS_NON_RETRYABLE'
  | 'EVENTS_OPTIONS'
  | 'EVENTS_OVERLOADED'
  | 'EVENTS_PARTITIONS'
  | 'EVENTS_PAYLOAD_TOO_LARGE'
  | 'EVENTS_PERMISSION'
  | 'EVENTS_SERIALIZATION'
  | 'EVENTS_STREAM_NAME'
  | 'EVENTS_STREAM_NOT_FOUND'
  | 'EVENTS_TIMEOUT'
  | 'EVENTS_TRANSPORT'
  | 'EVENTS_UNDECODABLE'
  | 'EVENTS_UNDER_REPLICATED'
  | 'EVENTS_UNSUPPORTED'
  | 'EVENTS_VALIDATION';

/** What an `EventsError` may carry beside its message. */
export interface EventsErrorOptions {
  /** What led to it. Never a client's own error object: those may hold payloads and passwords. */
  readonly cause?: unknown;
  /** Whether the same call may succeed later without any change. Default: false. */
  readonly retryable?: boolean;
  /** Only on errors of `publish`. */
  readonly outcome?: PublishOutcome;
}

const brandOf = (name: string): symbol => Symbol.for(`@events/core/${name}`);

/**
 * The base of every error that this library raises. Decide on `code`, never on the message.
 *
 * `instanceof` works across copies of the package in one dependency tree, and across its ESM and CJS builds.
 */
export class EventsError extends Error {
  /** The name under which copies of a class recognise each other's instances. */
  protected static readonly brand: string = 'EventsError';

  readonly code: EventsErrorCode;
  readonly retryable: boolean;
  declare readonly outcome?: PublishOutcome;

  constructor(code: EventsErrorCode, message: string, options: EventsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.outcome !== undefined) this.outcome = options.outcome;
  }

  static {
    register(EventsError, 'EventsError');
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    try {
      // a subclass written by a user has no brand of its own and is recognised by its prototype alone
      return Object.hasOwn(this, 'brand')
        ? (value as Record<symbol, unknown>)[brandOf(this.brand)] === true
        : Function.prototype[Symbol.hasInstance].call(this, value);
    } catch {
      // a proxy that lets nobody look is none of ours
      return false;
    }
  }
}

/** `name` is written out, because a minifier renames classes. */
function register(type: { readonly prototype: EventsError }, name: string): void {
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
  Object.defineProperty(type.prototype, brandOf(name), { value: true });
}

/** An option is unknown, out of range, or contradicts another one; or a method was called at the wrong time. */
export class OptionsError extends EventsError {
  protected static override readonly brand = 'OptionsError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_OPTIONS', message, options);
  }
  static {
    register(OptionsError, 'OptionsError');
  }
}

/** A stream name is missing or may not be used. */
export class StreamNameError extends EventsError {
  protected static override readonly brand = 'StreamNameError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_STREAM_NAME', message, options);
  }
  static {
    register(StreamNameError, 'StreamNameError');
  }
}

/** An event type is malformed, or is not in the registry given as `events`. */
export class EventTypeError extends EventsError {
  protected static override readonly brand = 'EventTypeError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_EVENT_TYPE', message, options);
  }
  static {
    register(EventTypeError, 'EventTypeError');
  }
}

/** An event was published under a version that is newer than this consumer's contract. */
export class EventVersionError extends EventsError {
  protected static override readonly brand = 'EventVersionError';
  /** Under which it was published. */
  readonly version: number;
  constructor(message: string, version: number, options?: EventsErrorOptions) {
    super('EVENTS_EVENT_VERSION', message, options);
    this.version = version;
  }
  static {
    register(EventVersionError, 'EventVersionError');
  }
}

/** One thing that a schema found wrong. `path` is dotted and empty for the value itself. */
export interface ValidationIssue {
  readonly path: string;
  readonly message: string;
}

/** Data does not match the schema of its event type. The message names the type and the paths, never the data. */
export class ValidationError extends EventsError {
  protected static override readonly brand = 'ValidationError';
  readonly issues: readonly ValidationIssue[];
  constructor(message: string, issues: readonly ValidationIssue[], options?: EventsErrorOptions) {
    super('EVENTS_VALIDATION', message, options);
    this.issues = issues;
  }
  static {
    register(ValidationError, 'ValidationError');
  }
}

/** Data cannot be stored as JSON. */
export class SerializationError extends EventsError {
  protected static override readonly brand = 'SerializationError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_SERIALIZATION', message, options);
  }
  static {
    register(SerializationError, 'SerializationError');
  }
}

/** The encoded event is larger than `maxPayloadBytes`. */
export class PayloadTooLargeError extends EventsError {
  protected static override readonly brand = 'PayloadTooLargeError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_PAYLOAD_TOO_LARGE', message, options);
  }
  static {
    register(PayloadTooLargeError, 'PayloadTooLargeError');
  }
}

/** A stored entry is not an event in this library's format. It goes to the dead letters. */
export class UndecodableEntryError extends EventsError {
  protected static override readonly brand = 'UndecodableEntryError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_UNDECODABLE', message, options);
  }
  static {
    register(UndecodableEntryError, 'UndecodableEntryError');
  }
}

/** More is in flight and waiting than the publisher's limits allow. */
export class OverloadedError extends EventsError {
  protected static override readonly brand = 'OverloadedError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_OVERLOADED', message, { retryable: true, ...options });
  }
  static {
    register(OverloadedError, 'OverloadedError');
  }
}

/** The server is sealed for other prefixes than `streamPrefix`. */
export class EnvironmentError extends EventsError {
  protected static override readonly brand = 'EnvironmentError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_ENVIRONMENT', message, options);
  }
  static {
    register(EnvironmentError, 'EnvironmentError');
  }
}

/** There is no such stream on the server. */
export class StreamNotFoundError extends EventsError {
  protected static override readonly brand = 'StreamNotFoundError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_STREAM_NOT_FOUND', message, options);
  }
  static {
    register(StreamNotFoundError, 'StreamNotFoundError');
  }
}

/** A stream has another number of partitions than `partitions` says, or may not be given another one now. */
export class PartitionsError extends EventsError {
  protected static override readonly brand = 'PartitionsError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_PARTITIONS', message, options);
  }
  static {
    register(PartitionsError, 'PartitionsError');
  }
}

/** The publisher, consumer or transport was closed. */
export class ClosedError extends EventsError {
  protected static override readonly brand = 'ClosedError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_CLOSED', message, options);
  }
  static {
    register(ClosedError, 'ClosedError');
  }
}

/** Something did not finish in the time given. */
export class TimeoutError extends EventsError {
  protected static override readonly brand = 'TimeoutError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_TIMEOUT', message, { retryable: true, ...options });
  }
  static {
    register(TimeoutError, 'TimeoutError');
  }
}

/** A handler ran longer than `handlerTimeoutMs`. */
export class HandlerTimeoutError extends EventsError {
  protected static override readonly brand = 'HandlerTimeoutError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_HANDLER_TIMEOUT', message, options);
  }
  static {
    register(HandlerTimeoutError, 'HandlerTimeoutError');
  }
}

/** The server could not be reached, or refused an operation. */
export class TransportError extends EventsError {
  protected static override readonly brand = 'TransportError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_TRANSPORT', message, options);
  }
  static {
    register(TransportError, 'TransportError');
  }
}

/** The server asks for other credentials, or the user may not run a command or touch a key. */
export class PermissionError extends EventsError {
  protected static override readonly brand = 'PermissionError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_PERMISSION', message, options);
  }
  static {
    register(PermissionError, 'PermissionError');
  }
}

/**
 * The event is stored, and the durability asked for was not reached in time, or nobody said whether it was. Publishing
 * it again would store it twice. `receipt` says where it is, and how many replicas had acknowledged it.
 */
export class UnderReplicatedError extends EventsError {
  protected static override readonly brand = 'UnderReplicatedError';
  readonly receipt: PublishReceipt;
  constructor(message: string, receipt: PublishReceipt, options?: EventsErrorOptions) {
    super('EVENTS_UNDER_REPLICATED', message, { outcome: 'stored', ...options });
    this.receipt = receipt;
  }
  static {
    register(UnderReplicatedError, 'UnderReplicatedError');
  }
}

/** The server cannot do what was asked for. */
export class UnsupportedError extends EventsError {
  protected static override readonly brand = 'UnsupportedError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_UNSUPPORTED', message, options);
  }
  static {
    register(UnsupportedError, 'UnsupportedError');
  }
}

/** The consumer group, or its stream, does not exist (any more) and may not be created. */
export class GroupNotFoundError extends EventsError {
  protected static override readonly brand = 'GroupNotFoundError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_GROUP_NOT_FOUND', message, options);
  }
  static {
    register(GroupNotFoundError, 'GroupNotFoundError');
  }
}

/** Another live consumer of the group has the name given as `consumer`. */
export class ConsumerNameInUseError extends EventsError {
  protected static override readonly brand = 'ConsumerNameInUseError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_CONSUMER_NAME_IN_USE', message, { retryable: true, ...options });
  }
  static {
    register(ConsumerNameInUseError, 'ConsumerNameInUseError');
  }
}

/** Thrown by a handler to say that trying again is useless: the event goes straight to the dead letters. */
export class NonRetryableError extends EventsError {
  protected static override readonly brand = 'NonRetryableError';
  constructor(message: string, options?: EventsErrorOptions) {
    super('EVENTS_NON_RETRYABLE', message, options);
  }
  static {
    register(NonRetryableError, 'NonRetryableError');
  }
}
