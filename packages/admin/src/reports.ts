/** A stream as a list shows it. Each partition is a stream of its own here. */
export interface StreamSummary {
  /** Without the prefix and, for a partition, without its number; for dead letters, that of the stream they come from. */
  readonly name: string;
  readonly kind: 'events' | 'deadLetters';
  readonly partition: number | undefined;
  /** The key in Redis. */
  readonly key: string;
  readonly length: number;
  readonly groups: number;
  /** How much memory it takes, as the server estimates it; `null` when it may not be asked. */
  readonly bytes: number | null;
}

/** A stream, or one partition of it, with all that belongs to it. */
export interface StreamReport extends Omit<StreamSummary, 'kind' | 'groups'> {
  /** `null` when it is empty. */
  readonly firstEntryId: string | null;
  /** The last id that the server gave out, even if that entry is gone. */
  readonly lastGeneratedId: string;
  readonly groups: readonly GroupReport[];
  /** How many dead letters lie beside it. */
  readonly deadLetters: number;
  /** The memory of what belongs to it: dead letters, retry records, marks, signs of life. */
  readonly companionBytes: number | null;
}

/** How far a group is in one stream. */
export interface GroupLag {
  readonly group: string;
  readonly partition: number | undefined;
  /** Entries that the group has not been given, or `null` when the server cannot know. */
  readonly lag: number | null;
  /** How old the oldest entry is that the group has not been given or has pending, in milliseconds; 0 when there is none. */
  readonly lagMs: number;
  readonly pending: number;
}

/** A group with its consumers. */
export interface GroupReport extends GroupLag {
  readonly lastDeliveredId: string;
  /** How long ago one of its consumers gave a sign of life, in milliseconds. */
  readonly silentMs: number;
  readonly consumers: readonly { readonly name: string; readonly pending: number; readonly silentMs: number }[];
}

/** An entry that was handed out and not acknowledged. */
export interface PendingReport {
  readonly entryId: string;
  readonly consumer: string;
  /** How long ago it was handed out, taken over or kept alive, in milliseconds. */
  readonly idleMs: number;
  /** How often it was handed out, as far as the server knows. */
  readonly deliveries: number;
}

/** The memory of one stream, or one partition of it, in bytes, as the server estimates it. */
export interface StreamMemory {
  readonly name: string;
  readonly partition: number | undefined;
  readonly streamBytes: number;
  readonly deadLetterBytes: number;
  /** Everything else that belongs to it. */
  readonly companionBytes: number;
  readonly totalBytes: number;
}

/** The memory of an environment. */
export interface MemoryReport {
  readonly totalBytes: number;
  /** The largest first. */
  readonly streams: readonly StreamMemory[];
}
