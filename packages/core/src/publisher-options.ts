import type { Codec } from './codec.js';
import { type CompressionOptions, compressionSettings } from './compression.js';
import { sealedPrefix } from './environment-seal.js';
import { OptionsError } from './errors.js';
import type { EventContracts } from './event-contracts.js';
import { PatternMap } from './event-pattern.js';
import type { EventValidator } from './event-validator.js';
import { type Logger, safeLogger } from './logger.js';
import { checkKeys, checkLogger, checkTransport, choice, flag, requiredWholeNumber, wholeNumber } from './options.js';
import { checkPartitionable, maxPartitions } from './partition.js';
import { checkCodec, PayloadEncoder } from './payload.js';
import { checkPrefix, checkStreamValidation, type StreamValidation, streamKey } from './stream-name.js';
import type { Durability, Idempotency, Transport } from './transport.js';
import { type TrimStrategy, trimPolicyOf } from './trim-options.js';
import type { TrimPolicy } from './trim-policy.js';
import { eventValidator, type ValidationOptions } from './validation-options.js';

/** How far an event must have come before it is confirmed. */
export type PublisherDurability =
  | 'leader'
  | { readonly replicas: number; readonly timeoutMs?: number }
  | { readonly fsync: true; readonly replicas?: number; readonly timeoutMs?: number };

export interface PublisherOptions<Contracts extends EventContracts = EventContracts> {
  /** How events reach the server. May be shared; closing the publisher leaves it usable for others. */
  readonly transport: Transport;
  /** Who publishes, as consumers see it: the service's name. */
  readonly source: string;
  /** Where events go that neither `publish` nor `routes` sends elsewhere. Without it they are refused. */
  readonly defaultStream?: string | undefined;
  /** Stands before every stream name, as `prefix:name`, and keeps environments apart. */
  readonly streamPrefix?: string | undefined;
  /** Which stream names may be used. Default: `true`, the built-in rules. */
  readonly streamValidation?: StreamValidation | undefined;
  /** Whether to publish only where the server is recorded to be for `streamPrefix`; the first to ask records its own. Default: `false`. */
  readonly environmentSeal?: boolean | undefined;
  /** Streams by event type, `prefix.*`, or `*`. */
  readonly routes?: Readonly<Record<string, string>> | undefined;
  /**
   * How many partitions every stream of this publisher has, 1 to 1,024: events are placed by key (without one, by id), and
   * consumers must say the same number. Default: not partitioned.
   */
  readonly partitions?: number | undefined;
  /** A schema for each event type: see `defineEvents`. */
  readonly events?: Contracts | undefined;
  /** Whether, and with what else, events are checked before anything is sent. Default: with their contracts, where there are some. */
  readonly validation?: ValidationOptions | undefined;
  /** How data is written. Consumers need the same codec among their `codecs`. Default: `jsonCodec`. */
  readonly codec?: Codec | undefined;
  /** Whether large data is packed; consumers unpack it without being told. `true` = with gzip above 4,096 bytes. Default: `false`. */
  readonly compression?: boolean | CompressionOptions | undefined;
  /** How long one publish may take, waiting included, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number | undefined;
  /** How many events may be on their way at once. Default: 10,000. */
  readonly maxInFlight?: number | undefined;
  /** How many characters of them. Default: 67,108,864. */
  readonly maxInFlightBytes?: number | undefined;
  /** Beyond those limits: as many again wait (`wait`, the default) before calls are refused, or calls are refused at once (`reject`). */
  readonly overflow?: 'wait' | 'reject' | undefined;
  /** The largest payload, encoded and not yet packed, in bytes. Default: 1,048,576. */
  readonly maxPayloadBytes?: number | undefined;
  /** Whether to send again what was sent and not answered, at the price of possible duplicates. Default: false. */
  readonly retryUnknown?: boolean | undefined;
  /**
   * How far an event must have come before `publish` resolves. Default: `leader`, the server that took it. `replicas`:
   * so many replicas have acknowledged it too (WAIT). `fsync`: the server has it on disk, and so many replicas (default:
   * 0) have it on theirs (WAITAOF, Redis 7.2). What is not reached within `timeoutMs` (default: 500) rejects with an
   * `UnderReplicatedError`; the event is stored all the same. None of these is consensus.
   *
   * @see https://redis.io/docs/latest/commands/wait/
   */
  readonly durability?: PublisherDurability | undefined;
  /**
   * Whether to store again what a failover lost: the promoted server is compared with what was confirmed within the
   * last `republishWindowMs` before the last confirmation, and what is missing is stored under the same event ids.
   * Works as long as the publisher lives. Default: `none`.
   */
  readonly failoverRecovery?: 'none' | { readonly republishWindowMs: number } | undefined;
  /**
   * Whether one event id is stored once within `windowMs` (default: 600,000), however often it is sent; what was sent
   * and not answered is then sent again. At most `maxEntries` (default: 1,000,000) ids of a stream are remembered.
   * Default: `false`.
   */
  readonly idempotent?: boolean | { readonly windowMs?: number; readonly maxEntries?: number } | undefined;
  /**
   * How the streams of this publisher are kept from growing: the roadmap's options, or a policy (`maxLength`, `maxAge`,
   * `maxBytes`, `keepUnread`, `combine`, or one of your own). Of many publishers of a stream one at a time does the work.
   * Default: they are not trimmed, which is warned of once.
   */
  readonly trimStrategy?: TrimStrategy | TrimPolicy | undefined;
  /** Where warnings go that nobody listens for. Default: process warnings. */
  readonly logger?: Logger | undefined;
}

