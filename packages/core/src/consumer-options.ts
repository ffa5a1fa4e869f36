import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type CircuitBreakerOptions, type CircuitBreakerSettings, circuitBreakerSettings } from './circuit-breaker.js';
import type { Codec } from './codec.js';
import { payloadDecoder } from './decode-fields.js';
import { sealedPrefix } from './environment-seal.js';
import { OptionsError } from './errors.js';
import type { EventContracts } from './event-contracts.js';
import type { EventValidator } from './event-validator.js';
import { type GroupNamingStrategy, groupName } from './group-name.js';
import { type Logger, safeLogger } from './logger.js';
import { checkKeys, checkLogger, checkTransport, choice, flag, requiredWholeNumber, wholeNumber } from './options.js';
import { checkPartitionable, maxPartitions, partitionStreams } from './partition.js';
import type { PayloadDecoder } from './payload.js';
import { type RecoveryStrategy, type RetryPolicy, retrySettings } from './retry-policy.js';
import {
  checkMemberName,
  checkPrefix,
  checkStreamValidation,
  companionKey,
  type StreamValidation,
  streamKey,
} from './stream-name.js';
import type { GroupStart } from './subscription.js';
import type { Transport } from './transport.js';
import { type ConsumerValidationOptions, eventValidator } from './validation-options.js';

