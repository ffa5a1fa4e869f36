import { jitteredBackoffMs } from './backoff.js';
import { OptionsError } from './errors.js';
import { wholeNumber } from './options.js';

/** How long to wait, in milliseconds, after the `attempt`-th attempt failed with `error`. `undefined` = try no more. */
export type RetryPolicy = (attempt: number, error: unknown) => number | undefined;

/**
 * Waits that double from `initialMs` (default: 250) to `maxMs` (default: 30,000), each less up to half of it at random.
 *
 * @throws OptionsError for numbers out of range
 */
export function exponentialBackoff(
  options: { readonly initialMs?: number; readonly maxMs?: number } = {},
): RetryPolicy {
  const initialMs = wholeNumber('initialMs', options.initialMs, 250, { min: 1 });
  const maxMs = wholeNumber('maxMs', options.maxMs, Math.max(30_000, initialMs), { min: initialMs });
  return (attempt) => jitteredBackoffMs(attempt, initialMs, maxMs);
}

/**
 * Waits of `delayMs` (default: 1,000) each.
 *
 * @throws OptionsError for a number out of range
 */
export function fixedDelay(delayMs?: number): RetryPolicy {
  const waitMs = wholeNumber('delayMs', delayMs, 1_000, { min: 0 });
  return () => waitMs;
}

/** A recovery strategy by name, or a policy of the user's. */
export type RecoveryStrategy = 'exponential-backoff' | 'fixed-delay' | 'none' | RetryPolicy;

/** The most attempts that may be started, and the wait between them. Throws `OptionsError` for a contradiction. */
export function retrySettings(
  strategy: RecoveryStrategy = 'exponential-backoff',
  maxRetries?: number,
): { readonly maxAttempts: number; readonly policy: RetryPolicy } {
  if (strategy === 'none' && maxRetries !== undefined) {
    throw new OptionsError("maxRetries contradicts recoveryStrategy 'none', which never retries: give one of them");
  }
  const retries = wholeNumber('maxRetries', maxRetries, 5, { min: 0, max: 1_000_000 });
  if (strategy === 'none') return { maxAttempts: 1, policy: () => undefined };
  if (strategy === 'fixed-delay') return { maxAttempts: retries + 1, policy: fixedDelay() };
  if (strategy === 'exponential-backoff') return { maxAttempts: retries + 1, policy: exponentialBackoff() };
  if (typeof strategy === 'function') return { maxAttempts: retries + 1, policy: strategy };
  throw new OptionsError(
    `recoveryStrategy must be 'exponential-backoff', 'fixed-delay', 'none' or a function, not ${String(strategy)}`,
  );
}
