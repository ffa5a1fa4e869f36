import { setTimeout as delay } from 'node:timers/promises';
import { EventsError, type FailoverRecovered } from '@events/core';
import { timeOfEntry } from './audit/entry-order.js';
import { eventIdOf } from './audit/event-name.js';
import type { Attempt, PublishResult } from './audit/evidence.js';
import type { SeededRandom } from './random.js';
import { openSender, type PublisherSettings, type Sender } from './sender.js';

const tickMs = 10;

export interface LoadOptions extends PublisherSettings {
  readonly random: SeededRandom;
  /** How many keys there are. */
  readonly keys: number;
  /** What their names begin with. */
  readonly keyPrefix: string;
  /** How many events are published at most. */
  readonly limit: number;
}

const usualTimeoutMs = 5_000;
const unsettledAfterMs = 15_000;

interface OpenAttempt extends Attempt {
  result: PublishResult;
  entryId: string | undefined;
  reason?: string | undefined;
  tookMs: number;
  settledAt: number;
}

/** Publishes, and keeps the record of what it was told. */
export class Load {
  readonly timeoutMs: number;
  /** Whether what was not answered may be sent again, and be stored twice. */
  readonly retryUnknown: boolean;
  /** What the publisher found and did after failovers. */
  readonly recoveries: FailoverRecovered[] = [];
  readonly #options: LoadOptions;
  readonly #sender: Sender;
  readonly #attempts: OpenAttempt[] = [];
  readonly #unanswered = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #sequences = new Map<string, number>();

  constructor(options: LoadOptions) {
    const { timeoutMs = usualTimeoutMs, retryUnknown = false } = options;
    const { random, keys, keyPrefix, limit, ...publishing } = options;
    this.#options = options;
    this.timeoutMs = timeoutMs;
    this.retryUnknown = retryUnknown;
    this.#sender = openSender(
      { ...publishing, timeoutMs },
      {
        unanswered: (id) => this.#unanswered.set(id, (this.#unanswered.get(id) ?? 0) + 1),
        recovered: (recovery) => this.recoveries.push(recovery),
      },
    );
  }

  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  /** How often an event was sent and not answered, by event id. */
  get unanswered(): ReadonlyMap<string, number> {
    return this.#unanswered;
  }

  /** How often publishing failed, by outcome and code. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  /** When the first event was confirmed that was stored after `time`, Unix ms. */
  firstStoredAfter(time: number): number | undefined {
    return this.#attempts
      .filter(({ entryId }) => entryId !== undefined && timeOfEntry(entryId) > time)
      .reduce<number | undefined>((first, { settledAt }) => Math.min(first ?? settledAt, settledAt), undefined);
  }

  /** Publishes so many, a thousand at a time. */
  async publish(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1_000) await this.publishAtOnce(Math.min(left, 1_000));
  }

  /** Publishes so many in one turn. */
  async publishAtOnce(count: number): Promise<void> {
    const length = Math.min(count, this.#options.limit - this.#attempts.length);
    await Promise.all(Array.from({ length }, () => this.#attempt()));
  }

  /** Publishes so many a second, answered or not, until `signal` aborts and everything is settled. */
  async publishAtRate(perSecond: number, signal: AbortSignal): Promise<void> {
    const begin = performance.now();
    const open = new Set<Promise<void>>();
    for (let called = 0; !signal.aborted && this.#attempts.length < this.#options.limit; ) {
      const due = ((performance.now() - begin) / 1_000) * perSecond;
      for (; called < due && this.#attempts.length < this.#options.limit; called += 1) {
        const attempt = this.#attempt().finally(() => open.delete(attempt));
        open.add(attempt);
      }
      await delay(tickMs);
    }
    // a client that never answers leaves calls without an outcome, which is for the account to say
    await Promise.race([Promise.all(open), delay(this.timeoutMs + unsettledAfterMs, undefined, { ref: false })]);
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  async #attempt(): Promise<void> {
    const { random, keys, keyPrefix } = this.#options;
    const key = `${keyPrefix}${random.integer(0, keys - 1)}`;
    const sequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, sequence + 1);
    const id = eventIdOf({ key, sequence });
    const attempt: OpenAttempt = { eventId: id, result: 'unsettled', entryId: undefined, tookMs: 0, settledAt: 0 };
    this.#attempts.push(attempt);
    const begin = performance.now();
    try {
      attempt.entryId = await this.#sender.send({ id, key, sequence });
      attempt.result = 'stored';
    } catch (error) {
      const { result, reason, code } = failureOf(error);
      attempt.result = result;
      attempt.reason = reason;
      const described = `${result} ${code}${reason === undefined ? '' : ` (${reason})`}`;
      this.#failures.set(described, (this.#failures.get(described) ?? 0) + 1);
    }
    attempt.tookMs = performance.now() - begin;
    attempt.settledAt = Date.now();
  }
}

interface FailedAttempt {
  readonly result: PublishResult;
  /** The first word of what the server answered, where it did. */
  readonly reason: string | undefined;
  readonly code: string;
}

function failureOf(error: unknown): FailedAttempt {
  const reason = refusalOf(error);
  // a plain client says that something failed, not what became of it
  if (!(error instanceof EventsError)) return { result: 'unknown', reason, code: String(error).split(':', 1)[0] ?? '' };
  const { outcome = 'unsettled', code } = error;
  return { result: outcome === 'stored' ? 'under-replicated' : outcome, reason, code };
}

function refusalOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const word = /^[A-Z]{3,}(?= |$)/.exec(cause.message)?.[0];
    if (word !== undefined) return word;
  }
  return undefined;
}
