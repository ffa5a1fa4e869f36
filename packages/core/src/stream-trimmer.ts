import { compareEntryIds } from './compare-entry-ids.js';
import { EventsError, OptionsError } from './errors.js';
import type { FailureEpisodes } from './failure-episodes.js';
import type { GroupLoss, GroupState, Janitor, StreamState, Trimmed, TrimOrder } from './janitor.js';
import { checkedDecision, gateOf, type KeepUnread, type TrimDecision, type TrimPolicy } from './trim-policy.js';
import type { TrimmingEvents } from './trimming.js';

const turnMs = 3_000;
const renewEveryMs = 1_000;
const mostOftenMs = 20;
const usuallyMs = 1_000;
const restingMs = 10_000;
/** Where publishers wait, or are refused, until something is trimmed. */
const gatedMs = 100;
const gatedRestingMs = 1_000;
/** One pass leaves the server to others after so many steps, and is followed by another. */
const stepsPerPass = 20;
/** Redis removes whole nodes of at most so many entries, unless it is configured otherwise. */
const nodeEntries = 100;
/** The server's clock may be corrected. */
const clockSlackMs = 500;
/** How long a group may hold entries back beyond the bound before it is named. */
const heldForMs = 5_000;

/** What a trimmer needs around it. */
export interface TrimmerSurroundings {
  readonly janitor: Janitor;
  readonly policy: TrimPolicy;
  readonly episodes: FailureEpisodes;
  emit<Name extends keyof TrimmingEvents>(name: Name, ...values: TrimmingEvents[Name]): void;
  onError(error: EventsError): void;
}

/** Keeps one stream within its bound, whenever it is this process's turn. */
export class StreamTrimmer {
  readonly #stream: string;
  readonly #around: TrimmerSurroundings;
  /** Groups that it was said of that nothing is kept for them any more, and when they had last shown life. */
  readonly #released = new Map<string, number>();
  readonly #named = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  #isClosed = false;
  #waitMs = mostOftenMs;
  #turnAtMs = Number.NEGATIVE_INFINITY;
  #heldSinceMs: number | undefined;
  #holder = '';
  #isDropping = false;
  #hasComplained = false;
  #last: { readonly atMs: number; readonly length: number } | undefined;

  constructor(stream: string, around: TrimmerSurroundings) {
    this.#stream = stream;
    this.#around = around;
    this.#schedule(mostOftenMs);
  }

  /** Something was stored: a trimmer that rests looks soon. */
  stored(): void {
    if (this.#waitMs <= usuallyMs || this.#pass !== undefined) return;
    this.#schedule(usuallyMs / 10);
  }

  /** Somebody waits for room. */
  hurry(): void {
    if (this.#waitMs > mostOftenMs && this.#pass === undefined) this.#schedule(mostOftenMs);
  }

  /** Ends it, once the pass under way is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#pass;
  }

  #schedule(waitMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#waitMs = waitMs;
    this.#timer = setTimeout(() => {
      this.#pass = this.#run().finally(() => {
        this.#pass = undefined;
      });
    }, waitMs);
    // a process that is otherwise done has no need to trim
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    let nextMs = usuallyMs;
    try {
      if (await this.#hasTurn()) nextMs = await this.#keepWithin();
      // whoever has the turn looks after the stream; this one asks again, lest that one dies
      else nextMs = usuallyMs * (0.8 + Math.random() * 0.4);
      this.#around.episodes.succeeded(`trim '${this.#stream}'`);
    } catch (error) {
      const { kind } = this.#around.episodes.failed(
        `trim '${this.#stream}'`,
        error,
        (failure) => failure.kind === 'closed',
      );
      // a transport that its user has closed will not open again
      if (kind === 'closed') this.#isClosed = true;
    }
    this.#schedule(nextMs);
  }

  async #hasTurn(): Promise<boolean> {
    const now = performance.now();
    if (now - this.#turnAtMs < renewEveryMs) return true;
    const isOurs = await this.#around.janitor.takeTurn(this.#stream, 'trim', turnMs);
    this.#turnAtMs = isOurs ? now : Number.NEGATIVE_INFINITY;
    return isOurs;
  }

  /** Resolves with when to look again. */
  async #keepWithin(): Promise<number> {
    const state = await this.#around.janitor.survey(this.#stream);
    if (state === undefined) return restingMs;
    const decision = this.#decide(state);
    if (decision === undefined) {
      const nextMs = this.#next(state.length, 0, undefined);
      return this.#around.policy.overflow === undefined ? nextMs : Math.min(nextMs, gatedRestingMs);
    }
    const order = this.#orderOf(state, decision);
    const trimmed = await this.#steps(order, decision);
    const { keepUnread: kept } = decision;
    const isFull = isBeyond(decision, trimmed) || isAtGate(decision, trimmed);
    if (kept === undefined || !isFull || !trimmed.isStuck) this.#heldSinceMs = undefined;
    else await this.#held(state, order, decision, trimmed);
    if (this.#heldSinceMs === undefined) {
      this.#isDropping = false;
      this.#named.clear();
    }
    if (trimmed.removed > 0) {
      const { removed, length, firstEntryId, groups, lost } = trimmed;
      this.#around.emit('trimmed', { stream: this.#stream, removed, length, firstEntryId, groups, lost });
    }
    const isUnfinished = trimmed.removed > 0 && !trimmed.isStuck && isBeyond(targetOf(decision), trimmed);
    if (isUnfinished) return 1;
    const nextMs = this.#next(trimmed.length, trimmed.removed, decision.maxLength);
    return this.#around.policy.overflow === undefined ? nextMs : this.#nextAtGate(nextMs, decision, trimmed);
  }

  /** Publishers of other processes may fill the stream while this one rests. */
  #nextAtGate(nextMs: number, { maxLength = 0 }: TrimDecision, { removed, length }: Trimmed): number {
    if (length < maxLength / 2) return Math.min(nextMs, gatedRestingMs);
    return Math.min(nextMs, removed > 0 ? mostOftenMs : gatedMs);
  }

