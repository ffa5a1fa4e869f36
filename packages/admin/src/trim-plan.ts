import {
  compareEntryIds,
  type GroupLoss,
  type GroupState,
  type Inspector,
  type StreamState,
  type TrimBound,
  type TrimDecision,
} from '@events/core';

/** What a trim did, or would do. */
export interface TrimOutcome {
  readonly removed: number;
  /** Entries that are left. */
  readonly length: number;
  /** `null` when nothing is left. */
  readonly firstEntryId: string | null;
  /** Groups that lost entries, with exact counts. */
  readonly lost: readonly GroupLoss[];
  /** The groups because of which entries beyond the bound were kept. */
  readonly kept: readonly string[];
}

/** What is removed in one go: up to a bound, for whom some of it stays. */
export interface TrimPhase {
  readonly bound: TrimBound;
  /** `undefined` = nothing is kept for anybody. */
  readonly keepUnread: TrimDecision['keepUnread'];
}

/** Entries come with their data, which may be large. */
const entriesPerPage = 100;
const pendingPerPage = 500;

/** The phases of a decision: what is unread goes last, and only where it may. */
export function phasesOf({ maxLength, minId, trimTo, keepUnread }: TrimDecision): readonly TrimPhase[] {
  const first = { bound: { maxLength: trimTo ?? maxLength, minId }, keepUnread };
  if (keepUnread?.overflow !== 'drop') return [first];
  return [first, { bound: { maxLength, minId }, keepUnread: undefined }];
}

/** The groups that nothing is kept for. */
export function releasedGroups({ groups }: StreamState, { keepUnread }: TrimPhase): readonly string[] {
  if (keepUnread === undefined) return groups.map(({ name }) => name);
  return groups.filter(({ silentMs }) => silentMs >= keepUnread.maxGroupIdleMs).map(({ name }) => name);
}

/** The groups that keep the first entry although it is beyond the bound. */
export function keepers(state: StreamState, phase: TrimPhase): readonly string[] {
  const { firstEntryId: first } = state;
  if (first === null || !isBeyond(phase.bound, state.length, first)) return [];
  return heldGroups(state, phase)
    .filter(({ floor }) => compareEntryIds(floor, first) <= 0)
    .map(({ name }) => name);
}

/** What trimming would do, found by looking at every entry that would go. */
export async function planTrim(
  inspector: Inspector,
  state: StreamState,
  phases: readonly TrimPhase[],
): Promise<TrimOutcome> {
  const unread = new Map(state.groups.map(({ name }) => [name, 0]));
  let [phase, ...later] = phases as readonly [TrimPhase, ...TrimPhase[]];
  let removed = 0;
  let last: string | undefined;
  let first: string | null = null;
  for await (const id of entryIds(inspector, state.stream)) {
    while (later.length > 0 && !mayGo(state, phase, state.length - removed, id)) {
      [phase, ...later] = later as [TrimPhase, ...TrimPhase[]];
    }
    first = id;
    if (!mayGo(state, phase, state.length - removed, id)) break;
    removed += 1;
    first = null;
    last = id;
    for (const { name, lastDeliveredId } of state.groups) {
      if (compareEntryIds(id, lastDeliveredId) > 0) unread.set(name, (unread.get(name) ?? 0) + 1);
    }
  }
  const lost: GroupLoss[] = [];
  for (const { name } of state.groups) {
    const pending = last === undefined ? 0 : await pendingUpTo(inspector, state.stream, name, last);
    const loss = { group: name, unread: unread.get(name) ?? 0, pending };
    if (loss.unread + pending > 0) lost.push(loss);
  }
  const length = state.length - removed;
  const kept = keepers({ ...state, length, firstEntryId: first }, phase);
  return { removed, length, firstEntryId: first, lost: byGroup(lost), kept };
}

/** The same losses in the same order, however they were found. */
export function byGroup(losses: readonly GroupLoss[]): readonly GroupLoss[] {
  return [...losses].sort((one, other) => (one.group < other.group ? -1 : 1));
}

function mayGo(state: StreamState, phase: TrimPhase, length: number, id: string): boolean {
  if (!isBeyond(phase.bound, length, id)) return false;
  return !heldGroups(state, phase).some(({ floor }) => compareEntryIds(floor, id) <= 0);
}

function heldGroups(state: StreamState, phase: TrimPhase): readonly GroupState[] {
  const released = releasedGroups(state, phase);
  return state.groups.filter(({ name }) => !released.includes(name));
}

function isBeyond({ maxLength, minId }: TrimBound, length: number, id: string): boolean {
  return (maxLength !== undefined && length > maxLength) || (minId !== undefined && compareEntryIds(id, minId) < 0);
}

async function* entryIds(inspector: Inspector, stream: string): AsyncGenerator<string> {
  for (let from = '-'; ; ) {
    const page = await inspector.range(stream, from, '+', entriesPerPage);
    // the last one of a page is the first one of the next
    for (const { id } of page) if (id !== from) yield id;
    if (page.length < entriesPerPage) return;
    from = page.at(-1)?.id ?? from;
  }
}

async function pendingUpTo(inspector: Inspector, stream: string, group: string, last: string): Promise<number> {
  let after = '0-0';
  for (let count = 0; ; ) {
    const page = await inspector.pending(stream, group, after, pendingPerPage, undefined);
    const within = page.filter(({ id }) => compareEntryIds(id, last) <= 0).length;
    count += within;
    if (within < pendingPerPage) return count;
    after = page.at(-1)?.id ?? after;
  }
}
