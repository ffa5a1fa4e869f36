export { type ChangePartitionsOptions, changePartitions } from './change-partitions.js';
export type { CircuitBreakerOptions } from './circuit-breaker.js';
export { type Codec, type Encoded, type EventAttributes, jsonCodec } from './codec.js';
export { compareEntryIds } from './compare-entry-ids.js';
export type { CompressionOptions, ContentEncoding } from './compression.js';
export type { ConsumedEvent, EventHandler, HandlerContext } from './consumed-event.js';
export { type ConsumerState, EventConsumer, type OwnedPartition, type StopReport } from './consumer.js';
export type {
  BackpressureState,
  ConsumerEvents,
  DeadLetterReason,
  EntryReference,
  PartitionsOwned,
  RecoveredState,
} from './consumer-events.js';
export type { ConsumerOptions } from './consumer-options.js';
export { type DecodedEvent, decodeFields } from './decode-fields.js';
export { IsolatingEmitter } from './emitter.js';
export {
  ClosedError,
  ConsumerNameInUseError,
  EnvironmentError,
  EventsError,
  type EventsErrorCode,
  type EventsErrorOptions,
  EventTypeError,
  EventVersionError,
  GroupNotFoundError,
  HandlerTimeoutError,
  NonRetryableError,
  OptionsError,
  OverloadedError,
  PartitionsError,
  PayloadTooLargeError,
  PermissionError,
  type PublishOutcome,
  SerializationError,
  StreamNameError,
  StreamNotFoundError,
  TimeoutError,
  TransportError,
  UndecodableEntryError,
  UnderReplicatedError,
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
export type { CheckedEvent, CustomValidator } from './event-validator.js';
export type { FailoverRecovered } from './failover-recovery.js';
export { toError } from './failure.js';
export { opaqueKindOf } from './faithful-json.js';
export type { GroupNamingContext, GroupNamingStrategy } from './group-name.js';
export type {
  ConsumerDescription,
  GroupDescription,
  Inspector,
  KeyDescription,
  PendingDescription,
  StreamDescription,
  TrimBound,
} from './inspector.js';
export type {
  ConsumerSurvey,
  GroupLoss,
  GroupState,
  Janitor,
  JanitorTask,
  Removal,
  StreamState,
  Trimmed,
  TrimOrder,
} from './janitor.js';
export { type Logger, safeLogger } from './logger.js';
export { checkKeys, checkLogger, checkTransport, choice, flag, requiredWholeNumber, wholeNumber } from './options.js';
export type { PublishReceipt } from './outgoing-event.js';
export { partitionOf, partitionStream } from './partition.js';
export type { PartitionTable } from './partition-table.js';
export {
  type BatchEvent,
  EventPublisher,
  type PublisherBackpressure,
  type PublishOptions,
  type PublishOutcomeOf,
} from './publisher.js';
export type { PublisherDurability, PublisherOptions } from './publisher-options.js';
export { retryOperation } from './retry-operation.js';
export { exponentialBackoff, fixedDelay, type RecoveryStrategy, type RetryPolicy } from './retry-policy.js';
export {
  checkSchema,
  type JsonSchemaOf,
  type JsonSchemaOptions,
  type SchemaInput,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
} from './standard-schema.js';
export {
  checkMemberName,
  checkPrefix,
  checkStreamValidation,
  companionKey,
  type StreamValidation,
  streamKey,
} from './stream-name.js';
export type {
  Acknowledged,
  Acknowledgement,
  Claim,
  GroupProgress,
  GroupStart,
  PendingEntry,
  Subscription,
  SubscriptionOptions,
} from './subscription.js';
export type {
  AppendAnswer,
  Appender,
  AppenderOptions,
  Capabilities,
  Durability,
  Entry,
  Failover,
  Failure,
  FailureKind,
  Fields,
  FieldValue,
  Finding,
  Idempotency,
  NewEntry,
  Stored,
  Transport,
} from './transport.js';
export { type TrimStrategy, trimPolicyOf } from './trim-options.js';
export {
  combine,
  type KeepUnread,
  keepUnread,
  maxAge,
  maxBytes,
  maxLength,
  type TrimDecision,
  type TrimOverflow,
  type TrimPolicy,
} from './trim-policy.js';
export type { ConsumerValidationOptions, ValidationOptions } from './validation-options.js';
export type { DocumentedValidator, StrictMode, Validator, ValidatorFactory, ValidatorOptions } from './validator.js';
export { type ValidatorLibrary, validatorsOf } from './validators-of.js';
export { type ContractVersion, type VersionedContract, versioned, versionsOf } from './versioned.js';
