import { compareEntryIds } from './compare-entry-ids.js';
import { OptionsError, UnsupportedError } from './errors.js';
import type { TrimBound } from './inspector.js';
import type { StreamState } from './janitor.js';
import { checkKeys, choice, wholeNumber } from './options.js';

/**
 * What may stay in a stream, from what is known of it now, or `undefined` = everything. A pure function: it is asked
 * again and again, and what it throws is told as an `error` of the publisher.
 */
export interface TrimPolicy {
  (stream: StreamState): TrimDecision | undefined;
  /** Set by `keepUnread`, where publishers are to be told of a full stream, or held back. */
  readonly overflow?: 'reject' | 'block' | undefined;
}

/** What may stay, and how the rest is removed. */
export interface TrimDecision extends TrimBound {
  /** The length down to which a stream that is longer is trimmed. Default: `maxLength`. */
  readonly trimTo?: number | undefined;
  /** Whether exactly that is left. Default: `false`, whole nodes of the stream are removed, and up to one more is left. */
  readonly isExact?: boolean | undefined;
  /** The most entries that leave in one step. Default: 1,000. */
  readonly batchSize?: number | undefined;
  /** What groups have not read and acknowledged stays. Default: it goes. */
  readonly keepUnread?: KeepUnread | undefined;
}

/** How what groups still need is kept. */
export interface KeepUnread {
  /**
   * When the bound cannot be kept without it: the stream grows (`keep`); it is dropped, counted and announced (`drop`);
   * publishing is refused (`reject`); or publishing waits for room, within its `timeoutMs` (`block`).
   */
  readonly overflow: TrimOverflow;
  /** Nothing is kept for a group without a sign of life for so long, once that has been announced. */
  readonly maxGroupIdleMs: number;
}

/** What happens at a bound that cannot be kept without dropping unread entries. */
export type TrimOverflow = 'keep' | 'drop' | 'reject' | 'block';

/** What publishers are held back at is trimmed well below it: else they would wait for each pass. */
const thresholdWithGate = 0.8;

/** The safer first: nothing unread is lost and the stream stays within its bound, …, what is unread is lost. */
const overflows = ['block', 'reject', 'keep', 'drop'] as const satisfies readonly TrimOverflow[];

/** A week. */
const defaultGroupIdleMs = 604_800_000;

/** The newest `n` entries stay. @throws OptionsError unless `n` is a whole number from 0 on */
export function maxLength(n: number): TrimPolicy {
  const length = wholeNumber('maxLength', n, 0, { min: 0 });
  return () => ({ maxLength: length });
}

/** Entries younger than `ms` stay, by the server's time. @throws OptionsError unless `ms` is a whole number from 1 on */
export function maxAge(ms: number): TrimPolicy {
  const ageMs = wholeNumber('maxAge', ms, 1, { min: 1 });
  return ({ nowMs }) => ({ minId: `${Math.max(0, nowMs - ageMs)}-0` });
}

/**
 * About as many of the newest entries stay as take `n` bytes of the server's memory, by its own estimate (MEMORY USAGE).
 *
 * @see https://redis.io/docs/latest/commands/memory-usage/
 * @throws OptionsError unless `n` is a whole number from 1 on
 */
export function maxBytes(n: number): TrimPolicy {
  const limit = wholeNumber('maxBytes', n, 1, { min: 1 });
  return ({ stream, length, bytes }) => {
    if (bytes === null) {
      throw new UnsupportedError(
        `maxBytes cannot bound '${stream}': its memory is unknown. Allow MEMORY USAGE to this user, or use maxLength`,
      );
    }
    return bytes <= limit || length === 0 ? undefined : { maxLength: Math.floor((length * limit) / bytes) };
  };
}

/**
 * What `policy` says, but never past what a live group has not yet read and acknowledged. With `overflow: 'reject'` or
 * `'block'` a stream is trimmed exactly, and to 0.8 of its bound at most.
 *
 * @param options `overflow` (default: `keep`) and `maxGroupIdleMs` (default: 604,800,000, a week)
 * @throws OptionsError for anything else
 */
export function keepUnread(
  policy: TrimPolicy,
  options: { readonly overflow?: TrimOverflow; readonly maxGroupIdleMs?: number } = {},
): TrimPolicy {
  checkPolicy('keepUnread', policy);
  const kept = keepUnreadSettings('keepUnread', options);
  const overflow = gateOf(kept);
  const bounded: TrimPolicy = (stream) => {
    const decision = policy(stream);
    if (decision === undefined) return undefined;
    return { ...decision, ...(overflow === undefined ? {} : roomAt(decision, overflow)), keepUnread: kept };
  };
  return withGate(bounded, overflow);
}