export interface ConsumerOptions<Contracts extends EventContracts = EventContracts> {
  /** How events reach this process. May be shared; stopping the consumer leaves it usable for others. */
  readonly transport: Transport;
  /** The stream to read; or give `streams`. */
  readonly stream?: string | undefined;
  /** The streams to read, each with the same group and handlers. */
  readonly streams?: readonly string[] | undefined;
  /** Stands before every stream name, as the publisher's does. */
  readonly streamPrefix?: string | undefined;
  /** Which stream names may be used. Default: `true`, the built-in rules. */
  readonly streamValidation?: StreamValidation | undefined;
  /** Whether to start only where the server is recorded to be for `streamPrefix`; the first to ask records its own. Default: `false`. */
  readonly environmentSeal?: boolean | undefined;
  /** The consumer group: each group is given every event, and its consumers share them. Required unless the strategy names it. */
  readonly group?: string | undefined;
  /** How the group is named: as `group` says (`custom`, the default), as `serviceName` says (`service-name`), or by a function. */
  readonly groupNamingStrategy?: GroupNamingStrategy | undefined;
  /** This service's name, for `groupNamingStrategy`. */
  readonly serviceName?: string | undefined;
  /** Whether a group that is missing is created. `false` = `start` rejects with `GroupNotFoundError`, and a group that is lost later ends the consumer. Default: `true`. */
  readonly autoCreateGroup?: boolean | undefined;
  /**
   * Whether to remove groups of these streams that nobody uses: none of whose consumers has given a sign of life for
   * `idleMs` (10,000 at least), with nothing pending and nothing unread. Default: `false`.
   */
  readonly cleanupUnusedGroups?: false | { readonly idleMs: number } | undefined;
  /** This consumer's name in the group. Default: host, process id and a random part, unique and not stable. */
  readonly consumer?: string | undefined;
  /** Where a group begins that is created now. Default: `beginning`. */
  readonly startFrom?: GroupStart | undefined;
  /**
   * What to do when the group is lost (flushed, evicted, a stale replica): `beginning` (default) = read everything
   * again; `resume` = from the last known position less a minute, unless the stream no longer reaches it; `fail` =
   * stop; or from after an entry id. Never silently at the end.
   */
  readonly onGroupLost?: 'beginning' | 'resume' | 'fail' | { readonly entryId: string } | undefined;
  /** How long a handler may run, in milliseconds. Default: 0, as long as it likes. */
  readonly handlerTimeoutMs?: number | undefined;
  /** How many handlers run at once. Default: 16. */
  readonly concurrency?: number | undefined;
  /** How many events are read ahead of the handlers. Default: 256. */
  readonly prefetch?: number | undefined;
  /** How many characters of them. Default: 67,108,864. */
  readonly maxInFlightBytes?: number | undefined;
  /** `key` = events of one key run one after another, in order, retries included. Default: `none`. */
  readonly ordering?: 'none' | 'key' | undefined;
  /**
   * How many partitions the stream has, 1 to 1,024; the publishers must say the same. Every consumer of the group reads
   * all of them, or, with `ordering: 'key'`, some: each partition then has one owner at a time. Default: not partitioned.
   */
  readonly partitions?: number | undefined;
  /**
   * How long a partition stays its owner's without a sign of life, in milliseconds: others have it that long after a
   * death. Only with `partitions` and `ordering: 'key'`. Default: 10,000.
   */
  readonly partitionLeaseMs?: number | undefined;
  /** How long to wait between attempts. Default: `exponential-backoff`. */
  readonly recoveryStrategy?: RecoveryStrategy | undefined;
  /** How often a failed event is tried again before it goes to the dead letters. Default: 5. */
  readonly maxRetries?: number | undefined;
  /**
   * Whether to hold the events of a handler while what it depends on is down, and try one from time to time, so that they
   * do not use up their retries. `true` = after five different events failed one after another. Default: `false`.
   */
  readonly circuitBreaker?: boolean | CircuitBreakerOptions | undefined;
  /**
   * More pending entries in the whole group raise `backpressure`, once an episode. Default: 1,000, or twice what its
   * consumers may read ahead, whichever is more.
   */
  readonly backpressureThreshold?: number | undefined;
  /** A group whose oldest unread or pending entry is older, in milliseconds, raises `slowConsumer`, once an episode. Default: 5,000. */
  readonly slowConsumerThreshold?: number | undefined;
  /** What happens to a type without a handler. Default: `skip`, which acknowledges it for the whole group. */
  readonly onUnhandled?: 'skip' | 'release' | 'deadLetter' | undefined;
  /** How long an event must be left alone before another consumer takes it for abandoned, in milliseconds. Default: 60,000. */
  readonly claimIdleMs?: number | undefined;
  /** Where events go that failed for good. Default: `true`, a stream beside the one read. `false` = they stay pending. */
  readonly deadLetter?: boolean | { readonly stream: string } | undefined;
  /** Whether to skip event ids that this group has handled within `windowMs`. `true` = 10 minutes. Default: `false`. */
  readonly deduplicate?: boolean | { readonly windowMs: number; readonly maxEntries?: number } | undefined;
  /** A schema for each event type: see `defineEvents`. */
  readonly events?: Contracts | undefined;
  /**
   * Whether, and with what else, events are checked before they are handled, and what becomes of those that do not match.
   * Default: with their contracts, where there are some, and to the dead letters.
   */
  readonly validation?: ConsumerValidationOptions | undefined;
  /**
   * What happens to an event that was published under a newer version than its contract has: `release` (default) hands it to
   * another consumer, as often as a failed event is retried, and then moves it to the dead letters; `deadLetter` moves it at
   * once; `skip` acknowledges it for the whole group; `stop` ends this consumer, and it stays pending.
   */
  readonly onNewerVersion?: 'release' | 'deadLetter' | 'skip' | 'stop' | undefined;
  /** What reads data that is not JSON, by the media type that its entry names. JSON, and what is packed, is always read. */
  readonly codecs?: readonly Codec[] | undefined;
  /** How large packed data may become when it is unpacked, in bytes. Default: 16,777,216. */
  readonly maxPayloadBytes?: number | undefined;
  /** Where warnings go that nobody listens for. Default: process warnings. */
  readonly logger?: Logger | undefined;
}

/** The streams that one name of a user's stands for. */
export interface StreamNames {
  readonly stream: string;
  /** `undefined` when nothing is dead-lettered. */
  readonly deadLetters: string | undefined;
}

/** A stream that is divided, and what its partitions are called. */
export interface PartitionedStream {
  readonly stream: string;
  /** By partition number. */
  readonly partitions: readonly StreamNames[];
}

