import { jitteredBackoffMs } from './backoff.js';
import type { Delivery } from './delivery.js';
import { ClosedError, GroupNotFoundError } from './errors.js';
import { sleep } from './sleep.js';
import type { StreamSession } from './stream-session.js';

const batchSize = 128;
/** How long an acknowledgement may wait for others. It delays nobody: the handler's slot and lane are free already. */
const lingerMs = 5;

interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: (() => void) | undefined;
  readonly reject: ((error: Error) => void) | undefined;
  /** Who waits for it to leave the list, one way or another. */
  onGone: (() => void)[] | undefined;
}

/** Acknowledges what was handled, many at a time, and does not give up while the entries are ours. */
export class Acknowledger {
  readonly #session: StreamSession;
  readonly #onSettled: (delivery: Delivery) => void;
  readonly #onUnmatched: () => void;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  readonly #closing = new AbortController();

  /** `onUnmatched` is told when the server knew fewer of the ids as pending than were sent. */
  constructor(session: StreamSession, onSettled: (delivery: Delivery) => void, onUnmatched: () => void) {
    this.#session = session;
    this.#onSettled = onSettled;
    this.#onUnmatched = onUnmatched;
  }

  add(delivery: Delivery, resolve?: () => void, reject?: (error: Error) => void): void {
    if (this.#closing.signal.aborted) {
      reject?.(stopped());
      return;
    }
    this.#waiting.push({ delivery, resolve, reject, onGone: undefined });
    this.#session.dispatcher.noteUnacknowledged();
    this.#schedule();
  }

  /** Sends what waits, at once. Resolves when everything added so far is acknowledged, or can no longer be. */
  flush(): Promise<void> {
    const last = this.#waiting.at(-1);
    if (last === undefined) return Promise.resolve();
    if (this.#sending === undefined) this.#send();
    return new Promise((resolve) => {
      last.onGone ??= [];
      last.onGone.push(resolve);
    });
  }

  /** Stops trying. What is not acknowledged stays held, to be handed back. */
  close(): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const unsent = this.#waiting.splice(0);
    this.#session.dispatcher.noteSettled(unsent.length);
    for (const { reject, onGone } of unsent) {
      reject?.(stopped());
      for (const tell of onGone ?? []) tell();
    }
  }

  /** Drops what is not acknowledged: it will be delivered again. */
  abandon(error: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const abandoned = [...this.#waiting];
    this.#remove(abandoned);
    for (const { reject } of abandoned) reject?.(error);
  }

  #remove(batch: readonly Waiting[]): void {
    // what was sent may have been abandoned meanwhile, and others have come
    if (batch.length === 0 || this.#waiting[0] !== batch[0]) return;
    this.#waiting.splice(0, batch.length);
    for (const { delivery, onGone } of batch) {
      this.#onSettled(delivery);
      for (const tell of onGone ?? []) tell();
    }
    this.#session.dispatcher.noteSettled(batch.length);
  }

  #schedule(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    if (this.#waiting.length >= batchSize) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), lingerMs);
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
      this.#schedule();
    });
  }

  async #sendAll(): Promise<void> {
    for (let failures = 0; this.#waiting.length > 0; ) {
      // a batch stays in the list until the server has answered for it
      const batch = this.#waiting.slice(0, batchSize);
      try {
        await this.#acknowledge(batch, failures > 0);
        failures = 0;
        this.#session.succeeded('acknowledge entries of');
      } catch (error) {
        if (!(await this.#mayRepeat(error, ++failures))) return;
      }
      if (this.#waiting.length < batchSize && failures === 0) return;
    }
  }

  async #acknowledge(batch: readonly Waiting[], isRepeated: boolean): Promise<void> {
    const { deduplicate } = this.#session.settings;
    const deliveries = batch.map(({ delivery }) => delivery).filter(({ isReplaced }) => !isReplaced);
    const ids = deliveries.map(({ id }) => id);
    const postponed = deliveries.filter(({ record }) => record !== undefined).map(({ id }) => id);
    const eventIds = deliveries.flatMap(({ eventId }) => eventId ?? []);
    const { count, effectiveWindowMs } = await this.#session.subscription.acknowledge(
      deduplicate === undefined ? { ids, postponed } : { ids, postponed, marks: { eventIds, ...deduplicate } },
    );
    this.#remove(batch);
    for (const { resolve } of batch) resolve?.();
    // after a repetition the first try may have been the one that counted
    if (count < ids.length && !isRepeated) this.#onUnmatched();
    if (effectiveWindowMs !== null) {
      const { stream } = this.#session.names;
      this.#session.emit('deduplicationShortened', { stream, group: this.#session.settings.group, effectiveWindowMs });
    }
  }

  async #mayRepeat(error: unknown, failures: number): Promise<boolean> {
    const { kind, cause } = this.#session.failed('acknowledge entries of', error);
    if (kind === 'group-lost') {
      this.abandon(new GroupNotFoundError(`The group was lost before the acknowledgement: ${cause.message}`));
      this.#onUnmatched();
      return false;
    }
    if (kind === 'closed' || this.#closing.signal.aborted) {
      this.close();
      return false;
    }
    await sleep(jitteredBackoffMs(failures, 50, kind === 'denied' ? 5_000 : 1_000), this.#closing.signal);
    return true;
  }
}

function stopped(): ClosedError {
  return new ClosedError('The consumer stopped before the acknowledgement was sent');
}
