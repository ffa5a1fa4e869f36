import type { Entry } from './transport.js';

/** Looks at streams, and trims them, without taking part in their consumption. */
export interface Inspector {
  /** The stream and its groups, or `undefined` when there is no such stream. */
  describe(stream: string): Promise<StreamDescription | undefined>;

  /** Up to `count` entries from id `from` to id `to`, both included (`-` and `+` = the first and the last), oldest first. */
  range(stream: string, from: string, to: string, count: number): Promise<readonly Entry[]>;

  /** The entries with these ids, in this order; `fields` is `null` for what does not exist. */
  fetch(stream: string, ids: readonly string[]): Promise<readonly Entry[]>;

  /** Removes entries beyond `bound` from the stream's beginning, read or not. Resolves with how many went. */
  trim(stream: string, bound: TrimBound): Promise<number>;

  /** Ends the handle. Idempotent. */
  close(): Promise<void>;
}

/** The newest `maxLength` entries stay; or those with ids at or above `minId`. */
export type TrimBound = { readonly maxLength: number } | { readonly minId: string };

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
