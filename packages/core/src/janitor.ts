import type { TrimBound } from './inspector.js';

/**
 * Keeps streams within bounds and groups in order. Each verb decides and acts in one step on the server, so that
 * nothing that is published, read or settled meanwhile can make its decision wrong.
 */
export interface Janitor {
  /**
   * Takes, or renews, this handle's turn at looking after something of a stream, for `forMs` of the server's time: many
   * processes share a stream, and one at a time does the work. Resolves with `false` while another handle has the turn.
   */
  takeTurn(stream: string, task: JanitorTask, forMs: number): Promise<boolean>;

  /** Gives a turn back, if this handle has it. */
  endTurn(stream: string, task: JanitorTask): Promise<void>;

  /**
   * The stream as it is now, or `undefined` when there is none. A group or consumer without a recorded sign of life is
   * given one now, and judged from then on.
   */
  survey(stream: string): Promise<StreamState | undefined>;

  /** Removes entries from the stream's beginning. A stream that does not exist has none. */
  trim(stream: string, order: TrimOrder): Promise<Trimmed>;

  /**
   * Removes a group and what belongs to it, if no consumer of it has given a sign of life for `silentMs`, nothing is
   * pending in it, and it has been given every entry. Otherwise changes nothing, and says what stood against it.
   */
  removeGroup(stream: string, group: string, silentMs: number): Promise<Removal>;

  /** Removes a consumer from its group, if it has given no sign of life for `silentMs` and owns nothing. */
  removeConsumer(stream: string, group: string, consumer: string, silentMs: number): Promise<Removal>;

  /** Records `prefix` as one that this server is for, unless prefixes are recorded. Resolves with those recorded, sorted. */
  seal(prefix: string): Promise<readonly string[]>;

  /** Adds and takes away prefixes that this server is for. Resolves with those recorded then, sorted; without any, nothing is sealed. */
  changeSeal(add: readonly string[], remove: readonly string[]): Promise<readonly string[]>;

  /** Gives back the turns taken, and ends the handle. Idempotent. */
  close(): Promise<void>;
}

/** What takes turns: trimming a stream, or looking for groups and consumers that nobody uses. */
export type JanitorTask = 'trim' | 'groups';

/** What became of something to be removed; `in-use` = something is pending in it, or it has not been given everything. */
export type Removal = 'removed' | 'alive' | 'in-use' | 'missing';

/** What is to be removed from a stream's beginning. */
export interface TrimOrder {
  /** What is beyond it goes; where both limits are given, what is beyond either. */
  readonly bound: TrimBound;
  /** The most entries that leave in this one step; `null` = all that are beyond the bound, however long that takes. */
  readonly limit: number | null;
  /** Whether to remove exactly what is beyond the bound. Otherwise whole nodes only, which is cheaper and leaves up to one more. */
  readonly isExact: boolean;
  /** `null` = entries go, read or not. Otherwise those stay that a group has not been given, or has pending. */
  readonly keepUnread: {
    /** Groups that nothing is kept for, as long as no consumer of theirs has given a sign of life for `silentMs`. */
    readonly released: readonly string[];
    readonly silentMs: number;
  } | null;
}

/** What a trim did. */
export interface Trimmed {
  readonly removed: number;
  /** What is left. */
  readonly length: number;
  /** `null` when nothing is. */
  readonly firstEntryId: string | null;
  /** How many groups the stream has. */
  readonly groups: number;
  /** The groups that lost entries, with exact counts. */
  readonly lost: readonly GroupLoss[];
}

/** Entries that were removed before a group was done with them. */
export interface GroupLoss {
  readonly group: string;
  /** Entries that the group had not been given. */
  readonly unread: number;
  /** Entries that were pending. */
  readonly pending: number;
}

/** A stream as it is at one moment, for those who decide what to remove. */
export interface StreamState {
  /** The physical key. */
  readonly stream: string;
  /** The server's time, Unix ms. */
  readonly nowMs: number;
  readonly length: number;
  /** How much memory it takes, as the server estimates it, or `null` when it may not be asked. */
  readonly bytes: number | null;
  /** `null` when the stream is empty. */
  readonly firstEntryId: string | null;
  /** The last id that the server gave out, even if that entry is gone. */
  readonly lastGeneratedId: string;
  readonly groups: readonly GroupState[];
}

/** A group as it is at that moment. */
export interface GroupState {
  readonly name: string;
  readonly pending: number;
  readonly lowestPendingId: string | null;
  readonly lastDeliveredId: string;
  /** The lowest id that the group may still need: its lowest pending one, otherwise the first after the last delivered. */
  readonly floor: string;
  /** How long ago one of its consumers gave a sign of life. */
  readonly silentMs: number;
  readonly consumers: readonly ConsumerSurvey[];
}

/** A consumer of that group. */
export interface ConsumerSurvey {
  readonly name: string;
  readonly pending: number;
  readonly silentMs: number;
}
