import type { PendingEntry } from '@events/core';
import { invalidReply } from './failures.js';
import { releasedIdleMs } from './scripts.js';

/**
 * Decodes replies in every shape that the clients give them: nested arrays (RESP2), flat arrays of names and values
 * (RESP3 through ioredis), objects and Maps (RESP3 through node-redis). A shape that is none of these is an error: to
 * take it for an empty answer would lose entries silently.
 */

/** An entry as it came: an id, and names and values in turn, or `null` where the entry no longer exists. */
export interface RawEntry<Value = unknown> {
  readonly id: string;
  readonly fields: readonly Value[] | null;
}

/** The entries of one stream: `[[id, [name, value, …]], …]`; nothing at all when there are none. */
export function decodeEntries(reply: unknown, command: string): RawEntry[] {
  if (reply === null || reply === undefined) return [];
  if (!Array.isArray(reply)) throw invalidReply(command);
  const entries = new Array<RawEntry>(reply.length);
  for (let index = 0; index < reply.length; index += 1) entries[index] = decodeEntry(reply[index], command);
  return entries;
}

function decodeEntry(entry: unknown, command: string): RawEntry {
  if (!Array.isArray(entry) || entry.length !== 2) throw invalidReply(command);
  const [id, fields] = entry as [unknown, unknown];
  if (fields !== null && !(Array.isArray(fields) && fields.length % 2 === 0)) throw invalidReply(command);
  if (typeof id === 'string') return { id, fields };
  if (Buffer.isBuffer(id)) return { id: id.toString('latin1'), fields };
  throw invalidReply(command);
}

/** The entries in a reply to XREADGROUP of a single stream. */
export function decodeRead(reply: unknown): RawEntry[] {
  if (reply === null || reply === undefined) return [];
  return decodeEntries(entriesOfOnlyStream(reply), 'XREADGROUP');
}

function entriesOfOnlyStream(reply: unknown): unknown {
  if (Array.isArray(reply)) {
    if (reply.length === 0) return [];
    if (reply.length === 2 && !Array.isArray(reply[0])) return present(reply[1]); // [key, entries]
    const [first] = reply as unknown[];
    if (reply.length === 1 && Array.isArray(first) && first.length === 2) return present(first[1]); // [[key, entries]]
    throw invalidReply('XREADGROUP');
  }
  const values = reply instanceof Map ? [...reply.values()] : isObject(reply) ? Object.values(reply) : [];
  if (values.length !== 1) throw invalidReply('XREADGROUP');
  return present(values[0]);
}

function present(entries: unknown): unknown {
  if (!Array.isArray(entries)) throw invalidReply('XREADGROUP');
  return entries;
}

/** A map of names and values, in any of its shapes. Names are compared as text; values stay as they are. */
export function decodeMap(reply: unknown, command: string): ReadonlyMap<string, unknown> {
  if (reply instanceof Map) return new Map([...reply].map(([name, value]) => [String(name), value]));
  if (Array.isArray(reply)) {
    if (reply.length % 2 !== 0) throw invalidReply(command);
    const map = new Map<string, unknown>();
    for (let index = 0; index < reply.length; index += 2) map.set(String(reply[index]), reply[index + 1]);
    return map;
  }
  if (isObject(reply)) return new Map(Object.entries(reply));
  throw invalidReply(command);
}

/** Entries as scripts give them: `[[id, delivery count, idle time, retry record], …]`. */
export function decodePending(reply: unknown): PendingEntry[] {
  return decodeArray(reply, 'EVALSHA').map((row) => {
    const [id, deliveries, idleMs, record] = decodeArray(row, 'EVALSHA');
    return {
      id: decodeText(id, 'EVALSHA'),
      deliveries: decodeInteger(deliveries, 'EVALSHA'),
      released: decodeInteger(idleMs, 'EVALSHA') >= releasedIdleMs,
      record: record === null || record === undefined ? null : decodeText(record, 'EVALSHA'),
    };
  });
}

/** The names of the consumers that own entries, from the summary form of XPENDING. */
export function decodePendingConsumers(reply: unknown): string[] {
  const [, , , consumers] = decodeArray(reply, 'XPENDING');
  if (consumers === null || consumers === undefined) return [];
  return decodeArray(consumers, 'XPENDING').map((row) => decodeText(decodeArray(row, 'XPENDING')[0], 'XPENDING'));
}

export function decodeArray(reply: unknown, command: string): readonly unknown[] {
  if (!Array.isArray(reply)) throw invalidReply(command);
  return reply;
}

export function decodeText(reply: unknown, command: string): string {
  if (typeof reply === 'string') return reply;
  if (Buffer.isBuffer(reply)) return reply.toString();
  throw invalidReply(command);
}

/** An integer, as a number, a big integer, or decimal text. */
export function decodeInteger(reply: unknown, command: string): number {
  if (typeof reply === 'number' || typeof reply === 'bigint') return Number(reply);
  if (typeof reply === 'string' && /^-?\d+$/.test(reply)) return Number(reply);
  throw invalidReply(command);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Buffer.isBuffer(value);
}
