import { jitteredBackoffMs } from './backoff.js';
import { compareEntryIds } from './compare-entry-ids.js';
import { ConfirmedEvents } from './confirmed-events.js';
import type { Inspector, StreamDescription } from './inspector.js';
import type { OutgoingEvent } from './outgoing-event.js';
import { sleep } from './sleep.js';
import { type AppendAnswer, type Appender, type Entry, isStored, type Transport } from './transport.js';

const eventsPerPage = 128;

/** What a publisher found and did after streams passed to another server. */
export interface FailoverRecovered {
  /** The key in Redis of the stream. */
  readonly stream: string;
  /** `host:port` of the server that was left. */
  readonly from: string;
  /** `host:port` of the one now in charge. */
  readonly to: string;
  /** How far before the last confirmation the comparison reached: less than `republishWindowMs` when memory did not suffice. */
  readonly windowMs: number;
  /** Confirmed events that were looked for. */
  readonly checked: number;
  /** Those found. */
  readonly present: number;
  /** Those from before the first entry that the stream still has: trimmed, and not stored again. */
  readonly trimmed: number;
  /** Those not found. */
  readonly missing: number;
  /** Those among them that are stored again, under the same event ids. */
  readonly republished: number;
  /** Times that storing one again was not answered, so that it may be there twice; with `idempotent` it is not. */
  readonly inDoubt: number;
  /** Those stored after a later event of their key, because the server refused them and took the later one. */
  readonly outOfOrder: number;
  /** Those that could not be stored again: lost. */
  readonly failed: number;
}

type Counts = { -readonly [Name in keyof FailoverRecovered]: FailoverRecovered[Name] };

/** Which server was left, and which is now in charge. */
export interface ServerChange {
  readonly from: string;
  readonly to: string;
}

export interface FailoverRecoveryOptions {
  readonly windowMs: number;
  readonly maxCharacters: number;
  /** How long one call of `append` may take. */
  readonly appendWithinMs: number;
}

/** Compares what a publisher confirmed with what a promoted server holds, and stores again what is missing. */
export class FailoverRecovery {
  readonly #transport: Transport;
  readonly #appender: Appender;
  readonly #options: FailoverRecoveryOptions;
  readonly #confirmed: ConfirmedEvents;

  constructor(transport: Transport, appender: Appender, options: FailoverRecoveryOptions) {
    this.#transport = transport;
    this.#appender = appender;
    this.#options = options;
    this.#confirmed = new ConfirmedEvents(options.windowMs, options.maxCharacters);
  }

  /** The streams with confirmed events. */
  get streams(): string[] {
    return this.#confirmed.streams;
  }

  confirmed(event: OutgoingEvent): void {
    this.#confirmed.add(event, performance.now());
  }

  /**
   * Brings a stream up to what was confirmed of it. `nextChange` tells of a further change of servers since it was
   * last called: then everything is looked for again. Rejects with a failure of the transport that time does not heal.
   */
  async run(
    stream: string,
    change: ServerChange,
    nextChange: () => ServerChange | undefined,
    signal: AbortSignal,
  ): Promise<FailoverRecovered> {
    const counts = noCounts(stream, change, this.#options.windowMs);
    const inspector = this.#transport.inspector();
    const owed: OutgoingEvent[] = [];
    try {
      for (let latest: ServerChange | undefined = change; latest !== undefined; ) {
        counts.to = latest.to;
        await this.#compare(stream, inspector, owed, counts, signal);
        owed.sort((left, right) => left.sequence - right.sequence);
        latest = await this.#store(owed, counts, nextChange, signal);
      }
    } catch (error) {
      // what was not looked at may be there: only what is known to be missing counts as lost
      counts.failed += owed.length;
      throw Object.assign(new RecoveryFailure(counts), { cause: error });
    } finally {
      await inspector.close();
    }
    counts.failed += owed.length;
    return counts;
  }

  /** Adds to `owed` the confirmed events that the stream lacks. */
  async #compare(
    stream: string,
    inspector: Inspector,
    owed: OutgoingEvent[],
    counts: Counts,
    signal: AbortSignal,
  ): Promise<void> {
    const { events, windowMs } = this.#confirmed.take(stream);
    counts.windowMs = Math.min(counts.windowMs, windowMs);
    if (events.length === 0) return;
    const description = await this.#insist(() => inspector.describe(stream), signal);
    for (let from = 0; from < events.length; from += eventsPerPage) {
      const page = events.slice(from, from + eventsPerPage);
      const ids = page.map(({ entryId }) => entryId);
      const entries = await this.#insist(() => inspector.fetch(stream, ids), signal);
      for (const [index, event] of page.entries()) {
        counts.checked += 1;
        if (holds(entries[index], event)) {
          counts.present += 1;
          this.#confirmed.add(event, event.confirmedMs);
        } else if (isTrimmed(event, description)) {
          counts.trimmed += 1;
        } else {
          counts.missing += 1;
          owed.push(event);
        }
      }
    }
  }

