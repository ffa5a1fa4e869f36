import type { Evidence } from './evidence.js';

/** What became of the entries in the stream. Lists hold event ids. */
export interface DeliveryAudit {
  /** Handlers that ended well. */
  readonly handled: number;
  /** Handlers that were called. */
  readonly started: number;
  /** Handlers that ended badly on purpose. */
  readonly failed: number;
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
  copies: number;
  interruptions: number;
}

export function auditDelivery(evidence: Evidence): DeliveryAudit {
  const { attempts, entries, deadLetters, pending, interruptions } = evidence;
  const tallies = tallyHandlers(evidence);
  const published = new Map(attempts.map(({ eventId, result }) => [eventId, result]));
  const dead = new Set(deadLetters.map(({ entryId }) => entryId));
  const lost = entries.filter(
    ({ entryId, eventId }) =>
      tallies.get(eventId)?.handledEntries.has(entryId) !== true && !dead.has(entryId) && !pending.has(entryId),
  );
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

function tallyHandlers({ journals }: Evidence): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  const of = (eventId: string): Tally => {
    let tally = tallies.get(eventId);
    if (tally === undefined) {
      tally = { started: 0, failed: 0, handledEntries: new Set(), copies: 0, interruptions: 0 };
      tallies.set(eventId, tally);
    }
    return tally;
  };
  for (const { lines } of journals) {
    for (const line of lines) {
      if (line.kind === 'started') of(line.event).started += 1;
      if (line.kind !== 'ended') continue;
      if (line.failed) of(line.event).failed += 1;
      else of(line.event).handledEntries.add(line.entry);
    }
  }
  return tallies;
}

/**
 * How often the handler of an event may be called, failures aside: once an entry, and once more for each interruption of
 * a process that had called it by then, and whose acknowledgement the server did not have.
 */
function allowedStarts(
  { entries, journals, interruptions }: Evidence,
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
  return new Map([...tallies].map(([eventId, { copies, interruptions }]) => [eventId, copies + interruptions]));
}
