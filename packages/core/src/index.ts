export type { ConsumedEvent, EventHandler, HandlerContext } from './consumed-event.js';
export { type ConsumerState, EventConsumer, type StopReport } from './consumer.js';
export type { BackpressureState, ConsumerEvents, DeadLetterReason, EntryReference } from './consumer-events.js';
export type { ConsumerOptions } from './consumer-options.js';
export {
  ClosedError,
  ConsumerNameInUseError,
  EventsError,
  type EventsErrorCode,
  type EventsErrorOptions,
  EventTypeError,
  GroupNotFoundError,
  HandlerTimeoutError,
  NonRetryableError,
  OptionsError,
  OverloadedError,
  PayloadTooLargeError,
  PermissionError,
  type PublishOutcome,
  SerializationError,
  StreamNameError,
  TimeoutError,
  TransportError,
  UndecodableEntryError,
  UnsupportedError,
  ValidationError,
  type ValidationIssue,
} from './errors.js';
export {
  defineEvents,
  type EventContracts,
  type EventInput,
  type EventOutput,
  type EventPattern,
  type EventType,
  type MatchingEvent,
} from './event-contracts.js';
export type { GroupDescription, Inspector, StreamDescription, TrimBound } from './inspector.js';
export type { Logger } from './logger.js';
export type { PublishReceipt } from './outgoing-event.js';
export {
  type BatchEvent,
  EventPublisher,
  type PublisherOptions,
  type PublishOptions,
  type PublishOutcomeOf,
} from './publisher.js';
export { exponentialBackoff, fixedDelay, type RecoveryStrategy, type RetryPolicy } from './retry-policy.js';
export type { SchemaInput, SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from './standard-schema.js';
export { companionKey, type StreamValidation } from './stream-name.js';
export type {
  Acknowledged,
  Acknowledgement,
  Claim,
  GroupStart,
  PendingEntry,
  Subscription,
  SubscriptionOptions,
} from './subscription.js';
export type {
  AppendAnswer,
  Appender,
  Capabilities,
  Entry,
  Failure,
  FailureKind,
  Fields,
  FieldValue,
  NewEntry,
  Transport,
} from './transport.js';
export { type DecodedEvent, decodeFields } from './wire-format.js';