/** Options, checked and completed. */
export interface ConsumerSettings {
  readonly transport: Transport;
  /** What is read without owning it: streams, or partitions. */
  readonly streams: readonly StreamNames[];
  readonly partitioned: readonly PartitionedStream[];
  /** `undefined` = partitions are not owned, there are none or all are read by everybody. */
  readonly partitionLeaseMs: number | undefined;
  readonly group: string;
  readonly autoCreateGroup: boolean;
  /** `undefined` = groups stay, used or not. */
  readonly unusedGroupIdleMs: number | undefined;
  /** The prefix that the server must be recorded to be for. */
  readonly sealedPrefix: string | undefined;
  readonly consumer: string;
  /** Whether the user chose the name, so that another process may have chosen it too. */
  readonly consumerIsNamed: boolean;
  readonly startFrom: GroupStart;
  readonly onGroupLost: 'beginning' | 'resume' | 'fail' | { readonly entryId: string };
  readonly handlerTimeoutMs: number;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly maxInFlightCharacters: number;
  readonly ordering: 'none' | 'key';
  readonly maxAttempts: number;
  readonly retryPolicy: RetryPolicy;
  readonly circuitBreaker: CircuitBreakerSettings | undefined;
  /** `undefined` = by what the group's consumers may read ahead. */
  readonly backpressureThreshold: number | undefined;
  readonly slowConsumerThreshold: number;
  readonly onUnhandled: 'skip' | 'release' | 'deadLetter';
  readonly claimIdleMs: number;
  readonly deduplicate: { readonly windowMs: number; readonly maxEntries: number } | undefined;
  readonly validator: EventValidator | undefined;
  readonly onInvalid: 'deadLetter' | 'deliver' | 'stop';
  readonly onNewerVersion: 'release' | 'deadLetter' | 'skip' | 'stop';
  readonly payload: PayloadDecoder;
  readonly logger: Logger;
}

const optionNames = [
  'transport',
  'stream',
  'streams',
  'streamPrefix',
  'streamValidation',
  'environmentSeal',
  'group',
  'groupNamingStrategy',
  'serviceName',
  'autoCreateGroup',
  'cleanupUnusedGroups',
  'consumer',
  'startFrom',
  'onGroupLost',
  'handlerTimeoutMs',
  'concurrency',
  'prefetch',
  'maxInFlightBytes',
  'ordering',
  'partitions',
  'partitionLeaseMs',
  'recoveryStrategy',
  'maxRetries',
  'circuitBreaker',
  'backpressureThreshold',
  'slowConsumerThreshold',
  'onUnhandled',
  'claimIdleMs',
  'deadLetter',
  'deduplicate',
  'events',
  'validation',
  'onNewerVersion',
  'codecs',
  'maxPayloadBytes',
  'logger',
] as const satisfies readonly (keyof ConsumerOptions)[];

const entryIdForm = /^\d{1,20}-\d{1,20}$/;