/** Options, checked and completed. */
export interface PublisherSettings {
  readonly transport: Transport;
  readonly source: string;
  readonly keyOf: (name: string) => string;
  readonly defaultStream: string | undefined;
  readonly routes: PatternMap<string>;
  readonly partitions: number | undefined;
  /** The prefix that the server must be recorded to be for. */
  readonly sealedPrefix: string | undefined;
  readonly validator: EventValidator | undefined;
  readonly payload: PayloadEncoder;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly maxInFlightCharacters: number;
  readonly overflow: 'wait' | 'reject';
  readonly retryUnknown: boolean;
  readonly durability: Durability;
  readonly idempotency: Omit<Idempotency, 'onShortened'> | undefined;
  /** `undefined` = what a failover loses is lost. */
  readonly republishWindowMs: number | undefined;
  /** `false` = streams may grow, `undefined` = nobody said what to do. */
  readonly trimPolicy: TrimPolicy | false | undefined;
  readonly logger: Logger;
}

const optionNames = [
  'transport',
  'source',
  'defaultStream',
  'streamPrefix',
  'streamValidation',
  'environmentSeal',
  'routes',
  'partitions',
  'events',
  'validation',
  'codec',
  'compression',
  'timeoutMs',
  'maxInFlight',
  'maxInFlightBytes',
  'overflow',
  'maxPayloadBytes',
  'retryUnknown',
  'durability',
  'failoverRecovery',
  'idempotent',
  'trimStrategy',
  'logger',
] as const satisfies readonly (keyof PublisherOptions)[];

