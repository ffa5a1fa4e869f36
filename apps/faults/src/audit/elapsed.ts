import { timeOfEntry } from './entry-order.js';
import type { Journal } from './journal-line.js';

/** An entry that a process had in hand and did not finish. */
export interface Unfinished {
  readonly entryId: string;
  readonly process: string;
  /** When it was left, Unix ms. */
  readonly at: number;
}

/** What shows that a process has an entry: it took it over, or started its handler. */
export type Sign = 'taken' | 'started';

/**
 * How long each entry waited until another process gave that sign of having it; `undefined` where none did. What was
 * left again before anybody gave a sign counts from then.
 */
export function takeoverTimes(
  journals: readonly Journal[],
  unfinished: readonly Unfinished[],
  sign: Sign,
): (number | undefined)[] {
  const signs = new Map<string, { at: number; process: string }[]>();
  for (const { process, lines } of journals) {
    for (const line of lines) {
      if (line.kind !== sign) continue;
      for (const entry of line.kind === 'started' ? [line.entry] : line.entries) {
        const known = signs.get(entry);
        if (known === undefined) signs.set(entry, [{ at: line.at, process }]);
        else known.push({ at: line.at, process });
      }
    }
  }
  const leftAt = new Map(unfinished.map(({ entryId }) => [entryId, [] as number[]]));
  for (const { entryId, at } of unfinished) leftAt.get(entryId)?.push(at);
  return unfinished.flatMap(({ entryId, process, at }) => {
    const later = (signs.get(entryId) ?? []).filter((given) => given.process !== process && given.at >= at);
    const first = Math.min(...later.map((given) => given.at));
    const isLeftAgain = leftAt.get(entryId)?.some((time) => time > at && time < first) === true;
    if (isLeftAgain) return [];
    return [later.length === 0 ? undefined : first - at];
  });
}

/** For each process, how long after `time` it started the handler of an event that was stored after `time`. */
export function resumeTimes(journals: readonly Journal[], time: number): (number | undefined)[] {
  return journals.map(({ lines }) => {
    const first = lines.find((line) => line.kind === 'started' && timeOfEntry(line.entry) > time);
    return first === undefined ? undefined : first.at - time;
  });
}

/** The longest of some times; `undefined` where one of them is. */
export function slowest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce<number | undefined>(
    (longest, time) => (longest === undefined || time === undefined ? undefined : Math.max(longest, time)),
    0,
  );
}

/** The value below which so large a part of `times` is. */
export function percentile(times: readonly (number | undefined)[], part: number): number {
  const known = times.filter((time) => time !== undefined).sort((left, right) => left - right);
  return known[Math.min(known.length - 1, Math.floor(known.length * part))] ?? 0;
}

/** Counts what consumers emitted, by name. */
export function occurrences(journals: readonly Journal[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { lines } of journals) {
    for (const line of lines) {
      if (line.kind !== 'occurred') continue;
      const name = line.name === 'error' ? `error: ${line.detail.split(':', 1)[0]}` : line.name;
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return counts;
}