  #decide(state: StreamState): TrimDecision | undefined {
    try {
      const decision = this.#around.policy(state);
      const checked = decision === undefined ? undefined : checkedDecision(decision);
      const gate = checked?.keepUnread && gateOf(checked.keepUnread);
      if (gate !== undefined && this.#around.policy.overflow === undefined) {
        throw new OptionsError(
          `A trim policy of one's own cannot say overflow: '${gate}' in its decisions: give keepUnread(policy, { overflow: '${gate}' })`,
        );
      }
      this.#hasComplained = false;
      return checked;
    } catch (error) {
      if (!this.#hasComplained) {
        const what = `The trim policy failed for '${this.#stream}', which is not trimmed`;
        this.#around.onError(error instanceof EventsError ? error : new OptionsError(what, { cause: error }));
      }
      this.#hasComplained = true;
      return undefined;
    }
  }

  #orderOf(state: StreamState, decision: TrimDecision): TrimOrder {
    const { isExact = false, batchSize = 1_000, keepUnread: kept } = decision;
    // only those of which it was said in an earlier pass
    const released = kept === undefined ? [] : this.#release(state, kept);
    return {
      bound: targetOf(decision),
      limit: batchSize,
      isExact,
      keepUnread: kept === undefined ? null : { released, silentMs: kept.maxGroupIdleMs },
    };
  }

  #release({ groups, nowMs }: StreamState, { maxGroupIdleMs }: KeepUnread): readonly string[] {
    const silent = groups.filter(({ silentMs }) => silentMs >= maxGroupIdleMs);
    for (const [name, heardOfAtMs] of this.#released) {
      // one that was alive between two passes is announced anew
      const isStill = silent.some(
        (group) => group.name === name && nowMs - group.silentMs <= heardOfAtMs + clockSlackMs,
      );
      if (!isStill) this.#released.delete(name);
    }
    const released = [...this.#released.keys()];
    for (const { name, silentMs } of silent) {
      if (this.#released.has(name)) continue;
      this.#released.set(name, nowMs - silentMs);
      this.#around.emit('groupReleased', { stream: this.#stream, group: name, silentMs });
    }
    return released;
  }

  async #steps(order: TrimOrder, { batchSize = 1_000 }: TrimDecision): Promise<Steps> {
    const lost = new Map<string, GroupLoss>();
    let removed = 0;
    for (let step = 1; ; step += 1) {
      const trimmed = await this.#around.janitor.trim(this.#stream, order);
      removed += trimmed.removed;
      for (const loss of trimmed.lost) addLoss(lost, loss);
      const isStuck = trimmed.removed + (order.isExact ? 1 : nodeEntries) <= batchSize;
      if (isStuck || step === stepsPerPass || !isBeyond(order.bound, trimmed)) {
        return { ...trimmed, removed, lost: [...lost.values()], isStuck };
      }
    }
  }

  /** Beyond the bound, and all that is left there is needed by some group. */
  async #held(state: StreamState, order: TrimOrder, decision: TrimDecision, trimmed: Steps): Promise<void> {
    const holder = holderOf(state, order);
    if (holder === undefined) return;
    const now = performance.now();
    // what was held until now was the doing of a group that holds nothing any more
    if (order.keepUnread?.released.includes(this.#holder)) this.#heldSinceMs = undefined;
    this.#holder = holder.name;
    this.#heldSinceMs ??= now;
    const limit = decision.maxLength ?? null;
    const { length } = trimmed;
    if (decision.keepUnread?.overflow === 'drop') {
      const { maxLength, minId } = decision;
      if (this.#isDropping) {
        const dropped = await this.#steps({ ...order, bound: { maxLength, minId }, keepUnread: null }, decision);
        const { removed, groups, lost, firstEntryId } = dropped;
        if (removed > 0) {
          this.#around.emit('trimmed', {
            stream: this.#stream,
            removed,
            length: dropped.length,
            firstEntryId,
            groups,
            lost,
          });
        }
      } else {
        const groups = state.groups.filter(({ name }) => !this.#released.has(name)).map(({ name }) => name);
        this.#around.emit('dropping', { stream: this.#stream, groups, length, limit });
        this.#isDropping = true;
      }
    } else if (now - this.#heldSinceMs >= heldForMs && !this.#named.has(holder.name)) {
      this.#named.add(holder.name);
      const { name: group, silentMs } = holder;
      this.#around.emit('trimHeldBack', { stream: this.#stream, group, length, limit, silentMs });
    }
  }

  /** The faster a stream grows, or groups let go of it, the sooner it is looked at again: before a twentieth more could go. */
  #next(length: number, removed: number, maxLength: number | undefined): number {
    const now = performance.now();
    const before = this.#last;
    this.#last = { atMs: now, length };
    if (before === undefined) return mostOftenMs;
    const moved = Math.max(removed, length + removed - before.length);
    if (moved <= 0) {
      const longestMs = maxLength !== undefined && length > maxLength ? usuallyMs : restingMs;
      return Math.min(longestMs, Math.max(usuallyMs, this.#waitMs * 2));
    }
    const perMs = moved / Math.max(1, now - before.atMs);
    const room = Math.max(nodeEntries, (maxLength ?? length) / 20);
    return Math.min(usuallyMs, Math.max(mostOftenMs, room / perMs));
  }
}

