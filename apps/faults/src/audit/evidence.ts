import type { Journal } from './journal-line.js';

/**
 * What the publisher was told. `under-replicated`: stored, and not confirmed as it should have been. `unsettled`: nothing,
 * or something that is none of the outcomes.
 */
export type PublishResult = 'stored' | 'under-replicated' | 'unknown' | 'not-stored' | 'unsettled';

/** One call of `publish`. */
export interface Attempt {
  readonly eventId: string;
  readonly result: PublishResult;
  /** Of a stored event. */
  readonly entryId: string | undefined;
  /** The first word of the server's refusal, or the code of the error. Of an event that was not confirmed. */
  readonly reason?: string | undefined;
  /** From the call to its outcome. */
  readonly tookMs: number;
}

/** An entry that is in the stream. */
export interface StoredEntry {
  readonly entryId: string;
  readonly eventId: string;
}

/** An entry that is in the dead-letter stream. `entryId` is the one it had in the stream that was read. */
export interface DeadLetter extends StoredEntry {
  readonly attempts: number;
  readonly reason: string;
}

/** A consumer process that ended without a farewell, or was held up for longer than others wait for it. */
export interface Interruption {
  readonly process: string;
  /** Unix ms. */
  readonly at: number;
  /** The entries that it had been given and that were not acknowledged. */
  readonly inFlight: ReadonlySet<string>;
}

/** A time, Unix ms, at whose end another server answers, which may lack what the one before it was told last. */
export interface Rewind {
  readonly from: number;
  readonly to: number;
}

/** What a run left behind: the publisher's record, the consumers' journals, and the state of the server at the end. */
export interface Evidence {
  /** In the order of the calls. */
  readonly attempts: readonly Attempt[];
  /** How often an event was sent without an answer and with leave to send it again, by event id. */
  readonly unanswered: ReadonlyMap<string, number>;
  /** In stream order. */
  readonly entries: readonly StoredEntry[];
  readonly journals: readonly Journal[];
  readonly deadLetters: readonly DeadLetter[];
  /** Entries pending in the group. */
  readonly pending: ReadonlySet<string>;
  readonly interruptions: readonly Interruption[];
  readonly rewinds: readonly Rewind[];
  /** The last entry id before everything was deleted on purpose. */
  readonly erasedUpTo: string | undefined;
}
