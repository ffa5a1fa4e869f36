import { compareEntryIds } from './entry-order.js';
import { parseEventId } from './event-name.js';
import type { Journal, JournalLine, Started } from './journal-line.js';

/** What broke the order of `ordering: 'key'`. Lists hold descriptions. */
export interface OrderAudit {
  /** Entries not marked `redelivered` that were started after a later one of their key, or before an earlier one had ended well. */
  readonly outOfOrder: readonly string[];
  /** Entries, marked or not, that were started while another one of their key ran in the same process. */
  readonly besideEachOther: readonly string[];
}

/** What one process is doing with one key. */
interface Lane {
  latest: string | undefined;
  /** Read by this process itself, started, and neither handled nor let go. */
  readonly unfinished: Set<string>;
  readonly running: Set<string>;
}

export function auditOrder(journals: readonly Journal[]): OrderAudit {
  const outOfOrder: string[] = [];
  const besideEachOther: string[] = [];
  for (const { process, lines } of journals) {
    const lanes = new Map<string, Lane>();
    const keyOf = new Map<string, string>();
    for (const line of lines) {
      if (line.kind !== 'started') {
        finish(line, lanes, keyOf);
        continue;
      }
      const { key } = parseEventId(line.event);
      keyOf.set(line.entry, key);
      const lane = laneOf(lanes, key);
      const what = `${line.event} (${line.entry}) in ${process}`;
      if (lane.running.size > 0) besideEachOther.push(`${what} beside ${[...lane.running].join(' ')}`);
      const wrong = line.redelivered ? undefined : disorder(lane, line);
      if (wrong !== undefined) outOfOrder.push(`${what} ${wrong}`);
      begin(lane, line);
    }
  }
  return { outOfOrder, besideEachOther };
}

function disorder({ latest, unfinished }: Lane, { entry }: Started): string | undefined {
  const distance = latest === undefined ? 1 : compareEntryIds(entry, latest);
  const isRetry = unfinished.has(entry);
  if (distance < 0 || (distance === 0 && !isRetry)) return `after ${latest}`;
  const earlier = [...unfinished].filter((other) => other !== entry);
  return earlier.length > 0 ? `before ${earlier.join(' ')} had ended well` : undefined;
}

function begin(lane: Lane, { entry, redelivered }: Started): void {
  lane.running.add(entry);
  if (redelivered) return;
  lane.unfinished.add(entry);
  if (lane.latest === undefined || compareEntryIds(entry, lane.latest) > 0) lane.latest = entry;
}

function finish(line: JournalLine, lanes: Map<string, Lane>, keyOf: ReadonlyMap<string, string>): void {
  if (line.kind !== 'ended' && line.kind !== 'letGo') return;
  const key = keyOf.get(line.entry);
  if (key === undefined) return;
  const lane = laneOf(lanes, key);
  if (line.kind === 'ended') lane.running.delete(line.entry);
  if (line.kind === 'letGo' || !line.failed) lane.unfinished.delete(line.entry);
}

function laneOf(lanes: Map<string, Lane>, key: string): Lane {
  let lane = lanes.get(key);
  if (lane === undefined) {
    lane = { latest: undefined, unfinished: new Set(), running: new Set() };
    lanes.set(key, lane);
  }
  return lane;
}
