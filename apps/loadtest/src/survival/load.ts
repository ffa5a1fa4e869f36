import { setTimeout as delay } from 'node:timers/promises';
import { EventPublisher, EventsError, type NewEntry, type Transport } from '@events/core';
import { timeOfEntry } from './audit/entry-order.js';
import { eventIdOf } from './audit/event-name.js';
import type { Attempt, PublishResult } from './audit/evidence.js';
import { observe } from './crew/observed-transport.js';
import type { SeededRandom } from './random.js';

const tickMs = 10;

export interface LoadOptions {
  readonly transport: Transport;
  readonly stream: string;
  readonly random: SeededRandom;
  /** How many keys there are. */
  readonly keys: number;
  /** What their names begin with. */
  readonly keyPrefix: string;
  /** How many events are published at most. */
  readonly limit: number;
  readonly timeoutMs?: number;
  readonly retryUnknown?: boolean;
}

interface OpenAttempt extends Attempt {
  result: PublishResult;
  entryId: string | undefined;
  tookMs: number;
  settledAt: number;
}

/** Publishes, and keeps the record of what it was told. */
export class Load {
  readonly timeoutMs: number;
  /** Whether what was not answered may be sent again. */
  readonly retryUnknown: boolean;
  readonly #options: LoadOptions;
  readonly #publisher: EventPublisher;
  readonly #attempts: OpenAttempt[] = [];
  readonly #unanswered = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #sequences = new Map<string, number>();

  constructor(options: LoadOptions) {
    const { transport, stream, timeoutMs = 5_000, retryUnknown = false } = options;
    this.#options = options;
    this.timeoutMs = timeoutMs;
    this.retryUnknown = retryUnknown;
    const observed = observe(transport, {
      appended: (entries, answers) => {
        for (const [index, answer] of answers.entries()) {
          if (typeof answer !== 'string' && answer.kind === 'unknown') this.#noteUnanswered(entries[index]);
        }
      },
    });
    this.#publisher = new EventPublisher({
      transport: observed,
      source: 'survival',
      defaultStream: stream,
      timeoutMs,
      retryUnknown,
    });
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
    await Promise.all(open);
  }

  close(): Promise<void> {
    return this.#publisher.close();
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
      const { entryId } = await this.#publisher.publish('survival.tested', { sequence }, { key, id });
      attempt.entryId = entryId;
      attempt.result = 'stored';
    } catch (error) {
      const isOurs = error instanceof EventsError;
      attempt.result = (isOurs ? error.outcome : undefined) ?? 'unsettled';
      const reason = isOurs ? `${attempt.result} ${error.code}` : `unforeseen: ${String(error)}`;
      this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    }
    attempt.tookMs = performance.now() - begin;
    attempt.settledAt = Date.now();
  }

  #noteUnanswered(entry: NewEntry | undefined): void {
    // the wire format begins with the field `id`
    const id = String(entry?.fields[1]);
    this.#unanswered.set(id, (this.#unanswered.get(id) ?? 0) + 1);
  }
}
