import type {
  ConsumerDescription,
  Entry,
  GroupDescription,
  Inspector,
  KeyDescription,
  PendingDescription,
  StreamDescription,
} from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { exactEntries, fetchEntries } from './entry-reader.js';
import { closedFailure, RedisFailure, replyCodeOf, replyFailure } from './failures.js';
import { countText } from './janitor-scripts.js';
import { scanKeys } from './key-scan.js';
import { MemoryUsage } from './memory-usage.js';
import { decodeArray, decodeEntries, decodeInteger, decodeMap, decodeText } from './replies.js';
import type { Topology } from './topology.js';

const idsPerPage = 500;

/** Looks at Redis streams. */
export class RedisInspector implements Inspector {
  readonly #control: ConnectionLease;
  readonly #topology: Topology;
  readonly #memory: MemoryUsage;
  readonly #onClose: () => void;
  #closed = false;

  constructor(control: ConnectionLease, topology: Topology, onClose: () => void) {
    this.#control = control;
    this.#topology = topology;
    this.#memory = new MemoryUsage((key) => this.#connection(key));
    this.#onClose = onClose;
  }

  async *keys(prefix: string): AsyncGenerator<readonly KeyDescription[]> {
    if (this.#closed) throw closedFailure('inspector');
    yield* scanKeys(this.#control, this.#topology, prefix);
  }

  async memory(keys: readonly string[]): Promise<readonly (number | null)[]> {
    return this.#memory.of(keys);
  }

  async describe(stream: string): Promise<StreamDescription | undefined> {
    const commands = [
      ['XINFO', 'STREAM', stream],
      ['XINFO', 'GROUPS', stream],
    ];
    const [about, groups] = await this.#connection(stream).exchange(commands, controlWithinMs);
    if (isMissing(about) || isMissing(groups)) return undefined;
    if (about instanceof RedisFailure) throw about;
    if (groups instanceof RedisFailure) throw groups;
    const map = decodeMap(about, 'XINFO');
    const length = decodeInteger(map.get('length'), 'XINFO');
    const added = map.get('entries-added');
    return {
      length,
      firstEntryId: decodeEntries(present(map.get('first-entry')), 'XINFO')[0]?.id ?? null,
      lastGeneratedId: decodeText(map.get('last-generated-id'), 'XINFO'),
      removed: added === undefined ? null : decodeInteger(added, 'XINFO') - length,
      groups: decodeArray(groups, 'XINFO').map(describeGroup),
    };
  }

  async range(stream: string, from: string, to: string, count: number): Promise<readonly Entry[]> {
    const control = this.#connection(stream);
    const reply = await control.command(['XRANGE', stream, from, to, 'COUNT', String(count)], controlWithinMs);
    return exactEntries(decodeEntries(reply, 'XRANGE'), stream, control, controlWithinMs);
  }

  async fetch(stream: string, ids: readonly string[]): Promise<readonly Entry[]> {
    return fetchEntries(ids, stream, this.#connection(stream), controlWithinMs);
  }

  async count(stream: string, from: string, to: string): Promise<number> {
    let total = 0;
    for (let next = from; next !== ''; ) {
      const reply = await this.#connection(stream).command(
        ['EVAL_RO', countText, '1', stream, next, to],
        controlWithinMs,
      );
      const [count, last] = decodeArray(reply, 'EVAL_RO');
      total += decodeInteger(count, 'EVAL_RO');
      next = decodeText(last, 'EVAL_RO');
    }
    return total;
  }

  async pending(
    stream: string,
    group: string,
    after: string,
    count: number,
    consumer: string | undefined,
  ): Promise<readonly PendingDescription[]> {
    const found: PendingDescription[] = [];
    for (let last = after; found.length < count; ) {
      const most = Math.min(idsPerPage, count - found.length);
      const command = ['XPENDING', stream, group, `(${last}`, '+', String(most)];
      if (consumer !== undefined) command.push(consumer);
      const reply = await this.#connection(stream).command(command, controlWithinMs);
      const page = decodeArray(reply, 'XPENDING').map(describePending);
      found.push(...page);
      if (page.length < most) break;
      last = page.at(-1)?.id ?? last;
    }
    return found;
  }

  async consumers(stream: string, group: string): Promise<readonly ConsumerDescription[]> {
    const [reply] = await this.#connection(stream).exchange([['XINFO', 'CONSUMERS', stream, group]], controlWithinMs);
    if (isMissing(reply)) throw replyFailure('NOGROUP There is no such stream');
    if (reply instanceof RedisFailure) throw reply;
    return decodeArray(reply, 'XINFO').map(describeConsumer);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#control.release();
    this.#onClose();
  }

  #connection(stream: string): Connection {
    if (this.#closed) throw closedFailure('inspector');
    return this.#control.connection(stream);
  }
}

// The only error of a well-formed XINFO without a code of its own is that of a missing key.
function isMissing(reply: unknown): boolean {
  return replyCodeOf(reply) === 'ERR';
}

function present(entry: unknown): unknown {
  return entry === null || entry === undefined ? null : [entry];
}

function describeGroup(reply: unknown): GroupDescription {
  const map = decodeMap(reply, 'XINFO');
  const lag = map.get('lag');
  return {
    name: decodeText(map.get('name'), 'XINFO'),
    consumers: decodeInteger(map.get('consumers'), 'XINFO'),
    pending: decodeInteger(map.get('pending'), 'XINFO'),
    lastDeliveredId: decodeText(map.get('last-delivered-id'), 'XINFO'),
    lag: lag === null || lag === undefined ? null : decodeInteger(lag, 'XINFO'),
  };
}

function describePending(reply: unknown): PendingDescription {
  const [id, consumer, idleMs, deliveries] = decodeArray(reply, 'XPENDING');
  return {
    id: decodeText(id, 'XPENDING'),
    consumer: decodeText(consumer, 'XPENDING'),
    idleMs: decodeInteger(idleMs, 'XPENDING'),
    deliveries: decodeInteger(deliveries, 'XPENDING'),
  };
}

function describeConsumer(reply: unknown): ConsumerDescription {
  const map = decodeMap(reply, 'XINFO');
  return {
    name: decodeText(map.get('name'), 'XINFO'),
    pending: decodeInteger(map.get('pending'), 'XINFO'),
    idleMs: decodeInteger(map.get('idle'), 'XINFO'),
  };
}