/** Throws `OptionsError`, `StreamNameError` or `EventTypeError` for options that cannot work. */
export function publisherSettings(options: PublisherOptions): PublisherSettings {
  checkKeys('EventPublisher', options, optionNames);
  checkTransport('EventPublisher', options.transport);
  checkLogger(options.logger);
  if (typeof options.source !== 'string' || options.source === '') {
    throw new OptionsError("EventPublisher needs 'source': the name of the service that publishes");
  }
  const { streamPrefix, streamValidation = true } = options;
  if (streamPrefix !== undefined) checkPrefix(streamPrefix);
  checkStreamValidation(streamValidation);
  const range = { min: 1, max: maxPartitions };
  const partitions =
    options.partitions === undefined ? undefined : wholeNumber('partitions', options.partitions, 1, range);
  const keyOf = (name: string) => {
    const key = streamKey(name, streamPrefix, streamValidation);
    if (partitions !== undefined) checkPartitionable(name);
    return key;
  };
  const routes = new PatternMap<string>();
  for (const [pattern, stream] of Object.entries(options.routes ?? {})) routes.set(pattern, keyOf(stream));
  const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs, 5_000, { min: 10, max: 3_600_000 });
  const idempotency = idempotencyOf(options.idempotent ?? false, timeoutMs);
  return {
    transport: options.transport,
    source: options.source,
    keyOf,
    defaultStream: options.defaultStream === undefined ? undefined : keyOf(options.defaultStream),
    routes,
    partitions,
    sealedPrefix: sealedPrefix(options),
    validator: eventValidator(options.events, options.validation),
    payload: payloadOf(options),
    timeoutMs,
    maxInFlight: wholeNumber('maxInFlight', options.maxInFlight, 10_000, { min: 1 }),
    maxInFlightCharacters: wholeNumber('maxInFlightBytes', options.maxInFlightBytes, 67_108_864, { min: 1 }),
    overflow: choice('overflow', options.overflow, 'wait', ['wait', 'reject']),
    retryUnknown: flag('retryUnknown', options.retryUnknown, false) || idempotency !== undefined,
    durability: durabilityOf(options.durability ?? 'leader', timeoutMs),
    idempotency,
    republishWindowMs: republishWindow(options.failoverRecovery ?? 'none'),
    trimPolicy: trimPolicyOf(options.trimStrategy),
    logger: safeLogger(options.logger),
  };
}

function payloadOf({ codec, compression, maxPayloadBytes }: PublisherOptions): PayloadEncoder {
  if (codec !== undefined) checkCodec(codec);
  const range = { min: 1, max: 536_870_912 };
  const maxBytes = wholeNumber('maxPayloadBytes', maxPayloadBytes, 1_048_576, range);
  return new PayloadEncoder(codec, compressionSettings(compression), maxBytes);
}

function durabilityOf(value: PublisherDurability, publishTimeoutMs: number): Durability {
  if (value === 'leader') return { level: 'leader' };
  if (typeof value !== 'object' || value === null) {
    throw new OptionsError(
      "durability must be 'leader', { replicas, timeoutMs } or { fsync: true, replicas, timeoutMs }",
    );
  }
  const isFsync = 'fsync' in value;
  checkKeys('durability', value, isFsync ? ['fsync', 'replicas', 'timeoutMs'] : ['replicas', 'timeoutMs']);
  if (isFsync && value.fsync !== true) throw new OptionsError('durability.fsync must be true where it is given');
  // two batches may be under way, and the second waits for the first: both waits must fit into a publish
  const most = Math.floor(publishTimeoutMs / 4);
  return {
    level: isFsync ? 'fsync' : 'replicas',
    replicas: isFsync
      ? wholeNumber('durability.replicas', value.replicas, 0, { min: 0, max: 1_000 })
      : requiredWholeNumber('durability.replicas', value.replicas, { min: 1, max: 1_000 }),
    timeoutMs: wholeNumber('durability.timeoutMs', value.timeoutMs, Math.min(500, most), { min: 1, max: most }),
  };
}

function idempotencyOf(
  value: NonNullable<PublisherOptions['idempotent']>,
  publishTimeoutMs: number,
): PublisherSettings['idempotency'] {
  if (value === false) return undefined;
  const given = value === true ? {} : value;
  checkKeys('idempotent', given, ['windowMs', 'maxEntries']);
  // what is sent a last time at the deadline must still be known from the first time
  const least = Math.max(1_000, 2 * publishTimeoutMs);
  return {
    windowMs: wholeNumber('idempotent.windowMs', given.windowMs, Math.max(600_000, least), {
      min: least,
      max: 604_800_000,
    }),
    maxEntries: wholeNumber('idempotent.maxEntries', given.maxEntries, 1_000_000, { min: 1 }),
  };
}

function republishWindow(value: NonNullable<PublisherOptions['failoverRecovery']>): number | undefined {
  if (value === 'none') return undefined;
  if (typeof value !== 'object' || value === null) {
    throw new OptionsError("failoverRecovery must be 'none' or { republishWindowMs }");
  }
  checkKeys('failoverRecovery', value, ['republishWindowMs']);
  return requiredWholeNumber('failoverRecovery.republishWindowMs', value.republishWindowMs, { min: 1, max: 600_000 });
}
