import { compareEntryIds } from './entry-order.js';
import { parseEventId } from './event-name.js';
import type { Evidence, StoredEntry } from './evidence.js';

/** What is wrong, or remarkable, between what the publisher was told and what is in the stream. Lists hold event ids. */
export interface PublishAudit {
  readonly attempted: number;
  readonly stored: number;
  /** Stored, and rejected for want of replicas or of a flush to disk: not confirmed. */
  readonly underReplicated: number;
  readonly unknown: number;
  readonly notStored: number;
  /** Refused by the server for want of replicas (NOREPLICAS). */
  readonly refusedForReplicas: number;
  /** Calls without one of the three outcomes. */
  readonly unsettled: readonly string[];
  /** Confirmed, and the stream does not hold the event. */
  readonly missing: readonly string[];
  /** Confirmed with an entry id at which the stream does not hold the event, which it holds elsewhere. */
  readonly elsewhere: readonly string[];
  /** Confirmed, and deleted with everything else on purpose. */
  readonly erased: number;
  /** Reported as not stored, and stored. */
  readonly phantom: readonly string[];
  /** Reported as unknown, and stored. */
  readonly unknownStored: number;
  /** In the stream, and never published. */
  readonly unexpected: readonly string[];
  /** Entries beyond the first of their event. */
  readonly copies: number;
  /** Copies that are explained by sendings without an answer. */
  readonly copiesReportedUnknown: number;
  /** Events with more copies than unanswered sendings. */
  readonly unexplainedCopies: readonly string[];
  /** Events that stand after a later one of their key. Copies, and what came late, are not looked at. */
  readonly misplaced: readonly string[];
  /**
   * The same of events that were reported as unknown: a network may deliver what a connection carried after that connection was
   * given up, and after what the next one carried.
   */
  readonly late: readonly string[];
  readonly slowestMs: number;
}

export function auditPublishing(evidence: Evidence): PublishAudit {
  const { attempts, entries, unanswered, erasedUpTo } = evidence;
  const places = placesOf(entries);
  const attempted = new Set(attempts.map(({ eventId }) => eventId));
  const having = (result: string) => attempts.filter((attempt) => attempt.result === result);
  const isInStream = ({ eventId }: { readonly eventId: string }) => places.has(eventId);
  const lacking = having('stored').filter(({ eventId, entryId = '' }) => !places.get(eventId)?.includes(entryId));
  const isErased = ({ entryId }: { readonly entryId: string | undefined }) =>
    erasedUpTo !== undefined && entryId !== undefined && compareEntryIds(entryId, erasedUpTo) <= 0;
  const copies = [...places].map(([eventId, found]) => ({ eventId, count: found.length - 1 }));
  const unknown = new Set(having('unknown').map(({ eventId }) => eventId));
  const outOfPlace = misplaced(entries, attempted);
  return {
    attempted: attempts.length,
    stored: having('stored').length,
    underReplicated: having('under-replicated').length,
    unknown: having('unknown').length,
    notStored: having('not-stored').length,
    refusedForReplicas: having('not-stored').filter(({ reason }) => reason === 'NOREPLICAS').length,
    unsettled: having('unsettled').map(({ eventId }) => eventId),
    missing: lacking.filter((attempt) => !isErased(attempt) && !isInStream(attempt)).map(({ eventId }) => eventId),
    elsewhere: lacking.filter((attempt) => !isErased(attempt) && isInStream(attempt)).map(({ eventId }) => eventId),
    erased: lacking.filter(isErased).length,
    phantom: having('not-stored')
      .filter(isInStream)
      .map(({ eventId }) => eventId),
    unknownStored: having('unknown').filter(isInStream).length,
    unexpected: [...places.keys()].filter((eventId) => !attempted.has(eventId)),
    copies: copies.reduce((sum, { count }) => sum + count, 0),
    copiesReportedUnknown: copies.reduce(
      (sum, { eventId, count }) => sum + Math.min(count, unanswered.get(eventId) ?? 0),
      0,
    ),
    unexplainedCopies: copies
      .filter(({ eventId, count }) => count > (unanswered.get(eventId) ?? 0))
      .map(({ eventId }) => eventId),
    misplaced: outOfPlace.filter((eventId) => !unknown.has(eventId)),
    late: outOfPlace.filter((eventId) => unknown.has(eventId)),
    slowestMs: attempts.reduce((slowest, { tookMs }) => Math.max(slowest, tookMs), 0),
  };
}

function placesOf(entries: readonly StoredEntry[]): Map<string, string[]> {
  const places = new Map<string, string[]>();
  for (const { eventId, entryId } of entries) {
    const found = places.get(eventId);
    if (found === undefined) places.set(eventId, [entryId]);
    else found.push(entryId);
  }
  return places;
}

function misplaced(entries: readonly StoredEntry[], attempted: ReadonlySet<string>): string[] {
  const furthest = new Map<string, number>();
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (const { eventId } of entries) {
    if (seen.has(eventId) || !attempted.has(eventId)) continue;
    seen.add(eventId);
    const { key, sequence } = parseEventId(eventId);
    const before = furthest.get(key) ?? -1;
    if (sequence < before) wrong.push(eventId);
    furthest.set(key, Math.max(before, sequence));
  }
  return wrong;
}
