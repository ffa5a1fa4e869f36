import { OptionsError } from './errors.js';
import { checkKeys, choice, flag, requiredWholeNumber, wholeNumber } from './options.js';
import { gateOf, keepUnreadSettings, type TrimOverflow, type TrimPolicy, trimTarget, withGate } from './trim-policy.js';

/** How streams are kept from growing, by the roadmap's options. */
export interface TrimStrategy {
  /** Default: `true`. `false` = streams grow, and nobody is warned. */
  readonly enabled?: boolean | undefined;
  /** How many entries a stream may have. */
  readonly maxLength?: number | undefined;
  /**
   * `maxlen` (default): whole nodes of the stream are removed, which is cheapest and leaves up to one node more. `minid`:
   * it is cut exactly, at the id of the oldest entry that stays; so it always is with `overflow: 'reject'` or `'block'`.
   */
  readonly trimPolicy?: 'maxlen' | 'minid' | undefined;
  /** The part of `maxLength` at which trimming begins, and to which it trims. Above 0, at most 1. Default: 0.8. */
  readonly trimThreshold?: number | undefined;
  /** The most entries that leave in one step, at least 100. Default: 1,000. */
  readonly trimBatchSize?: number | undefined;
  /** Whether what a live group has not read and acknowledged stays. Default: `true`. */
  readonly keepUnread?: boolean | undefined;
  /**
   * At `maxLength`, when only unread entries are left: `keep` (default) = the stream grows; `drop` = they are dropped, which
   * is announced; `reject` = publishing is refused with `OverloadedError`; `block` = publishing waits for room, within its
   * `timeoutMs`.
   */
  readonly overflow?: TrimOverflow | undefined;
  /** For how long a group may be without a sign of life and still hold entries back, in milliseconds. Default: 604,800,000. */
  readonly maxGroupIdleMs?: number | undefined;
}

const strategyKeys = [
  'enabled',
  'maxLength',
  'trimPolicy',
  'trimThreshold',
  'trimBatchSize',
  'keepUnread',
  'overflow',
  'maxGroupIdleMs',
] as const satisfies readonly (keyof TrimStrategy)[];

/** The policy that `trimStrategy` stands for; `false` = not to be trimmed, `undefined` = nobody said. Throws `OptionsError`. */
export function trimPolicyOf(value: TrimStrategy | TrimPolicy | undefined): TrimPolicy | false | undefined {
  if (value === undefined || typeof value === 'function') return value;
  checkKeys('trimStrategy', value, strategyKeys);
  if (!flag('trimStrategy.enabled', value.enabled, true)) return false;
  const { trimThreshold = 0.8, overflow, maxGroupIdleMs } = value;
  const maxLength = requiredWholeNumber('trimStrategy.maxLength', value.maxLength, { min: 1 });
  if (typeof trimThreshold !== 'number' || !(trimThreshold > 0 && trimThreshold <= 1)) {
    throw new OptionsError(`trimStrategy.trimThreshold must be above 0 and at most 1, not ${String(trimThreshold)}`);
  }
  const isKept = flag('trimStrategy.keepUnread', value.keepUnread, true);
  if (!isKept && (overflow !== undefined || maxGroupIdleMs !== undefined)) {
    throw new OptionsError(
      'trimStrategy.overflow and maxGroupIdleMs contradict keepUnread: false, which drops what is unread',
    );
  }
  const kept = isKept ? keepUnreadSettings('trimStrategy', { overflow, maxGroupIdleMs }) : undefined;
  const gate = kept && gateOf(kept);
  const cut = choice('trimStrategy.trimPolicy', value.trimPolicy, 'maxlen', ['maxlen', 'minid']);
  const decision = {
    maxLength,
    trimTo: trimTarget(maxLength, trimThreshold, gate),
    // up to a node more would be room that publishers wait for in vain
    isExact: cut === 'minid' || gate !== undefined,
    batchSize: wholeNumber('trimStrategy.trimBatchSize', value.trimBatchSize, 1_000, { min: 100, max: 10_000 }),
    keepUnread: kept,
  };
  return withGate(() => decision, gate);
}
