import type { Entry, Fields, FieldValue } from '@events/core';
import type { Connection } from './connection.js';
import type { Command } from './connector.js';
import { RedisFailure } from './failures.js';
import { decodeEntries, type RawEntry } from './replies.js';

/** What decoders put where bytes are not valid UTF-8. It may also be in a text for itself. */
const replacementCharacter = '\uFFFD';
const fetchesPerExchange = 128;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Entries from replies that were read as text, which is the fastest form. Where a text may stand for other bytes the
 * entry is fetched once more, byte for byte; `null` fields say that it was deleted meanwhile.
 */
export async function exactEntries(
  raw: readonly RawEntry[],
  stream: string,
  control: Connection,
  withinMs: number,
): Promise<readonly Entry[]> {
  const doubtful = raw.filter(isDoubtful);
  if (doubtful.length === 0) return raw as readonly Entry[];
  const exact = await fetchBytes(
    doubtful.map(({ id }) => id),
    stream,
    control,
    withinMs,
  );
  return raw.map((entry) =>
    exact.has(entry.id) ? { id: entry.id, fields: exact.get(entry.id) ?? null } : (entry as Entry),
  );
}

function isDoubtful(entry: RawEntry): boolean {
  const { fields } = entry;
  if (fields === null) return false;
  for (let index = 0; index < fields.length; index += 1) {
    const value = fields[index];
    if (typeof value !== 'string' || value.includes(replacementCharacter)) return true;
  }
  return false;
}

async function fetchBytes(
  ids: readonly string[],
  stream: string,
  control: Connection,
  withinMs: number,
): Promise<ReadonlyMap<string, Fields | null>> {
  const fields = new Map<string, Fields | null>();
  for (let from = 0; from < ids.length; from += fetchesPerExchange) {
    const some = ids.slice(from, from + fetchesPerExchange);
    const replies = await control.exchange(
      some.map((id) => rangeOfOne(stream, id)),
      withinMs,
      'bytes',
    );
    for (const [index, id] of some.entries()) fields.set(id, onlyEntry(replies[index], decodeValue));
  }
  return fields;
}

/** The entries with these ids, in this order; `null` fields for those that do not exist. */
export async function fetchEntries(
  ids: readonly string[],
  stream: string,
  control: Connection,
  withinMs: number,
): Promise<readonly Entry[]> {
  const raw: RawEntry[] = [];
  for (let from = 0; from < ids.length; from += fetchesPerExchange) {
    const some = ids.slice(from, from + fetchesPerExchange);
    const replies = await control.exchange(
      some.map((id) => rangeOfOne(stream, id)),
      withinMs,
    );
    for (const [index, id] of some.entries()) raw.push({ id, fields: onlyEntry(replies[index], (value) => value) });
  }
  return exactEntries(raw, stream, control, withinMs);
}

function onlyEntry<Value>(reply: unknown, decode: (value: unknown) => Value): Value[] | null {
  if (reply instanceof RedisFailure) throw reply;
  const [entry] = decodeEntries(reply, 'XRANGE');
  return entry?.fields?.map(decode) ?? null;
}

function rangeOfOne(stream: string, id: string): Command {
  return ['XRANGE', stream, id, id];
}

function decodeValue(value: unknown): FieldValue {
  if (!Buffer.isBuffer(value)) return String(value);
  try {
    return strictUtf8.decode(value);
  } catch {
    return new Uint8Array(value); // not UTF-8: the bytes are the value
  }
}

/** A value as clients take it. */
export function argumentOf(value: FieldValue): string | Buffer {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
