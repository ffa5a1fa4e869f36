import { compareEntryIds } from './entry-order.js';
import { parseEventId } from './event-name.js';
import type { Evidence } from './evidence.js';
import type { JournalLine, Started } from './journal-line.js';
import { auditProcesses } from './process-audit.js';

/** What broke the order of `ordering: 'key'`. Lists hold descriptions. */
export interface OrderAudit {
  /** Entries not marked `redelivered` that were started after a later one of their key, or before an earlier one had ended well. */
  readonly outOfOrder: readonly string[];
  /** Entries, marked or not, that were started while another one of their key ran in the same process. */
  readonly besideEachOther: readonly string[];
  /**
   * What no owner of a partition may do: events that were handled for the first time after a later one of their key,
   * beside another process that was neither killed nor held up, or again after such a process.
   */
  readonly acrossProcesses: readonly string[];
}

/** What one process is doing with one key. */
interface Lane {
  latest: string | undefined;
  /** Read by this process itself, started, and neither handled nor let go. */
  readonly unfinished: Set<string>;
  readonly running: Set<string>;
}

export function auditOrder(evidence: Evidence): OrderAudit {
  const { journals } = evidence;
  const isRepeated = repetitions(evidence);
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
      const wrong = line.redelivered || isRepeated(line) ? undefined : disorder(lane, line);
      if (wrong !== undefined) outOfOrder.push(`${what} ${wrong}`);
      begin(lane, line, isRepeated(line));
    }
  }
  return { outOfOrder, besideEachOther, acrossProcesses: auditProcesses(evidence) };
}

/** Which calls repeat one that the server now in charge may never have heard of: it cannot mark them. */
function repetitions({ journals, rewinds }: Evidence): (line: Started) => boolean {
  const first = new Map<string, number>();
  if (rewinds.length > 0) {
    for (const line of journals.flatMap(({ lines }) => lines)) {
      if (line.kind === 'started') first.set(line.event, Math.min(line.at, first.get(line.event) ?? line.at));
    }
  }
  return ({ event, at }) => {
    const before = first.get(event);
    return before !== undefined && before < at && rewinds.some(({ from, to }) => at >= from && before <= to);
  };
}

function disorder({ latest, unfinished }: Lane, { entry }: Started): string | undefined {
  const distance = latest === undefined ? 1 : compareEntryIds(entry, latest);
  const isRetry = unfinished.has(entry);
  if (distance < 0 || (distance === 0 && !isRetry)) return `after ${latest}`;
  const earlier = [...unfinished].filter((other) => other !== entry);
  return earlier.length > 0 ? `before ${earlier.join(' ')} had ended well` : undefined;
}

function begin(lane: Lane, { entry, redelivered }: Started, isRepeated: boolean): void {
  lane.running.add(entry);
  if (redelivered || isRepeated) return;
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