/** What all of `policies` let stay; if one of them keeps what is unread, all do. @throws OptionsError without a policy */
export function combine(...policies: readonly TrimPolicy[]): TrimPolicy {
  if (policies.length === 0) throw new OptionsError('combine needs at least one trim policy');
  for (const policy of policies) checkPolicy('combine', policy);
  const combined: TrimPolicy = (stream) => {
    const decisions = policies.map((policy) => policy(stream)).filter((decision) => decision !== undefined);
    return decisions.length === 0 ? undefined : decisions.reduce(stricter);
  };
  const gates = policies.map(({ overflow }) => overflow);
  return withGate(combined, gates.includes('block') ? 'block' : gates.find((gate) => gate !== undefined));
}

/** `policy`, said to hold publishers back. */
export function withGate(policy: TrimPolicy, overflow: TrimPolicy['overflow']): TrimPolicy {
  return overflow === undefined ? policy : Object.assign(policy, { overflow });
}

/** What makes room where publishers wait for it. */
function roomAt(
  { maxLength: most, trimTo }: TrimDecision,
  overflow: TrimPolicy['overflow'],
): Pick<TrimDecision, 'isExact' | 'trimTo'> {
  // up to a node more would be room that is waited for in vain
  if (most === undefined) return { isExact: true };
  return { isExact: true, trimTo: Math.min(trimTo ?? most, trimTarget(most, thresholdWithGate, overflow)) };
}

/** How far a stream of at most `length` entries is trimmed: never empty, except where publishers wait for that one place. */
export function trimTarget(length: number, threshold: number, gate: TrimPolicy['overflow']): number {
  const target = Math.floor(length * threshold);
  return gate === undefined ? Math.max(1, target) : Math.min(length - 1, target);
}

/** How publishers are held back, if at all. */
export function gateOf({ overflow }: KeepUnread): TrimPolicy['overflow'] {
  return overflow === 'reject' || overflow === 'block' ? overflow : undefined;
}

/** Throws `OptionsError` unless `options` can be kept by. */
export function keepUnreadSettings(
  owner: string,
  options: { readonly overflow?: TrimOverflow | undefined; readonly maxGroupIdleMs?: number | undefined },
): KeepUnread {
  checkKeys(owner, options, ['overflow', 'maxGroupIdleMs']);
  return {
    overflow: choice(`${owner}.overflow`, options.overflow, 'keep', [...overflows]),
    maxGroupIdleMs: wholeNumber(`${owner}.maxGroupIdleMs`, options.maxGroupIdleMs, defaultGroupIdleMs, { min: 1_000 }),
  };
}

/** What a policy said, if it can be carried out. Throws `OptionsError` otherwise. */
export function checkedDecision(decision: TrimDecision): TrimDecision {
  checkKeys('A trim decision', decision, ['maxLength', 'minId', 'trimTo', 'isExact', 'batchSize', 'keepUnread']);
  wholeNumber('maxLength of a trim decision', decision.maxLength, 0, { min: 0 });
  wholeNumber('trimTo of a trim decision', decision.trimTo, 0, { min: 0 });
  wholeNumber('batchSize of a trim decision', decision.batchSize, 1_000, { min: 100 });
  const { minId, keepUnread: kept } = decision;
  if (minId !== undefined && !/^\d{1,20}-\d{1,20}$/.test(minId)) {
    throw new OptionsError(`minId of a trim decision must be an entry id, not ${JSON.stringify(minId)}`);
  }
  if (kept !== undefined) keepUnreadSettings('keepUnread of a trim decision', kept);
  return decision;
}

function checkPolicy(owner: string, policy: unknown): void {
  if (typeof policy !== 'function') throw new OptionsError(`${owner} takes trim policies, as maxLength(n) gives one`);
}

function stricter(one: TrimDecision, other: TrimDecision): TrimDecision {
  return {
    maxLength: least(one.maxLength, other.maxLength),
    minId: later(one.minId, other.minId),
    trimTo: least(one.trimTo ?? one.maxLength, other.trimTo ?? other.maxLength),
    isExact: one.isExact === true || other.isExact === true,
    batchSize: least(one.batchSize, other.batchSize),
    keepUnread: safer(one.keepUnread, other.keepUnread),
  };
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return compareEntryIds(one, other) >= 0 ? one : other;
}

function safer(one: KeepUnread | undefined, other: KeepUnread | undefined): KeepUnread | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const wanted = [one.overflow, other.overflow];
  return {
    overflow: overflows.find((overflow) => wanted.includes(overflow)) ?? 'keep',
    maxGroupIdleMs: Math.max(one.maxGroupIdleMs, other.maxGroupIdleMs),
  };
}
