import { compareEntryIds } from './compare-entry-ids.js';
import type { StreamSession } from './stream-session.js';
import type { GroupProgress } from './subscription.js';

const usuallyMs = 1_000;
const restingMs = 10_000;
/** Only well below the threshold, so that one entry more or less does not raise alarms by turns. */
const recoveredAt = 0.8;

/** Watches how far a group is behind in one stream, and tells when that is too far, and when it is not any more. */
export class ProgressWatch {
  readonly #session: StreamSession;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #waitMs = usuallyMs;
  #isClosed = false;
  #isCongested = false;
  #isSlow = false;
  /** What the group is known to have missed so far. */
  #missed = 0;
  #isNewGroup = false;

  constructor(session: StreamSession) {
    this.#session = session;
  }

  /** What a group that is created now finds removed was never meant for it. */
  groupCreated(): void {
    this.#isNewGroup = true;
  }

  /** Looks once before anything is read: what was removed while nobody read shows only until the group has passed it. */
  async start(): Promise<void> {
    await this.#look();
    this.#schedule(usuallyMs);
  }

  /** Something was read: a watch that rests looks soon. */
  noteRead(): void {
    if (this.#waitMs > usuallyMs && this.#looking === undefined) this.#schedule(usuallyMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #schedule(waitMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#waitMs = waitMs;
    const jitteredMs = waitMs * (0.8 + Math.random() * 0.4);
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        this.#schedule(this.#isQuiet ? Math.min(restingMs, this.#waitMs * 2) : usuallyMs);
      });
    }, jitteredMs);
  }

  #isQuiet = false;

  async #look(): Promise<void> {
    try {
      const progress = await this.#session.subscription.progress();
      if (this.#isClosed) return;
      this.#isQuiet = progress.pending === 0 && progress.oldestUnreadId === null;
      this.#judgeMissed(progress);
      this.#judgePending(progress);
      this.#judgeLag(progress);
      this.#session.succeeded('watch the progress in');
    } catch (error) {
      // whoever reads finds that too, and ends
      if (this.#session.settings.transport.classify(error).kind === 'closed') return;
      // a lost group is found, and healed, by the reader
      this.#session.failed('watch the progress in', error);
    }
  }

  #judgeMissed({ missed }: GroupProgress): void {
    if (missed === null) return;
    const { names, settings } = this.#session;
    const count = missed - this.#missed;
    this.#missed = missed;
    if (count > 0 && !this.#isNewGroup) {
      this.#session.emit('lostByTrim', { stream: names.stream, group: settings.group, entryId: null, count });
    }
    this.#isNewGroup = false;
  }

  #judgePending({ pending, consumers }: GroupProgress): void {
    const { names, settings } = this.#session;
    const { backpressureThreshold, prefetch } = settings;
    const limit = backpressureThreshold ?? Math.max(1_000, 2 * prefetch * consumers);
    if (this.#isCongested ? pending > limit * recoveredAt : pending <= limit) return;
    this.#isCongested = !this.#isCongested;
    const state = { reason: 'pending', measured: pending, limit, stream: names.stream } as const;
    this.#session.emit(this.#isCongested ? 'backpressure' : 'recovered', state);
  }

  #judgeLag(progress: GroupProgress): void {
    const { names, settings } = this.#session;
    const { slowConsumerThreshold: limit } = settings;
    const oldestId = older(progress.oldestPendingId, progress.oldestUnreadId);
    const lagMs =
      oldestId === null ? 0 : Math.max(0, progress.nowMs - Number(oldestId.slice(0, oldestId.indexOf('-'))));
    if (this.#isSlow ? lagMs > limit * recoveredAt : lagMs <= limit) return;
    this.#isSlow = !this.#isSlow;
    if (!this.#isSlow) {
      this.#session.emit('recovered', { reason: 'lag', measured: lagMs, limit, stream: names.stream });
      return;
    }
    const { pending } = progress;
    const place = { stream: names.stream, group: settings.group };
    this.#session.emit('slowConsumer', { ...place, lagMs, threshold: limit, pending, oldestEntryId: oldestId ?? '' });
  }
}

function older(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return compareEntryIds(one, other) <= 0 ? one : other;
}
