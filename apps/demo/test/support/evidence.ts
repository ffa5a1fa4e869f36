import type { Evidence } from '../../src/demo/audit.js';
import type { HandledRecord, JournalRecord } from '../../src/demo/journal.js';
import type { StoredEvent } from '../../src/demo/stored-streams.js';

const stream = 'demo:orders';

/** Two orders with three events each, all handled in order by the one group that has to. */
export function soundEvidence() {
  const events: StoredEvent[] = [];
  const journal: JournalRecord[] = [];
  for (const sequence of [1, 2, 3]) {
    for (const key of ['order-1', 'order-2']) {
      const entryId = `${100 + events.length}-0`;
      const id = `${key}:${sequence}`;
      events.push({ entryId, id, type: sequence === 1 ? 'order.placed' : 'order.closed', key });
      journal.push({ kind: 'published', stream, entryId, id });
    }
  }
  for (const { entryId, id, key } of events) {
    journal.push({
      kind: 'handled',
      stream,
      entryId,
      id,
      key,
      sequence: Number(id.split(':')[1]),
      redelivered: false,
    });
  }
  return { events, journal, group: { pending: 0, lastDeliveredId: '105-0' } };
}

export type Sound = ReturnType<typeof soundEvidence>;

export function evidenceOf({ events, journal, group }: Sound, changes: Partial<Evidence> = {}): Evidence {
  const description = {
    length: events.length,
    firstEntryId: events[0]?.entryId ?? null,
    lastGeneratedId: events.at(-1)?.entryId ?? '0-0',
    removed: 0,
    groups: [{ name: 'payment-service', consumers: 1, lag: 0, ...group }],
  };
  return {
    streams: [{ key: stream, description, events, deadLetters: [], readers: ['payment-service'] }],
    journals: new Map([['payment-service', journal]]),
    complete: true,
    ...changes,
  };
}

/** Where in the journal a group wrote that it handled an event. */
export function placeOf(journal: readonly JournalRecord[], id: string): number {
  return journal.findIndex((record) => record.kind === 'handled' && record.id === id);
}

export function handledRecord(journal: readonly JournalRecord[], id: string): HandledRecord {
  return journal[placeOf(journal, id)] as HandledRecord;
}
