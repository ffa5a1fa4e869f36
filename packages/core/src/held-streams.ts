import { jitteredBackoffMs } from './backoff.js';
import type { ServerChange } from './failover-recovery.js';
import type { OutgoingEvent } from './outgoing-event.js';
import { StreamHold } from './stream-hold.js';
import { type AppendAnswer, isStored } from './transport.js';

/** Events that are sent together. */
export interface Batch {
  /** Its place in the order of sending. */
  readonly number: number;
  readonly events: readonly OutgoingEvent[];
  /** The earliest of its events' deadlines. */
  readonly deadlineMs: number;
}

export interface HeldStreamsOptions {
  /** The batches that are not answered yet, oldest first. */
  readonly underWay: ReadonlySet<Batch>;
  /** Whether what was not answered is sent again. */
  readonly retryUnknown: boolean;
  /** Told of an event that may not be tried again, because a later one of its key was stored. */
  readonly onOvertaken: (event: OutgoingEvent) => void;
  /** Given what a stream held back, in order: it goes before everything else. */
  readonly onRelease: (events: readonly OutgoingEvent[]) => void;
  /** Makes a stream whole after its server changed. `nextChange` gives the change, and further ones while it works. */
  readonly recover: (stream: string, nextChange: () => ServerChange | undefined) => Promise<void>;
}

/**
 * The streams on hold: those with events that were refused and are to be tried again, in the order of their key, and
 * those whose server changed. Whatever else comes for such a stream waits behind.
 */
export class HeldStreams {
  readonly #options: HeldStreamsOptions;
  readonly #holds = new Map<string, StreamHold>();
  /** Batches that were answered before older ones: their events may have overtaken some that will be refused. */
  #answeredEarly: { readonly batch: Batch; readonly answers: readonly AppendAnswer[] }[] = [];
  readonly #recoveries = new Set<Promise<void>>();
  #closed = false;

  constructor(options: HeldStreamsOptions) {
    this.#options = options;
  }

  /** Resolves when no stream is being made whole any more. */
  async recovered(): Promise<void> {
    await Promise.all(this.#recoveries);
  }

  /** Takes an event whose stream is on hold. Returns whether it is. */
  keep(event: OutgoingEvent): boolean {
    if (this.#holds.size === 0) return false;
    const hold = this.#holds.get(event.stream);
    hold?.waiting.push(event);
    return hold !== undefined;
  }

  /** Takes an event that is to be tried again. */
  retry(event: OutgoingEvent): void {
    this.#holdOf(event.stream).refused.push(event);
  }

  /** Takes note of the answers to a batch, which is not under way any more. */
  answered(batch: Batch, answers: readonly AppendAnswer[]): void {
    for (const [stream, hold] of this.#holds) {
      this.#noteStored(hold, stream, batch, answers);
      hold.batchesBefore.delete(batch);
      if (hold.batchesBefore.size === 0 && !hold.decided) this.#decide(stream, hold);
    }
    const [oldest] = this.#options.underWay;
    if (oldest === undefined || oldest.number > batch.number) this.#answeredEarly = [];
    else this.#answeredEarly.push({ batch, answers });
  }

  /** Puts a stream on hold until it is made whole. What is under way to the server that was left is answered first. */
  serverChanged(stream: string, { from, to }: ServerChange): void {
    const hold = this.#holdOf(stream);
    hold.change = { from: hold.change?.from ?? from, to };
    if (hold.isRecovering) return;
    if (hold.decided) this.#recover(stream, hold);
    else if (hold.batchesBefore.size === 0) this.#decide(stream, hold);
  }

  /** Calls `visit` with everything that is held back. */
  forEach(visit: (event: OutgoingEvent) => void): void {
    for (const hold of this.#holds.values()) {
      hold.refused.forEach(visit);
      hold.waiting.forEach(visit);
    }
  }

  /** Lets go of what was settled while it was held back. */
  forgetSettled(): void {
    for (const hold of this.#holds.values()) hold.forgetSettled();
  }

  /** Ends the waiting: nothing is released any more. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#holds.values()) clearTimeout(timer);
  }

  /** The hold of a stream, which begins now unless it has begun. */
  #holdOf(stream: string): StreamHold {
    let hold = this.#holds.get(stream);
    if (hold !== undefined) return hold;
    hold = new StreamHold(this.#options.underWay);
    for (const early of this.#answeredEarly) this.#noteStored(hold, stream, early.batch, early.answers);
    this.#holds.set(stream, hold);
    return hold;
  }

  #noteStored(hold: StreamHold, stream: string, { events }: Batch, answers: readonly AppendAnswer[]): void {
    for (const [index, event] of events.entries()) {
      const answer = answers[index];
      if (event.stream !== stream || answer === undefined) continue;
      // what may be stored overtakes like what is, unless it is sent again behind what it has overtaken
      if (isStored(answer) || (answer.kind === 'unknown' && !this.#options.retryUnknown)) hold.noteStored(event);
    }
  }

  #decide(stream: string, hold: StreamHold): void {
    hold.decided = true;
    const open = hold.refused.filter(({ settled }) => !settled);
    const overtaken = open.filter((event) => hold.isOvertaken(event));
    hold.refused = open
      .filter((event) => !overtaken.includes(event))
      .sort((left, right) => left.sequence - right.sequence);
    overtaken.forEach(this.#options.onOvertaken);
    if (hold.change !== undefined) {
      this.#recover(stream, hold);
      return;
    }
    hold.timer = setTimeout(() => this.#release(stream, hold), waitBefore(hold.refused));
  }

  #recover(stream: string, hold: StreamHold): void {
    clearTimeout(hold.timer);
    hold.isRecovering = true;
    const nextChange = () => {
      const { change } = hold;
      hold.change = undefined;
      return change;
    };
    const recovering = this.#options.recover(stream, nextChange).finally(() => {
      this.#recoveries.delete(recovering);
      // the server may have changed once more since the last look
      if (hold.change !== undefined && !this.#closed) this.#recover(stream, hold);
      else this.#release(stream, hold);
    });
    this.#recoveries.add(recovering);
  }

  #release(stream: string, hold: StreamHold): void {
    if (this.#closed) return;
    this.#holds.delete(stream);
    this.#options.onRelease([...hold.refused, ...hold.waiting]);
  }
}

/** How long the next try waits: a refusal is a reason to leave the server alone, an absence to look again soon. */
function waitBefore(events: readonly OutgoingEvent[]): number {
  let [attempts, absences] = [0, 1];
  for (const event of events) {
    attempts = Math.max(attempts, event.attempts);
    absences = Math.max(absences, event.absences);
  }
  return attempts > 0 ? jitteredBackoffMs(attempts, 100, 2_000) : jitteredBackoffMs(absences, 10, 200);
}