/** Throws `OptionsError` or `StreamNameError` for options that cannot work. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  checkKeys('EventConsumer', options, optionNames);
  checkTransport('EventConsumer', options.transport);
  checkLogger(options.logger);
  if (options.consumer !== undefined) checkMemberName('consumer', options.consumer);
  const { streams, partitioned } = streamsOf(options);
  const ordering = choice('ordering', options.ordering, 'none', ['none', 'key']);
  const partitionLeaseMs = ownershipOf(options);
  const most = streams.length + partitioned.reduce((sum, { partitions }) => sum + partitions.length, 0);
  const autoCreateGroup = flag('autoCreateGroup', options.autoCreateGroup, true);
  const { maxAttempts, policy } = retrySettings(options.recoveryStrategy, options.maxRetries);
  return {
    transport: options.transport,
    streams: partitionLeaseMs === undefined ? [...streams, ...partitioned.flatMap((each) => each.partitions)] : streams,
    partitioned,
    partitionLeaseMs,
    group: groupOf(options),
    autoCreateGroup,
    unusedGroupIdleMs: cleanup(options.cleanupUnusedGroups ?? false),
    sealedPrefix: sealedPrefix(options),
    consumer: options.consumer ?? uniqueName(),
    consumerIsNamed: options.consumer !== undefined,
    startFrom: startOf(options.startFrom, autoCreateGroup),
    onGroupLost: lossPolicy(options.onGroupLost, autoCreateGroup),
    handlerTimeoutMs: wholeNumber('handlerTimeoutMs', options.handlerTimeoutMs, 0, { min: 0, max: 2_147_483_647 }),
    concurrency: wholeNumber('concurrency', options.concurrency, 16, { min: 1, max: 100_000 }),
    // every stream needs a part of it
    prefetch: wholeNumber('prefetch', options.prefetch, Math.max(256, most), {
      min: most,
      max: 100_000,
    }),
    maxInFlightCharacters: wholeNumber('maxInFlightBytes', options.maxInFlightBytes, 67_108_864, { min: 1 }),
    ordering,
    maxAttempts,
    retryPolicy: policy,
    circuitBreaker: circuitBreakerSettings(options.circuitBreaker),
    backpressureThreshold:
      options.backpressureThreshold === undefined
        ? undefined
        : wholeNumber('backpressureThreshold', options.backpressureThreshold, 1_000, { min: 1 }),
    slowConsumerThreshold: wholeNumber('slowConsumerThreshold', options.slowConsumerThreshold, 5_000, { min: 1 }),
    onUnhandled: choice('onUnhandled', options.onUnhandled, 'skip', ['skip', 'release', 'deadLetter']),
    claimIdleMs: wholeNumber('claimIdleMs', options.claimIdleMs, 60_000, { min: 100, max: 2_147_483_647 }),
    deduplicate: deduplication(options.deduplicate ?? false),
    validator: eventValidator(options.events, options.validation, ['onInvalid']),
    onInvalid: choice('validation.onInvalid', options.validation?.onInvalid, 'deadLetter', [
      'deadLetter',
      'deliver',
      'stop',
    ]),
    onNewerVersion: newerVersion(options),
    payload: payloadDecoder(options),
    logger: safeLogger(options.logger),
  };
}

function newerVersion({ onNewerVersion, events, validation }: ConsumerOptions): ConsumerSettings['onNewerVersion'] {
  if (onNewerVersion !== undefined && events === undefined && validation?.schema === undefined) {
    throw new OptionsError("onNewerVersion needs contracts: give 'events' or validation.schema");
  }
  return choice('onNewerVersion', onNewerVersion, 'release', ['release', 'deadLetter', 'skip', 'stop']);
}

function streamsOf({
  stream,
  streams,
  streamPrefix,
  streamValidation = true,
  deadLetter = true,
  partitions,
}: ConsumerOptions): { readonly streams: StreamNames[]; readonly partitioned: PartitionedStream[] } {
  if (streamPrefix !== undefined) checkPrefix(streamPrefix);
  checkStreamValidation(streamValidation);
  if ((stream === undefined) === (streams === undefined)) {
    throw new OptionsError("EventConsumer needs either 'stream' or 'streams'");
  }
  const names = streams ?? [stream as string];
  if (!Array.isArray(names) || names.length === 0) throw new OptionsError("'streams' must name at least one stream");
  if (new Set(names).size !== names.length) throw new OptionsError("'streams' names a stream twice");
  const keyOf = (name: string) => streamKey(name, streamPrefix, streamValidation);
  const isOwnStream = typeof deadLetter === 'object' && deadLetter !== null;
  if (!isOwnStream && typeof deadLetter !== 'boolean') {
    throw new OptionsError('deadLetter must be true, false or { stream }');
  }
  if (isOwnStream) checkKeys('deadLetter', deadLetter, ['stream']);
  const readFrom = (name: string, key: string): StreamNames => {
    const deadLetters = isOwnStream ? keyOf(deadLetter.stream) : deadLetter ? companionKey(key, 'dlq') : undefined;
    if (deadLetters === key) throw new OptionsError(`deadLetter.stream is the stream that is read: '${name}'`);
    return { stream: key, deadLetters };
  };
  if (partitions === undefined) return { streams: names.map((name) => readFrom(name, keyOf(name))), partitioned: [] };
  const count = wholeNumber('partitions', partitions, 1, { min: 1, max: maxPartitions });
  const partitioned = names.map((name) => {
    const stream = keyOf(name);
    checkPartitionable(name);
    return { stream, partitions: partitionStreams(stream, count).map((key) => readFrom(name, key)) };
  });
  return { streams: [], partitioned };
}

function ownershipOf({ partitions, partitionLeaseMs, ordering }: ConsumerOptions): number | undefined {
  if (partitions !== undefined && ordering === 'key') {
    return wholeNumber('partitionLeaseMs', partitionLeaseMs, 10_000, { min: 1_000, max: 3_600_000 });
  }
  if (partitionLeaseMs === undefined) return undefined;
  throw new OptionsError("partitionLeaseMs is for consumers with 'partitions' and ordering: 'key'");
}

function uniqueName(): string {
  const host =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 100) || 'host';
  return `${host}-${process.pid}-${randomUUID().slice(0, 8)}`;
}

function groupStart<Named extends string>(
  option: string,
  value: Named | { readonly entryId: string } | { readonly time: number },
  named: readonly Named[],
): Named | { readonly entryId: string } | { readonly time: number } {
  if (typeof value === 'string' && named.includes(value)) return value;
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 1) {
    if ('entryId' in value && typeof value.entryId === 'string' && entryIdForm.test(value.entryId)) return value;
    if ('time' in value && Number.isSafeInteger(value.time) && value.time >= 0) return value;
  }
  const forms = named.map((name) => `'${name}'`).join(', ');
  throw new OptionsError(
    `${option} must be ${forms}, { entryId: '<ms>-<sequence>' } or { time: <Unix ms> }, not ${JSON.stringify(value)}`,
  );
}

function groupOf({ group, groupNamingStrategy, serviceName, stream, streams, streamPrefix }: ConsumerOptions): string {
  const given = streams ?? [stream as string];
  return groupName(groupNamingStrategy, { streams: given, streamPrefix, serviceName, group });
}

function cleanup(value: false | { readonly idleMs: number }): number | undefined {
  if (value === false) return undefined;
  if (typeof value !== 'object' || value === null) {
    throw new OptionsError('cleanupUnusedGroups must be false or { idleMs }');
  }
  checkKeys('cleanupUnusedGroups', value, ['idleMs']);
  return requiredWholeNumber('cleanupUnusedGroups.idleMs', value.idleMs, { min: 10_000 });
}

function startOf(value: ConsumerOptions['startFrom'], autoCreateGroup: boolean): GroupStart {
  if (value !== undefined && !autoCreateGroup) {
    throw new OptionsError('startFrom contradicts autoCreateGroup: false: a group that exists knows where it is');
  }
  return groupStart('startFrom', value ?? 'beginning', ['beginning', 'latest']);
}

function lossPolicy(given: ConsumerOptions['onGroupLost'], autoCreateGroup: boolean): ConsumerSettings['onGroupLost'] {
  if (!autoCreateGroup && given !== undefined && given !== 'fail') {
    throw new OptionsError(
      "onGroupLost contradicts autoCreateGroup: false, which creates no group: leave it out, or say 'fail'",
    );
  }
  const value = given ?? (autoCreateGroup ? 'beginning' : 'fail');
  const policy = groupStart('onGroupLost', value, ['beginning', 'resume', 'fail']);
  if (typeof policy === 'object' && 'time' in policy)
    throw new OptionsError('onGroupLost takes no { time }: give { entryId }');
  return policy;
}

function deduplication(
  value: NonNullable<ConsumerOptions['deduplicate']>,
): { readonly windowMs: number; readonly maxEntries: number } | undefined {
  if (value === false) return undefined;
  if (value === true) return { windowMs: 600_000, maxEntries: 1_000_000 };
  checkKeys('deduplicate', value, ['windowMs', 'maxEntries']);
  return {
    windowMs: wholeNumber('deduplicate.windowMs', value.windowMs, 600_000, { min: 1_000, max: 604_800_000 }),
    maxEntries: wholeNumber('deduplicate.maxEntries', value.maxEntries, 1_000_000, { min: 1 }),
  };
}
