import type { Entry, GroupDescription, Inspector, StreamDescription, TrimBound } from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { exactEntries, fetchEntries } from './entry-reader.js';
import { closedFailure, RedisFailure, replyCodeOf } from './failures.js';
import { decodeArray, decodeEntries, decodeInteger, decodeMap, decodeText } from './replies.js';

/** Looks at Redis streams, and trims them. */
export class RedisInspector implements Inspector {
  readonly #control: ConnectionLease;
  readonly #onClose: () => void;
  #closed = false;

  constructor(control: ConnectionLease, onClose: () => void) {
    this.#control = control;
    this.#onClose = onClose;
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

  async trim(stream: string, bound: TrimBound): Promise<number> {
    const by = 'maxLength' in bound ? ['MAXLEN', '=', String(bound.maxLength)] : ['MINID', '=', bound.minId];
    return decodeInteger(await this.#connection(stream).command(['XTRIM', stream, ...by], controlWithinMs), 'XTRIM');
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
