import { parseEventId } from './event-name.js';
import type { Evidence } from './evidence.js';
import type { Journal } from './journal-line.js';

interface Call {
  readonly process: string;
  readonly event: string;
  readonly sequence: number;
  readonly begin: number;
  /** `undefined` = never ended. */
  end: number | undefined;
}

/** What broke the order of a key between processes of which one at a time may handle it. */
export function auditProcesses({ journals, interruptions }: Evidence): string[] {
  const isExcused = (process: string, by: number) =>
    interruptions.some((interruption) => interruption.process === process && interruption.at <= by);
  const wrong: string[] = [];
  for (const calls of callsByKey(journals).values()) {
    let furthest = -1;
    const seen = new Map<string, Set<string>>();
    const running = new Set<Call>();
    for (const call of calls) {
      const { process, event, sequence, begin } = call;
      const what = `${event} in ${process}`;
      const others = [...(seen.get(event) ?? [])].filter((other) => other !== process && !isExcused(other, begin));
      if (others.length > 0) wrong.push(`${what} again after ${others.join(' ')}`);
      if (!seen.has(event) && sequence < furthest) wrong.push(`${what} after number ${furthest}`);
      for (const other of running) {
        if (other.end !== undefined && other.end <= begin) running.delete(other);
        else if (other.process !== process && !isExcused(other.process, begin))
          wrong.push(`${what} beside ${other.event} in ${other.process}`);
      }
      running.add(call);
      furthest = Math.max(furthest, sequence);
      seen.set(event, (seen.get(event) ?? new Set()).add(process));
    }
  }
  return wrong;
}

/** The calls of handlers for each key, in the order of their beginnings. */
function callsByKey(journals: readonly Journal[]): Map<string, Call[]> {
  const keys = new Map<string, Call[]>();
  for (const { process, lines } of journals) {
    const open = new Map<string, Call>();
    for (const line of lines) {
      if (line.kind === 'started') {
        const { key, sequence } = parseEventId(line.event);
        const call = { process, event: line.event, sequence, begin: line.at, end: undefined };
        open.set(line.entry, call);
        const calls = keys.get(key);
        if (calls === undefined) keys.set(key, [call]);
        else calls.push(call);
      } else if (line.kind === 'ended') {
        const call = open.get(line.entry);
        if (call !== undefined) call.end = line.at;
      }
    }
  }
  for (const calls of keys.values()) calls.sort((left, right) => left.begin - right.begin);
  return keys;
}
