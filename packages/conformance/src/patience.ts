import { setTimeout as delay } from 'node:timers/promises';

/** How long the suite waits for what should take moments. Long, so that a busy machine does not turn it red. */
export const patienceMs = 10_000;

/** Asks again and again until the answer is truthy. A condition that throws is an answer, and a bad one. */
export async function until<T>(what: string, condition: () => T | Promise<T>, timeoutMs = patienceMs): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    await delay(5);
  }
}

/** The promise's outcome, or an error when there is none in time. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  const alarm = new AbortController();
  const overdue = delay(timeoutMs, undefined, { signal: alarm.signal }).then(
    () => {
      throw new Error(`${what} took longer than ${timeoutMs} ms`);
    },
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([promise, overdue]);
  } finally {
    alarm.abort();
  }
}

/** A promise that is awaited later: should the scenario end before, it fails nothing else. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {
    // told to whoever awaits it
  });
  return promise;
}

/** Lets time pass that is itself what a test is about, such as the idle time of an entry. */
export async function letPass(ms: number): Promise<void> {
  await delay(ms);
}
