import { setTimeout as delay } from 'node:timers/promises';
import { overdue, startAlarm } from './alarm.js';

/** How long and how often `until` asks. */
export interface UntilOptions {
  /** Milliseconds until `until` gives up. Default 10,000. */
  timeoutMs?: number;
  /** Milliseconds between two questions. Default 5. */
  intervalMs?: number;
  /** What is being waited for, told in the error. A function is asked when the time is over, so it can report a state. */
  message?: string | (() => string);
}

/**
 * Asks again and again until the condition holds and returns its truthy answer.
 *
 * A condition that throws or rejects counts as "not yet"; what it threw last is the `cause` of the final error.
 *
 * @throws Error when the condition did not hold within `timeoutMs`, also when it never answered at all.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<Awaited<T>, false | 0 | '' | null | undefined>> {
  const { timeoutMs = 10_000, intervalMs = 5, message = 'the condition' } = options;
  const alarm = startAlarm(timeoutMs);
  let lastError: unknown;
  try {
    for (;;) {
      const answer = await Promise.race([
        ask(condition).catch((error: unknown) => {
          lastError = error;
          return undefined;
        }),
        alarm.rings,
      ]);
      if (answer === overdue) break;
      if (answer) return answer as Exclude<Awaited<T>, false | 0 | '' | null | undefined>;
      if ((await Promise.race([delay(intervalMs), alarm.rings])) === overdue) break;
    }
  } finally {
    alarm.stop();
  }
  const awaited = typeof message === 'function' ? message() : message;
  const reason = lastError === undefined ? '' : ` (last error: ${describe(lastError)})`;
  throw new Error(`Waited ${timeoutMs} ms in vain for: ${awaited}${reason}`, { cause: lastError });
}

async function ask<T>(condition: () => T | Promise<T>): Promise<T> {
  return await condition();
}

function describe(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
