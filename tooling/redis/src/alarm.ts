// Imported, because the fake timers of a test replace the global ones, and these here run against real servers.
import { clearTimeout, setTimeout } from 'node:timers';

/** What an alarm resolves to. */
export const overdue = Symbol('overdue');

/** A deadline for Promise.race. */
export interface Alarm {
  readonly rings: Promise<typeof overdue>;
  /** Lets go of the event loop; the alarm will not ring. */
  stop(): void;
}

/** An alarm that rings after so many milliseconds. */
export function startAlarm(milliseconds: number): Alarm {
  let timer: NodeJS.Timeout | undefined;
  const rings = new Promise<typeof overdue>((resolve) => {
    timer = setTimeout(resolve, milliseconds, overdue);
  });
  return { rings, stop: () => clearTimeout(timer) };
}
