import type { Inspector } from './inspector.js';
import type { Subscription, SubscriptionOptions } from './subscription.js';

/**
 * What an adapter implements and core calls; applications only construct, connect and close it.
 *
 * An adapter translates. It does not retry, log, validate, encode, or wrap errors: a verb rejects with whatever went
 * wrong and `classify` says what that means; core decides, retries, and wraps once. Every verb may be called
 * concurrently and settles within a deadline, whatever the server does. Handles (`appender`, `subscription`,
 * `inspector`) open what they need on first use; who opened a handle closes it, and closing twice is harmless.
 */
export interface Transport {
  /** How core retries operations: `failfast` rejects the first transient refusal. `maxRetries` does not count the first attempt. */
  readonly retryPolicy: { readonly strategy: 'retry' | 'failfast'; readonly maxRetries: number };

  /** Reaches the server and proves that it can be used, or rejects. Optional: every handle connects on first use. */
  connect(): Promise<void>;

  /** What the server offers. Never probed by trying a write. */
  capabilities(): Promise<Capabilities>;

  /** A handle that stores entries, on a connection of its own. */
  appender(): Appender;

  /** A handle for one consumer of one group of one stream. */
  subscription(options: SubscriptionOptions): Subscription;

  /** A handle that looks at streams without taking part in their consumption. */
  inspector(): Inspector;

  /** What an error that one of this transport's verbs rejected with means. Never throws, never looks at message texts. */
  classify(error: unknown): Failure;

  /** Closes every connection that the transport opened and ends its handles. A borrowed client stays open. Idempotent. */
  close(): Promise<void>;
}

/** Stores entries. */
export interface Appender {
  /**
   * Stores `entries` in the order given, in as few round trips as possible, and resolves with one answer for each, at
   * the same index, within `withinMs`: the entry id that the server gave, or the failure. Never rejects, never sends an
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

/** An entry to be stored. `stream` is the physical key. */
export interface NewEntry {
  readonly stream: string;
  readonly fields: Fields;
}

/** An entry as stored. `fields` is `null` when the entry no longer exists. */
export interface Entry {
  readonly id: string;
  readonly fields: Fields | null;
}

/** The id of a stored entry, or why there is none. */
export type AppendAnswer = string | Failure;

/**
 * What a failure means for what comes next.
 * - `offline`: nothing was sent, for want of a connection.
 * - `refused`: the server did not execute it and may do so later (loading, read-only, out of memory, busy).
 * - `invalid`: the server did not execute it and never will (wrong type, syntax, protocol).
 * - `denied`: authentication or permission is missing; only an operator can change that.
 * - `unknown`: it was sent and not answered; it may have been executed.
 * - `group-lost`: the stream or the consumer group does not exist.
 * - `closed`: the handle or the transport was closed.
 */
export type FailureKind = 'offline' | 'refused' | 'invalid' | 'denied' | 'unknown' | 'group-lost' | 'closed';

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
}
