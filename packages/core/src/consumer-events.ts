import type { ConsumedEvent } from './consumed-event.js';
import type { ValidationError } from './errors.js';

/** Which entry an occurrence is about. `event` is `undefined` where the entry could not be decoded. */
export interface EntryReference {
  readonly stream: string;
  readonly group: string;
  readonly entryId: string;
  readonly event: Pick<ConsumedEvent, 'id' | 'type' | 'key'> | undefined;
}

/**
 * Why an entry went to the dead letters. A handler's own reason, given to `context.deadLetter`, is any text. `unreadable`:
 * asking for this entry alone broke the connection again and again, while the server answered everything else, as it
 * does where an entry is larger than its `client-output-buffer-limit`; the server moved it, without sending it.
 */
export type DeadLetterReason =
  | 'retries-exhausted'
  | 'non-retryable'
  | 'undecodable'
  | 'unreadable'
  | 'validation'
  | 'newer-version'
  | 'unhandled'
  | 'handler-never-settled'
  | 'consumer-vanished'
  | (string & {});

/** Why an event was acknowledged without a handler. */
export type SkipReason = 'unhandled' | 'duplicate' | 'newer-version';

/**
 * What there is too much of. Nothing more is read while too many entries wait for a retry, behind one, or for an open
 * circuit (`parked`), as many handlers hang as may run at once (`abandonedHandlers`), or too many acknowledgements are
 * unanswered (`unacknowledged`); little is read while the process runs out of memory (`heap`) or its event loop is late
 * (`eventLoop`). `pending`: the whole group has more pending entries than `backpressureThreshold`.
 */
export interface BackpressureState {
  readonly reason: 'parked' | 'abandonedHandlers' | 'unacknowledged' | 'heap' | 'eventLoop' | 'pending';
  /** Entries or handlers; percent of the heap that the process may have; milliseconds by which timers are late. */
  readonly measured: number;
  /** Where the episode began, in the same unit. It ends at 0.8 of it, that of `eventLoop` when as much is read as usual. */
  readonly limit: number;
  /** The key in Redis, where it is about one stream: `pending`. */
  readonly stream: string | undefined;
}

/** What is well again: what `backpressure` was about, or the `lag` that `slowConsumer` was about, in milliseconds. */
export type RecoveredState = Omit<BackpressureState, 'reason'> & {
  readonly reason: BackpressureState['reason'] | 'lag';
};

/** Partitions that changed hands. */
export interface PartitionsOwned {
  readonly stream: string;
  readonly group: string;
  readonly partitions: readonly number[];
}

/** What a consumer emits, and with what. */
export type ConsumerEvents = {
  /** The group did not exist and was created. */
  groupCreated: [occurrence: { readonly stream: string; readonly group: string }];
  /** The group or its stream was lost, and what is done about it. */
  groupLost: [
    occurrence: {
      readonly stream: string;
      readonly group: string;
      readonly policy: string;
      readonly from: string | null;
    },
  ];
  /** An attempt failed and another one follows. */
  retry: [occurrence: EntryReference & { readonly attempt: number; readonly delayMs: number; readonly error: unknown }];
  /** An entry was moved to the dead letters. */
  deadLettered: [
    occurrence: EntryReference & {
      readonly reason: DeadLetterReason;
      readonly attempts: number;
      readonly deadLetterStream: string;
      readonly error: unknown;
    },
  ];
  /** An entry failed for good while `deadLetter` is false: it stays pending. */
  stalled: [occurrence: EntryReference & { readonly reason: DeadLetterReason; readonly error: unknown }];
  /** Data did not match its contract. What becomes of the entry, `validation.onInvalid` says: by default it goes to the dead letters. */
  validationFailed: [occurrence: EntryReference & { readonly error: ValidationError }];
  /** An event was acknowledged without a handler: none is subscribed to its type, it was handled before, or its version is newer. */
  skipped: [occurrence: EntryReference & { readonly reason: SkipReason }];
  /** Entries were taken over from other consumers, which handed them back or vanished. */
  claimed: [
    occurrence: { readonly stream: string; readonly group: string; readonly count: number; readonly suspects: number },
  ];
  /** Another consumer took an entry over while it was in this one's hands. */
  leaseLost: [occurrence: EntryReference];
  /** This consumer became the owner of partitions. Only with `ordering: 'key'`. `stream` is the key without a partition's number. */
  partitionsAssigned: [occurrence: PartitionsOwned];
  /**
   * This consumer is not the owner of these partitions any more: it has handed them over (`handed-over`), or its lease
   * ended, or another consumer has taken them (`lost`), and what its handlers still do there counts for nothing.
   */
  partitionsRevoked: [occurrence: PartitionsOwned & { readonly reason: 'handed-over' | 'lost' }];
  /**
   * Entries were removed from the stream before they were handled: one that was in a consumer's hands, or, with `entryId:
   * null`, `count` that the group had not been given. Each consumer that notices tells of the latter.
   */
  lostByTrim: [
    occurrence: {
      readonly stream: string;
      readonly group: string;
      readonly entryId: string | null;
      readonly count: number;
    },
  ];
  /** More than `maxEntries` event ids would have to be remembered: deduplication reaches back this far only. */
  deduplicationShortened: [
    occurrence: { readonly stream: string; readonly group: string; readonly effectiveWindowMs: number },
  ];
  /** There is too much of something: `reason` says of what, and what is done about it. Once an episode. */
  backpressure: [state: BackpressureState];
  /** The group is further behind than `slowConsumerThreshold`: its oldest entry that is unread or pending is so old. Once an episode. */
  slowConsumer: [
    occurrence: {
      readonly stream: string;
      readonly group: string;
      readonly lagMs: number;
      readonly threshold: number;
      readonly pending: number;
      readonly oldestEntryId: string;
    },
  ];
  /**
   * So many different events of one handler failed one after another: from now on its events are held, and one is tried
   * after `probeInMs`. `pattern` = what the handler was subscribed to. Only with `circuitBreaker`.
   */
  circuitOpened: [
    occurrence: {
      readonly pattern: string;
      readonly failures: number;
      readonly error: unknown;
      readonly probeInMs: number;
    },
  ];
  /** The handler works again; what was held is handled now. */
  circuitClosed: [occurrence: { readonly pattern: string; readonly openMs: number; readonly held: number }];
  /** A group was removed that nobody uses: without a sign of life, nothing unread, nothing pending. Only with `cleanupUnusedGroups`. */
  groupRemoved: [occurrence: { readonly stream: string; readonly group: string; readonly silentMs: number }];
  /** A consumer was removed from its group that gave no sign of life for long and owned nothing. */
  consumerRemoved: [
    occurrence: {
      readonly stream: string;
      readonly group: string;
      readonly consumer: string;
      readonly silentMs: number;
    },
  ];
  /** An episode of `backpressure` or `slowConsumer` is over. */
  recovered: [state: RecoveredState];
  /** Something went wrong that no caller can be told of. Repeated failures of one kind are told once until it works again. */
  error: [error: Error];
};
