import type { Inspector } from './inspector.js';
import type { Janitor } from './janitor.js';
import type { PartitionTable } from './partition-table.js';
import type { Subscription, SubscriptionOptions } from './subscription.js';

/**
 * What an adapter implements and core calls; applications only construct, connect and close it.
 *
 * An adapter translates. It does not retry, log, validate, encode, or wrap errors: a verb rejects with whatever went
 * wrong and `classify` says what that means; core decides, retries, and wraps once. Every verb may be called
 * concurrently and settles within a deadline, whatever the server does. Handles (`appender`, `subscription`,
 * `inspector`, …) open what they need on first use; who opened a handle closes it, and closing twice is harmless.
 */
export interface Transport {
  /** How core retries operations: `failfast` rejects the first transient refusal. `maxRetries` does not count the first attempt. */
  readonly retryPolicy: { readonly strategy: 'retry' | 'failfast'; readonly maxRetries: number };

  /** Reaches the server and proves that it can be used, or rejects. Optional: every handle connects on first use. */
  connect(): Promise<void>;

  /** What the server offers. Never probed by trying a write. */
  capabilities(): Promise<Capabilities>;

  /** A handle that stores entries, on a connection of its own. */
  appender(options: AppenderOptions): Appender;

  /** A handle for one consumer of one group of one stream. */
  subscription(options: SubscriptionOptions): Subscription;

  /** A handle that looks at streams without taking part in their consumption. */
  inspector(): Inspector;

  /** A handle that keeps streams within bounds, and removes groups and consumers that nobody uses. */
  janitor(): Janitor;

  /** A handle on what is agreed on about the partitions of `stream`, the key before any partition's number. */
  partitionTable(stream: string): PartitionTable;

  /** What an error that one of this transport's verbs rejected with means. Never throws, never looks at message texts. */
  classify(error: unknown): Failure;

  /**
   * Calls `listener` whenever streams pass from one server to another that may not have all they held (a replica was
   * promoted), before anything is sent to that one. What waited to be stored there is answered `offline`, so that what
   * is missing can be stored first. Returns how to end it.
   */
  onFailover(listener: (failover: Failover) => void): () => void;

  /** Closes every connection that the transport opened and ends its handles. A borrowed client stays open. Idempotent. */
  close(): Promise<void>;
}

/** How an appender stores. */
export interface AppenderOptions {
  /** How far entries must have come before they are answered. */
  readonly durability: Durability;
  /** Which events are stored once, however often they are sent; `undefined` = every entry is stored. */
  readonly idempotency: Idempotency | undefined;
}

/**
 * - `leader`: the server has it.
 * - `replicas`: so many replicas have acknowledged it too.
 * - `fsync`: the server has it on disk, and so many replicas have it on theirs.
 */
export type Durability =
  | { readonly level: 'leader' }
  | { readonly level: 'replicas' | 'fsync'; readonly replicas: number; readonly timeoutMs: number };

/** An event id is remembered for `windowMs`; when more than `maxEntries` of a stream are, the oldest are forgotten early. */
export interface Idempotency {
  readonly windowMs: number;
  readonly maxEntries: number;
  /** Told, at most once a minute, that `maxEntries` cut the window of `stream` short. */
  readonly onShortened: (stream: string, effectiveWindowMs: number) => void;
}

/** Stores entries. */
export interface Appender {
  /**
   * Stores `entries` in the order given, in as few round trips as possible, and resolves with one answer for each, at
   * the same index, within `withinMs`: what was stored, or the failure. A durability that was not reached, or not
   * heard of in time, is `Stored` with `isDurable: false`, never a failure. Never rejects, never sends an
   * entry twice, and never answers `unknown` for an entry whose bytes did not leave. Entries of one call, and of
   * calls in succession, reach a stream in order, and calls are answered in order; an entry may be refused while later
   * ones are stored.
   */
  append(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]>;

  /** Ends the handle once the calls under way are answered. */
  close(): Promise<void>;
}

/** A value in an entry: text when its bytes are valid UTF-8, otherwise the bytes. */
export type FieldValue = string | Uint8Array;

/** Names and values in turn, in stored order. Names may repeat, and may be anything. */
export type Fields = readonly FieldValue[];

/** An entry to be stored. `stream` is the physical key, `id` the event's id, by which a duplicate is told. */
export interface NewEntry {
  readonly stream: string;
  readonly id: string;
  readonly fields: Fields;
}

/** An entry as stored. `fields` is `null` when the entry no longer exists. */
export interface Entry {
  readonly id: string;
  readonly fields: Fields | null;
}

/** The id of a stored entry where there is no more to say (no durability beyond `leader`, no duplicate), more, or why there is none. */
export type AppendAnswer = string | Stored | Failure;

/** A stored entry. */
export interface Stored {
  readonly entryId: string;
  /** Whether the event was stored before, within the window: `entryId` is that of then. */
  readonly isDuplicate: boolean;
  /** Whether the durability asked for is known to be reached. */
  readonly isDurable: boolean;
  /** How many replicas have acknowledged it; `null` when nobody said. */
  readonly replicas: number | null;
}

/** Whether an answer says that the entry is stored. */
export function isStored(answer: AppendAnswer): answer is string | Stored {
  return typeof answer === 'string' || 'entryId' in answer;
}

/** Streams that passed from one server to another. */
export interface Failover {
  /** `host:port` of the server that was left. */
  readonly from: string;
  /** `host:port` of the one now in charge. */
  readonly to: string;
  /** Whether `stream` is one of them. */
  concerns(stream: string): boolean;
}

/**
 * What a failure means for what comes next.
 * - `offline`: nothing was done, for want of a connection, or of a server that is in charge and ready.
 * - `refused`: the server did not execute it and may do so later (read-only, out of memory, busy).
 * - `invalid`: the server did not execute it and never will (wrong type, syntax, protocol).
 * - `denied`: authentication or permission is missing; only an operator can change that.
 * - `unknown`: it was sent and not answered; it may have been executed.
 * - `group-lost`: the stream or the consumer group does not exist.
 * - `fenced`: another handle has taken the lease of `own` since; nothing was executed.
 * - `unsupported`: the server lacks what was asked for; nothing was sent.
 * - `closed`: the handle or the transport was closed.
 */
export type FailureKind =
  | 'offline'
  | 'refused'
  | 'invalid'
  | 'denied'
  | 'unknown'
  | 'group-lost'
  | 'fenced'
  | 'unsupported'
  | 'closed';

/** A failure, classified. `cause` holds no payload and no secret. */
export interface Failure {
  readonly kind: FailureKind;
  readonly cause: Error;
}

/** What is known of the server. */
export interface Capabilities {
  /** `redis`, `valkey`, `memory`, or what else the server calls itself. */
  readonly engine: string;
  /** The server's version, or `null` when it may not be asked. */
  readonly version: string | null;
  /** Optional commands, in upper case, each with whether the server has it. */
  readonly commands: Readonly<Record<string, boolean>>;
  /** What happens when memory is full (`noeviction` is the only safe answer), or `null` when it may not be asked. */
  readonly evictionPolicy: string | null;
  /** What is wrong with the way the server is set up, as far as it may be asked, the worst first. */
  readonly findings: readonly Finding[];
}

/** Something about the server's settings by which events may be lost or refused. */
export interface Finding {
  /** Which one: a word that stays the same. */
  readonly code: string;
  /** What may happen, and what to do. */
  readonly message: string;
}
