import type { ServerChange } from './failover-recovery.js';
import type { OutgoingEvent } from './outgoing-event.js';

/** A stream that is on hold: some of its events were refused and are to be tried again, in order, or its server changed. */
export class StreamHold {
  /** The batches that were under way when the hold began: until they are answered nobody knows who was overtaken. */
  readonly batchesBefore: Set<unknown>;
  refused: OutgoingEvent[] = [];
  /** Events that came meanwhile. */
  waiting: OutgoingEvent[] = [];
  decided = false;
  /** The change of servers that the stream is compared after, before it goes on. */
  change: ServerChange | undefined;
  isRecovering = false;
  /** Ends the hold. */
  timer: NodeJS.Timeout | undefined;
  readonly #lastStored = new Map<string, number>();

  constructor(batchesUnderWay: ReadonlySet<unknown>) {
    this.batchesBefore = new Set(batchesUnderWay);
  }

  forgetSettled(): void {
    this.refused = this.refused.filter(({ settled }) => !settled);
    this.waiting = this.waiting.filter(({ settled }) => !settled);
  }

  noteStored({ key, sequence }: OutgoingEvent): void {
    if (key === undefined) return;
    this.#lastStored.set(key, Math.max(sequence, this.#lastStored.get(key) ?? 0));
  }

  /** Whether a later event of the same key was stored. */
  isOvertaken({ key, sequence }: OutgoingEvent): boolean {
    return key !== undefined && (this.#lastStored.get(key) ?? 0) > sequence;
  }
}