  /** Stores again what is owed, until nothing is, the server changes once more (resolves with that), or `signal` aborts. */
  async #store(
    owed: OutgoingEvent[],
    counts: Counts,
    nextChange: () => ServerChange | undefined,
    signal: AbortSignal,
  ): Promise<ServerChange | undefined> {
    for (let failures = 0; owed.length > 0 && !signal.aborted; ) {
      const batch = owed.slice(0, eventsPerPage);
      const answers = await this.#appender.append(batch, this.#options.appendWithinMs);
      const again = batch.filter((event, index) => !this.#answered(event, answers[index], counts));
      counts.outOfOrder += overtaken(batch, again);
      owed.splice(0, batch.length, ...again);
      // what was stored on the server that is left must not be overtaken by what is still owed
      const change = nextChange();
      if (change !== undefined) return change;
      failures = again.length === 0 ? 0 : failures + 1;
      if (failures > 0) await sleep(jitteredBackoffMs(failures, 50, 1_000), signal);
    }
    return nextChange();
  }

  /** Whether nothing more is to be done for an event. */
  #answered(event: OutgoingEvent, answer: AppendAnswer | undefined, counts: Counts): boolean {
    if (answer !== undefined && isStored(answer)) {
      event.entryId = typeof answer === 'string' ? answer : answer.entryId;
      this.#confirmed.add(event, performance.now());
      counts.republished += 1;
      return true;
    }
    if (answer === undefined || answer.kind === 'unknown') counts.inDoubt += 1;
    else if (!mayPass(answer.kind)) {
      counts.failed += 1;
      return true;
    }
    return false;
  }

  async #insist<Result>(ask: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await ask();
      } catch (error) {
        const { kind } = this.#transport.classify(error);
        if (signal.aborted || !(mayPass(kind) || kind === 'unknown')) throw error;
        await sleep(jitteredBackoffMs(failures, 50, 1_000), signal);
      }
    }
  }
}

/** A recovery that could not be finished. `cause` says why, `counts` how far it came. */
export class RecoveryFailure extends Error {
  constructor(readonly counts: FailoverRecovered) {
    super('the recovery could not be finished');
  }
}

function noCounts(stream: string, { from, to }: ServerChange, windowMs: number): Counts {
  const none = { checked: 0, present: 0, trimmed: 0, missing: 0, republished: 0, inDoubt: 0, outOfOrder: 0, failed: 0 };
  return { stream, from, to, windowMs, ...none };
}

function mayPass(kind: string): boolean {
  return kind === 'offline' || kind === 'refused';
}

// A promoted server gives out ids anew: the same entry id may be another event's.
function holds(entry: Entry | undefined, { id }: OutgoingEvent): boolean {
  const fields = entry?.fields;
  if (fields === null || fields === undefined) return false;
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === 'id') return fields[index + 1] === id;
  return false;
}

function isTrimmed({ entryId }: OutgoingEvent, description: StreamDescription | undefined): boolean {
  if (description === undefined) return false;
  const { firstEntryId, lastGeneratedId, removed } = description;
  // what comes first there may be what others stored after the failover
  if (removed === 0) return false;
  if (firstEntryId === null) return compareEntryIds(entryId, lastGeneratedId) <= 0;
  return compareEntryIds(entryId, firstEntryId) < 0;
}

/** How many of `again` have a later event of their key in `batch` that is not among them. */
function overtaken(batch: readonly OutgoingEvent[], again: readonly OutgoingEvent[]): number {
  const open = new Set(again);
  const isOvertaken = ({ key, sequence }: OutgoingEvent) =>
    key !== undefined && batch.some((other) => other.key === key && other.sequence > sequence && !open.has(other));
  return again.filter(isOvertaken).length;
}
