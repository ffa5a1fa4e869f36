import type { Entry, Fields } from './transport.js';

/** Who reads what. `stream` is the physical key. */
export interface SubscriptionOptions {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
}

/**
 * One consumer of one group of one stream. Verbs that change an entry's fate are fenced: they act only while this
 * consumer owns the entry, atomically on the server, and say so when it does not. Verbs that take ids take any
 * number of them; an empty list costs nothing.
 */
export interface Subscription {
  /** Creates the group, and the stream with it, unless it exists. Resolves with whether it was created. */
  ensureGroup(from: GroupStart): Promise<boolean>;

  /**
   * Takes, or renews, the lease on this consumer's name for `leaseMs`, makes the consumer known to the group, and records a
   * sign of life of both. Resolves with `false`, changing nothing, while somebody else holds the name.
   */
  register(leaseMs: number): Promise<boolean>;

  /**
   * Resolves with up to `count` entries new to the group, oldest first, now owned by this consumer; with `[]` once
   * `blockMs` has passed without any (0 = do not wait). An answer that was lost leaves its entries owned and unseen:
   * `owned` finds them. One call at a time.
   */
  read(count: number, blockMs: number): Promise<readonly Entry[]>;

  /** Ends a `read` under way early, if the server allows it. The read still answers with whatever it was given. */
  interruptRead(): Promise<void>;

  /**
   * Takes over up to `count` entries that other consumers own and have left alone for at least `idleMs`, without
   * raising delivery counts. Goes on where the last call ended, so that every pending entry is looked at in turn.
   */
  claim(idleMs: number, count: number): Promise<Claim>;

  /**
   * How far the group is, at one moment. What it says was missed is a lower bound: entries that went after this was last
   * asked, and that the group has passed meanwhile, are in no answer.
   */
  progress(): Promise<GroupProgress>;

  /**
   * Takes, or renews, the lease on the whole stream as one partition: its sole owner in the group for `leaseMs` of the
   * server's time, and records a sign of life of group and consumer. Resolves with `false`, changing nothing, while another handle's lease lasts. Once it has resolved with
   * `true`, `read`, `takeOver`, `claim`, `start`, `keepAlive`, `acknowledge`, `postpone`, `deadLetter` and `release` fail as
   * `fenced`, and do nothing, from the moment at which another handle has taken the lease, and so does `own` itself:
   * the entries may have changed meanwhile. A lease that is over and that nobody took still lets them pass.
   */
  own(leaseMs: number): Promise<boolean>;

  /** Gives the lease up, so that others can take it at once. What is sent after it fails as `fenced`. Idempotent. */
  disown(): Promise<void>;

  /**
   * Takes over up to `count` entries with ids after `after`, in id order, whoever owns them and however lately, this
   * consumer among them, without raising delivery counts. Fewer mean that there are no more. Only under a lease of `own`.
   * A `read` that was sent before a `takeOver` from `0-0` and not answered is never executed after it.
   */
  takeOver(after: string, count: number): Promise<Claim>;

  /** Up to `count` entries that this consumer owns, with ids after `after` (`0-0` = from the first), in id order. */
  owned(after: string, count: number): Promise<readonly PendingEntry[]>;

  /** The entries with these ids, in this order, whoever owns them; `fields` is `null` for what no longer exists. */
  fetch(ids: readonly string[]): Promise<readonly Entry[]>;

  /** Sets the delivery count of an owned entry before its handler starts. Resolves with whether it is still owned. */
  start(id: string, deliveries: number): Promise<boolean>;

  /** Resets the idle time of owned entries, so that nobody claims them. Resolves with the ids still owned. */
  keepAlive(ids: readonly string[]): Promise<readonly string[]>;

  /**
   * Acknowledges entries, forgets their retry records, and marks their events as handled, in one atomic step where
   * there is more than ids. Idempotent, and not fenced but by the lease of `own`. Resolves with how many were pending.
   */
  acknowledge(acknowledgement: Acknowledgement): Promise<Acknowledged>;

  /** Which of these event ids are marked as handled by this group within `windowMs`, at the same index. */
  handled(eventIds: readonly string[], windowMs: number): Promise<readonly boolean[]>;

  /** Stores the retry record of an owned entry and resets its idle time. Resolves with whether it is still owned. */
  postpone(id: string, record: string): Promise<boolean>;

  /**
   * Moves an owned entry to `stream`: stored there, byte for byte, with `provenance` appended to its fields, and only
   * then acknowledged and its retry record forgotten, in one atomic step where `stream` is a companion of the entry's own.
   * To a stream that is stored elsewhere it may be two: cut short between them, it leaves a copy and the pending entry, and
   * moving that entry again leaves no second copy.
   */
  deadLetter(id: string, stream: string, provenance: Fields): Promise<'moved' | 'not-owned' | 'vanished'>;

  /** Hands owned entries back, so that the next `claim` of any consumer takes them. Resolves with how many. */
  release(ids: readonly string[]): Promise<number>;

  /** Gives up the name, removes the consumer from the group if it owns nothing, and ends the handle. Idempotent. */
  close(): Promise<void>;
}

/** Where a new group begins: every entry, only entries still to come, after an entry id, or from a time on (Unix ms). */
export type GroupStart = 'beginning' | 'latest' | { readonly entryId: string } | { readonly time: number };

/** An entry that is owned and not acknowledged. */
export interface PendingEntry {
  readonly id: string;
  /** How often it was handed out, as far as the server knows: a lower bound. */
  readonly deliveries: number;
  /** Whether its last owner handed it back, rather than vanished. */
  readonly released: boolean;
  /** What `postpone` stored, if it was called and the entry was not settled since. */
  readonly record: string | null;
}

/** What `claim` or `takeOver` took, and the ids of pending entries that it found deleted from the stream and gave up. */
export interface Claim {
  readonly entries: readonly PendingEntry[];
  readonly vanished: readonly string[];
}

/** How far a group is. */
export interface GroupProgress {
  /** The server's time, Unix ms. */
  readonly nowMs: number;
  /** How many entries are pending in the whole group. */
  readonly pending: number;
  /** How many consumers the group has. */
  readonly consumers: number;
  readonly oldestPendingId: string | null;
  /** The first entry that the group has not been given. */
  readonly oldestUnreadId: string | null;
  readonly lastDeliveredId: string;
  /**
   * How many entries were removed before the group was given them, in all, while the first unread one comes after a gap;
   * 0 where there is none, and `null` when the server cannot know.
   */
  readonly missed: number | null;
}

/** What to acknowledge. */
export interface Acknowledgement {
  readonly ids: readonly string[];
  /** The ids among them that have a retry record. */
  readonly postponed: readonly string[];
  /** Events to mark as handled, for `windowMs`; when more than `maxEntries` marks stand, the oldest leave early. */
  readonly marks?: { readonly eventIds: readonly string[]; readonly windowMs: number; readonly maxEntries: number };
}

/** How many entries were pending, and the window that the marks really cover when `maxEntries` cut it short. */
export interface Acknowledged {
  readonly count: number;
  readonly effectiveWindowMs: number | null;
}
