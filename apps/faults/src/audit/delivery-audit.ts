import type { Evidence, StoredEntry } from './evidence.js';
import type { Journal } from './journal-line.js';

/** What became of the entries in the stream. Lists hold event ids. */
export interface DeliveryAudit {
  /** Handlers that ended well. */
  readonly handled: number;
  /** Handlers that were called. */
  readonly started: number;
  /** Handlers that ended badly on purpose. */
  readonly failed: number;
  /** Entries that were acknowledged without a handler, because their event was handled before. */
  readonly skipped: number;
  readonly deadLettered: number;
  readonly pending: number;
  readonly inStream: number;
  /** In the stream, and neither handled nor in the dead letters nor pending. */
  readonly lost: readonly string[];
  /** Handled or in the dead letters, though reported as not stored. */
  readonly phantom: readonly string[];
  /** Handled or in the dead letters, and never published. */
  readonly unexpected: readonly string[];
  /** Handlers that were called for an event beyond the first time, other than to try again what had failed. */
  readonly duplicates: number;
  /** Events with more duplicates than copies in the stream and interruptions of their handlers, or before acknowledgement. */
  readonly unexplainedDuplicates: readonly string[];
  /** Entries in flight, summed over all interruptions. */
  readonly interrupted: number;
}

interface Tally {
  started: number;
  failed: number;
  handledEntries: Set<string>;
  skippedEntries: Set<string>;
  copies: number;
  interruptions: number;
}

export function auditDelivery(evidence: Evidence): DeliveryAudit {
  const { attempts, entries, deadLetters, pending, interruptions } = evidence;
  const tallies = tallyHandlers(evidence);
  const published = new Map(attempts.map(({ eventId, result }) => [eventId, result]));
  const dead = new Set(deadLetters.map(({ entryId }) => entryId));
  const isHandled = ({ entryId, eventId }: StoredEntry) => {
    const tally = tallies.get(eventId);
    if (tally === undefined) return false;
    return tally.handledEntries.has(entryId) || (tally.skippedEntries.has(entryId) && tally.handledEntries.size > 0);
  };
  const lost = entries.filter((entry) => !isHandled(entry) && !dead.has(entry.entryId) && !pending.has(entry.entryId));
  const reached = [...new Set([...tallies.keys(), ...deadLetters.map(({ eventId }) => eventId)])];
  const allowed = allowedStarts(evidence, tallies);
  const surplus = [...tallies].map(([eventId, { started, failed }]) => ({ eventId, count: started - failed }));
  const sum = (numberOf: (tally: Tally) => number) =>
    [...tallies.values()].reduce((all, one) => all + numberOf(one), 0);
  return {
    handled: evidence.journals.reduce(
      (count, { lines }) => count + lines.filter((line) => line.kind === 'ended' && !line.failed).length,
      0,
    ),
    started: sum(({ started }) => started),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skippedEntries }) => skippedEntries.size),
    deadLettered: deadLetters.length,
    pending: pending.size,
    inStream: entries.length,
    lost: lost.map(({ eventId }) => eventId),
    phantom: reached.filter((eventId) => published.get(eventId) === 'not-stored'),
    unexpected: reached.filter((eventId) => !published.has(eventId)),
    duplicates: surplus.reduce((all, { count }) => all + Math.max(0, count - 1), 0),
    unexplainedDuplicates: surplus
      .filter(({ eventId, count }) => count > (allowed.get(eventId) ?? 1))
      .map(({ eventId }) => eventId),
    interrupted: interruptions.reduce((all, { inFlight }) => all + inFlight.size, 0),
  };
}

/** From the first call of a handler for an event to the end of the last, Unix ms. */
interface Span {
  first: number;
  last: number;
}

function handlingSpans(journals: readonly Journal[]): Map<string, Span> {
  const spans = new Map<string, Span>();
  for (const { lines } of journals) {
    for (const line of lines) {
      if (line.kind !== 'started' && line.kind !== 'ended') continue;
      const span = spans.get(line.event);
      if (span === undefined) spans.set(line.event, { first: line.at, last: line.at });
      else spans.set(line.event, { first: Math.min(span.first, line.at), last: Math.max(span.last, line.at) });
    }
  }
  return spans;
}

function tallyHandlers({ journals }: Evidence): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  const of = (eventId: string): Tally => {
    let tally = tallies.get(eventId);
    if (tally === undefined) {
      tally = {
        started: 0,
        failed: 0,
        handledEntries: new Set(),
        skippedEntries: new Set(),
        copies: 0,
        interruptions: 0,
      };
      tallies.set(eventId, tally);
    }
    return tally;
  };
  for (const { lines } of journals) {
    for (const line of lines) {
      if (line.kind === 'started') of(line.event).started += 1;
      if (line.kind === 'skipped') of(line.event).skippedEntries.add(line.entry);
      if (line.kind !== 'ended') continue;
      if (line.failed) of(line.event).failed += 1;
      else of(line.event).handledEntries.add(line.entry);
    }
  }
  return tallies;
}

/** How long before another server answered what it never heard of may have happened. */
const forgottenMs = 2_000;

/**
 * How often the handler of an event may be called, failures aside: once an entry, once more for each interruption of a
 * process that had called it by then, and whose acknowledgement the server did not have, and once more for each server
 * that may not have heard of the acknowledgement.
 */
function allowedStarts(
  { entries, journals, interruptions, rewinds }: Evidence,
  tallies: Map<string, Tally>,
): Map<string, number> {
  const eventOf = new Map(entries.map(({ entryId, eventId }) => [entryId, eventId]));
  const startedBy = new Map<string, Map<string, number>>();
  for (const { process, lines } of journals) {
    const started = new Map<string, number>();
    startedBy.set(process, started);
    for (const line of lines) {
      if (line.kind !== 'started') continue;
      if (!started.has(line.entry)) started.set(line.entry, line.at);
      // entries that were deleted since
      if (!eventOf.has(line.entry)) eventOf.set(line.entry, line.event);
    }
  }
  for (const eventId of eventOf.values()) {
    const tally = tallies.get(eventId);
    if (tally !== undefined) tally.copies += 1;
  }
  for (const { process, at, inFlight } of interruptions) {
    for (const entryId of inFlight) {
      const tally = tallies.get(eventOf.get(entryId) ?? '');
      const startedAt = startedBy.get(process)?.get(entryId);
      if (tally !== undefined && startedAt !== undefined && startedAt <= at) tally.interruptions += 1;
    }
  }
  const spans = rewinds.length === 0 ? new Map<string, Span>() : handlingSpans(journals);
  return new Map(
    [...tallies].map(([eventId, { copies, interruptions: interrupted }]) => {
      const span = spans.get(eventId);
      const forgotten = rewinds.filter(
        ({ from, to }) => span !== undefined && span.first <= to && span.last >= from - forgottenMs,
      );
      return [eventId, copies + interrupted + forgotten.length];
    }),
  );
}
