import type { Attempt, Evidence } from '../../src/audit/evidence.js';
import type { Journal, JournalLine } from '../../src/audit/journal-line.js';

/** Evidence of a run in which nothing was published, with what is given instead. */
export function evidenceOf(parts: Partial<Evidence>): Evidence {
  return {
    attempts: [],
    unanswered: new Map(),
    entries: [],
    journals: [],
    deadLetters: [],
    pending: new Set(),
    interruptions: [],
    rewinds: [],
    erasedUpTo: undefined,
    ...parts,
  };
}

/** A call of `publish`, confirmed with `entryId` unless something else is said. */
export function attempt(eventId: string, entryId: string, parts: Partial<Attempt> = {}): Attempt {
  return { eventId, entryId, result: 'stored', tookMs: 1, ...parts };
}

/** What one process wrote down. */
export function journal(process: string, ...lines: readonly (JournalLine | readonly JournalLine[])[]): Journal {
  return { process, lines: lines.flat() };
}

/** The handler was called. */
export function started(event: string, entry: string, redelivered = false): JournalLine {
  return { kind: 'started', at: 0, event, entry, attempt: redelivered ? 2 : 1, redelivered };
}

/** The handler ended. */
export function ended(event: string, entry: string, failed = false): JournalLine {
  return { kind: 'ended', at: 0, event, entry, failed };
}

/** The handler was called and ended well. */
export function handled(event: string, entry: string, redelivered = false): JournalLine[] {
  return [started(event, entry, redelivered), ended(event, entry)];
}
