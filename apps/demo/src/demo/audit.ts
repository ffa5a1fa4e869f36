import type { HandledRecord, JournalRecord, PublishedRecord } from './journal.js';
import { OrderWatch } from './order-watch.js';
import type { DeadLetter, StoredEvent, StoredStream } from './stored-streams.js';

/** What there is to be compared. */
export interface Evidence {
  /** The streams as they stand, each with the groups that have to handle every event of it. */
  readonly streams: readonly (StoredStream & { readonly readers: readonly string[] })[];
  /** What each service wrote down, by its name, which is its group's. */
  readonly journals: ReadonlyMap<string, readonly JournalRecord[]>;
  /** Whether the run went to its end, so that nothing may be left open. */
  readonly complete: boolean;
}

/** One group of one stream. */
export interface GroupAudit {
  readonly group: string;
  readonly stream: string;
  /** Different events; a copy of one is no other event. */
  readonly published: number;
  /** Entries whose event stands in the stream already, published again by a handler that ran again. */
  readonly copies: number;
  readonly handled: number;
  readonly deadLettered: number;
  /** Neither handled nor given up yet, and the server knows that they are not. */
  readonly open: number;
  readonly lost: readonly StoredEvent[];
  readonly twice: readonly HandledRecord[];
  readonly outOfOrder: readonly HandledRecord[];
  /** Handled twice, or out of order, because a process had vanished: at-least-once allows that, and it is counted. */
  readonly again: number;
  readonly late: number;
  /** Handled, but not in the stream. */
  readonly unknown: readonly HandledRecord[];
}

export interface Audit {
  readonly groups: readonly GroupAudit[];
  /** What publishers were told is stored, and how much of it is not. */
  readonly confirmed: number;
  readonly missing: readonly PublishedRecord[];
  readonly orders: { readonly placed: number; readonly closed: number; readonly deadLettered: number };
  /** Orders with neither an end nor a dead letter. */
  readonly unfinished: readonly string[];
  readonly deadLetters: readonly DeadLetter[];
  readonly holds: boolean;
}

/** Compares what stands in the streams with what the services wrote down, event by event. */
export function audit({ streams, journals, complete }: Evidence): Audit {
  const groups = streams.flatMap((stream) =>
    stream.readers.map((group) => auditGroup(group, stream, journals.get(group) ?? [])),
  );
  const published = [...journals.values()].flat().filter((record) => record.kind === 'published');
  const stored = new Set(
    streams.flatMap(({ key, events }) => events.map(({ entryId, id }) => `${key} ${entryId} ${id}`)),
  );
  const missing = published.filter(({ stream, entryId, id }) => !stored.has(`${stream} ${entryId} ${id}`));
  const deadLetters = streams.flatMap((stream) => stream.deadLetters);
  const orders = auditOrders(streams, deadLetters);
  const { unfinished } = orders;
  return {
    groups,
    confirmed: published.length,
    missing,
    orders,
    unfinished,
    deadLetters,
    holds:
      groups.every((group) => isInOrder(group, complete)) &&
      missing.length === 0 &&
      (!complete || unfinished.length === 0),
  };
}

function auditGroup(group: string, stream: StoredStream, journal: readonly JournalRecord[]): GroupAudit {
  const published = new Set(stream.events.map(({ id }) => id));
  const deadIds = new Set(stream.deadLetters.filter((letter) => letter.group === group).map(({ id }) => id));
  const handled = auditHandling(
    journal.filter((record) => record.stream === stream.key),
    deadIds,
  );
  const undecided = firstCopies(stream.events).filter(({ id }) => !handled.ids.has(id) && !deadIds.has(id));
  const open = countOpen(group, stream, undecided);
  return {
    ...handled,
    group,
    stream: stream.key.slice(stream.key.indexOf(':') + 1),
    published: published.size,
    copies: stream.events.length - published.size,
    handled: [...handled.ids].filter((id) => published.has(id)).length,
    deadLettered: deadIds.size,
    open,
    lost: undecided.slice(0, undecided.length - open),
    unknown: handled.records.filter(({ id }) => !published.has(id)),
  };
}

/** Goes through what a group wrote down of one stream, in its order. */
function auditHandling(journal: readonly JournalRecord[], deadIds: ReadonlySet<string>) {
  const ids = new Set<string>();
  const records: HandledRecord[] = [];
  const twice: HandledRecord[] = [];
  const outOfOrder: HandledRecord[] = [];
  let again = 0;
  let late = 0;
  const watch = new OrderWatch();
  for (const record of journal) {
    if (record.kind === 'takeover') watch.takeOver();
    if (record.kind !== 'handled') continue;
    records.push(record);
    if (ids.has(record.id) || deadIds.has(record.id)) {
      if (watch.excuses(record)) again += 1;
      else twice.push(record);
    } else {
      const place = watch.judge(record);
      if (place === 'broken') outOfOrder.push(record);
      if (place === 'late') late += 1;
    }
    ids.add(record.id);
  }
  return { ids, records, twice, outOfOrder, again, late };
}

/** Each event once, as it was published first. */
function firstCopies(events: readonly StoredEvent[]): StoredEvent[] {
  const seen = new Set<string>();
  return events.filter(({ id }) => seen.size < seen.add(id).size);
}

/** How many undecided events the server still keeps for the group: those not read yet, and those pending. */
function countOpen(group: string, { description, events }: StoredStream, undecided: readonly StoredEvent[]): number {
  const { pending = 0, lastDeliveredId = '0-0' } = description?.groups.find(({ name }) => name === group) ?? {};
  const lastRead = events.findIndex(({ entryId }) => entryId === lastDeliveredId);
  const unread = new Set(events.slice(lastRead + 1).map(({ entryId }) => entryId));
  const undecidedUnread = undecided.filter(({ entryId }) => unread.has(entryId)).length;
  return undecidedUnread + Math.min(pending, undecided.length - undecidedUnread);
}

function isInOrder(group: GroupAudit, complete: boolean): boolean {
  const { published, handled, deadLettered, open, lost, twice, outOfOrder, unknown } = group;
  const faults = lost.length + twice.length + outOfOrder.length + unknown.length;
  return faults === 0 && published === handled + deadLettered + open && (!complete || open === 0);
}

function auditOrders(streams: readonly StoredStream[], deadLetters: readonly DeadLetter[]) {
  const keysOf = (type: string) =>
    new Set(streams.flatMap(({ events }) => events.filter((event) => event.type === type).map(({ key = '' }) => key)));
  const placed = keysOf('order.placed');
  const closed = keysOf('order.closed');
  const dead = new Set(deadLetters.map(({ key = '' }) => key).filter((key) => !closed.has(key)));
  const unfinished = [...placed].filter((orderId) => !closed.has(orderId) && !dead.has(orderId));
  return { placed: placed.size, closed: closed.size, deadLettered: dead.size, unfinished };
}
