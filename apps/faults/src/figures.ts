import { occurrences } from './audit/elapsed.js';
import type { Journal } from './audit/journal-line.js';
import type { Load } from './load.js';

/** What consumers emitted and publishers were told, as figures of a report. */
export function usualFigures(journals: readonly Journal[], loads: readonly Load[]): Record<string, number> {
  const emitted = Object.entries(occurrences(journals)).map(([name, count]) => [
    `emitted by consumers: ${name}`,
    count,
  ]);
  const failures = new Map<string, number>();
  for (const load of loads) {
    for (const [reason, count] of load.failures) failures.set(reason, (failures.get(reason) ?? 0) + count);
  }
  const refused = [...failures].map(([reason, count]) => [`publishing failed: ${reason}`, count]);
  return Object.fromEntries([...emitted, ...refused]);
}
