import type { Entry } from './transport.js';

/** Looks at streams without taking part in their consumption, and changes nothing. */
export interface Inspector {
  /** The keys that begin with `prefix`, or with `{` and `prefix`; all keys for ''. Page by page, each key at least once. */
  keys(prefix: string): AsyncIterable<readonly KeyDescription[]>;

  /** How much memory each key takes, as the server estimates it, at the same index; `null` when it does not exist or may not be asked. */
  memory(keys: readonly string[]): Promise<readonly (number | null)[]>;

  /** The stream and its groups, or `undefined` when there is no such stream. */
  describe(stream: string): Promise<StreamDescription | undefined>;

  /** Up to `count` entries from id `from` to id `to`, both included (`-` and `+` = the first and the last), oldest first. */
  range(stream: string, from: string, to: string, count: number): Promise<readonly Entry[]>;

  /** The entries with these ids, in this order; `fields` is `null` for what does not exist. */
  fetch(stream: string, ids: readonly string[]): Promise<readonly Entry[]>;

  /** How many entries there are from id `from` to id `to`, both included. Counts in steps: takes long where there are many. */
  count(stream: string, from: string, to: string): Promise<number>;

  /** Up to `count` pending entries of a group with ids after `after` (`0-0` = from the first), in id order; of one consumer, or of all. */
  pending(
    stream: string,
    group: string,
    after: string,
    count: number,
    consumer: string | undefined,
  ): Promise<readonly PendingDescription[]>;

  /** The consumers of a group; rejects as `group-lost` when there is no such group. */
  consumers(stream: string, group: string): Promise<readonly ConsumerDescription[]>;

  /** Ends the handle. Idempotent. */
  close(): Promise<void>;
}

/** The newest `maxLength` entries stay, and those with ids at or above `minId`; with both, only what both let stay. */
export interface TrimBound {
  readonly maxLength?: number | undefined;
  readonly minId?: string | undefined;
}

/** A key, and whether it holds a stream: an event stream, or the dead letters of one. */
export interface KeyDescription {
  readonly key: string;
  readonly isStream: boolean;
}

/** A pending entry as it is now. */
export interface PendingDescription {
  readonly id: string;
  readonly consumer: string;
  /** How long ago it was handed out, taken over or kept alive. */
  readonly idleMs: number;
  /** How often it was handed out, as far as the server knows. */
  readonly deliveries: number;
}

/** A consumer as it is now. */
export interface ConsumerDescription {
  readonly name: string;
  readonly pending: number;
  /** How long ago the server last heard from it, as far as it keeps that. */
  readonly idleMs: number;
}

/** A stream as it is now. */
export interface StreamDescription {
  readonly length: number;
  /** `null` when the stream is empty. */
  readonly firstEntryId: string | null;
  /** The last id that the server gave out, even if that entry is gone; `0-0` when none ever was. */
  readonly lastGeneratedId: string;
  /** How many entries were ever taken out of it, by trimming or deleting, or `null` when the server cannot know. */
  readonly removed: number | null;
  readonly groups: readonly GroupDescription[];
}

/** A consumer group as it is now. */
export interface GroupDescription {
  readonly name: string;
  readonly consumers: number;
  readonly pending: number;
  readonly lastDeliveredId: string;
  /** Entries that the group has not been given yet, or `null` when the server cannot know. Never 0 in place of unknown. */
  readonly lag: number | null;
}
