import { afterEach, beforeEach, jest } from '@jest/globals';

/** Gives every test of the file a clock of its own, which only `elapse` and `until` move. */
export function useVirtualTime(): void {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'hrtime'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
}

/** Lets so much time pass, and everything happen that happens in it. */
export async function elapse(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

/** Lets everything happen that needs no time. */
export async function turn(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Lets time pass from timer to timer until `condition` holds. */
export async function until(condition: () => boolean, withinMs = 120_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  await turn();
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Still not so after ${withinMs} ms: ${String(condition)}`);
    if (jest.getTimerCount() === 0) throw new Error(`Nothing more will happen, and still not so: ${String(condition)}`);
    await jest.advanceTimersToNextTimerAsync();
    await turn();
  }
}