/** What the steps of a pass did together; `isStuck` = the last one removed less than it might have. */
type Steps = Trimmed & { readonly isStuck: boolean };

function targetOf({ maxLength, minId, trimTo }: TrimDecision): TrimOrder['bound'] {
  return { maxLength: trimTo ?? maxLength, minId };
}

function isBeyond({ maxLength, minId }: TrimOrder['bound'], { length, firstEntryId }: Trimmed): boolean {
  if (maxLength !== undefined && length > maxLength) return true;
  return minId !== undefined && firstEntryId !== null && compareEntryIds(firstEntryId, minId) < 0;
}

/** Publishers are held back at the bound, so that the stream does not pass it. */
function isAtGate({ maxLength, keepUnread }: TrimDecision, { length }: Trimmed): boolean {
  if (keepUnread === undefined || gateOf(keepUnread) === undefined) return false;
  return maxLength !== undefined && length >= maxLength;
}

/** A group that was announced in this pass holds entries until the next one. */
function holderOf({ groups }: StreamState, { keepUnread: kept }: TrimOrder): GroupState | undefined {
  let holder: GroupState | undefined;
  for (const group of groups) {
    if (kept?.released.includes(group.name)) continue;
    if (holder === undefined || compareEntryIds(group.floor, holder.floor) < 0) holder = group;
  }
  return holder;
}

function addLoss(losses: Map<string, GroupLoss>, { group, unread, pending }: GroupLoss): void {
  const before = losses.get(group);
  losses.set(group, { group, unread: unread + (before?.unread ?? 0), pending: pending + (before?.pending ?? 0) });
}
