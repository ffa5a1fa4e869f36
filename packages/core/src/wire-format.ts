import { SerializationError, UndecodableEntryError } from './errors.js';
import { faithOf, findLoss, type Loss } from './faithful-json.js';
import type { Fields, FieldValue } from './transport.js';

/** What an entry says of its event, before the data is parsed. */
export interface EventEnvelope {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly timeMs: number;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the contract that the data was published under. */
  readonly version: number;
  /** The media type of the data; `undefined` = JSON. */
  readonly contentType: string | undefined;
  /** How the data is packed; `undefined` = not. */
  readonly contentEncoding: string | undefined;
  /** The data as stored. */
  readonly stored: FieldValue;
}

interface Meta {
  readonly source?: unknown;
  readonly time?: unknown;
  readonly key?: unknown;
  readonly headers?: unknown;
  readonly version?: unknown;
  readonly contentType?: unknown;
  readonly contentEncoding?: unknown;
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** Data as JSON. `isSame` = what is read back equals it. */
export interface EncodedJson {
  readonly text: string;
  readonly isSame: boolean;
}

/** The JSON of `data`. Throws `SerializationError` for what JSON would lose, and for keys that could pollute prototypes. */
export function encodeData(type: string, data: unknown): EncodedJson {
  let text: string | undefined;
  let faith: ReturnType<typeof faithOf>;
  try {
    text = JSON.stringify(data);
    faith = text === undefined ? { path: '', what: typeof data } : faithOf(data);
  } catch (error) {
    // the original message may quote the data
    throw notJson(type, unwritable(data, error));
  }
  if (text === undefined) throw notJson(type, `it is ${typeof data}. Use null for an event without data`);
  if (typeof faith === 'object') throw notJson(type, lossIn(faith));
  return { text, isSame: faith === 'same' };
}

function notJson(type: string, reason: string): SerializationError {
  return new SerializationError(`Data of '${type}' cannot be stored as JSON: ${reason}`, { outcome: 'not-stored' });
}

function lossIn({ path, what }: Loss): string {
  return path === '' ? `it is, or holds, ${what}` : `'${path}' is, or holds, ${what}`;
}

function unwritable(data: unknown, error: unknown): string {
  if (error instanceof RangeError) return 'it is nested too deeply';
  try {
    const loss = findLoss(data, []);
    if (loss !== undefined) return lossIn(loss);
  } catch {
    // what threw once throws again
  }
  return 'a getter or a toJSON in it throws';
}

/** Writes the `meta` field of one publisher's events. */
export class MetaEncoder {
  readonly #opening: string;
  #timeMs = Number.NaN;
  /** What the events of one millisecond have in common. */
  #common = '';
  /** The whole text of those without a key and headers. */
  #plain = '';

  constructor(source: string) {
    this.#opening = `{"source":${JSON.stringify(source)},"time":"`;
  }

  /** `more` = further members, each behind a comma. */
  encode(
    timeMs: number,
    key: string | undefined,
    headers: Readonly<Record<string, string>> | undefined,
    more = '',
  ): string {
    // events of one millisecond share the text
    if (timeMs !== this.#timeMs) {
      this.#timeMs = timeMs;
      this.#common = `${this.#opening}${new Date(timeMs).toISOString()}"`;
      this.#plain = `${this.#common}}`;
    }
    if (key === undefined && headers === undefined && more === '') return this.#plain;
    let meta = this.#common;
    if (key !== undefined) meta += `,"key":${JSON.stringify(key)}`;
    if (headers !== undefined) meta += `,"headers":${JSON.stringify(headers)}`;
    return `${meta}${more}}`;
  }
}

/** The fields of an entry, in the one order that costs Redis least. `apps/docs/wire-format.md` is the specification. */
export function encodeFields(id: string, type: string, meta: string, data: FieldValue): Fields {
  return ['id', id, 'type', type, 'meta', meta, 'data', data];
}

/** Data that is JSON. Throws `UndecodableEntryError`. */
export function decodeData(json: string): unknown {
  return parse('data', json);
}

/** An entry's event without its data, which is most of the work. Throws `UndecodableEntryError`. */
export function decodeEnvelope(entryId: string, fields: Fields): EventEnvelope {
  const usual =
    fields.length === 8 && fields[0] === 'id' && fields[2] === 'type' && fields[4] === 'meta' && fields[6] === 'data';
  const id = text('id', usual ? fields[1] : fieldValue(fields, 'id'));
  const type = text('type', usual ? fields[3] : fieldValue(fields, 'type'));
  const metaText = usual ? fields[5] : fieldValue(fields, 'meta');
  const stored = usual ? fields[7] : fieldValue(fields, 'data');
  if (stored === undefined) throw new UndecodableEntryError("Field 'data' is missing");
  if (id === '' || type === '') throw new UndecodableEntryError(`Field '${id === '' ? 'id' : 'type'}' is empty`);
  const meta: Meta = metaText === undefined ? {} : parseMeta(text('meta', metaText));
  const contentType = optionalText('contentType', meta.contentType);
  const contentEncoding = optionalText('contentEncoding', meta.contentEncoding);
  if (contentType === undefined && contentEncoding === undefined) text('data', stored);
  return {
    id,
    type,
    source: optionalText('source', meta.source) ?? '',
    timeMs: timeOf(meta.time, entryId),
    key: optionalText('key', meta.key),
    headers: headersOf(meta.headers),
    version: versionOf(meta.version),
    contentType,
    contentEncoding,
    stored,
  };
}

function fieldValue(fields: Fields, name: string): FieldValue | undefined {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}

function text(name: string, value: FieldValue | undefined): string {
  if (typeof value === 'string') return value;
  if (value === undefined) throw new UndecodableEntryError(`Field '${name}' is missing`);
  throw new UndecodableEntryError(`Field '${name}' is not valid UTF-8`);
}

function parse(name: string, json: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // the parser's own message quotes the text
    throw new UndecodableEntryError(`Field '${name}' is not valid JSON`);
  }
  const polluting = pollutingKey(json, () => value);
  if (polluting !== undefined) throw new UndecodableEntryError(`Field '${name}' has a key ${polluting}`);
  return value;
}

function parseMeta(json: string): Meta {
  const meta = parse('meta', json);
  if (typeof meta === 'object' && meta !== null && !Array.isArray(meta)) return meta;
  throw new UndecodableEntryError("Field 'meta' is not a JSON object");
}

function optionalText(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new UndecodableEntryError(`'${name}' in field 'meta' is not a string`);
}

function versionOf(version: unknown): number {
  if (version === undefined) return 1;
  if (Number.isSafeInteger(version) && (version as number) >= 1) return version as number;
  throw new UndecodableEntryError("'version' in field 'meta' is not a whole number of at least 1");
}

let lastTime: string | undefined;
let lastTimeMs = 0;

function timeOf(time: unknown, entryId: string): number {
  if (time === undefined) return Number.parseInt(entryId, 10);
  // events of one millisecond share the text
  if (time === lastTime) return lastTimeMs;
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new UndecodableEntryError("'time' in field 'meta' is not an RFC 3339 time");
  lastTime = time as string;
  lastTimeMs = timeMs;
  return timeMs;
}

function headersOf(headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return noHeaders;
  const valid =
    typeof headers === 'object' &&
    headers !== null &&
    !Array.isArray(headers) &&
    Object.values(headers).every((value) => typeof value === 'string');
  if (!valid) throw new UndecodableEntryError("'headers' in field 'meta' is not an object of strings");
  return Object.assign(Object.create(null), headers);
}

/** The first key in a JSON value that could pollute prototypes when the value is merged into another. */
function pollutingKey(json: string, value: () => unknown): string | undefined {
  // nearly every text is cleared by these searches; an escape could hide the name
  const suspicious =
    json.includes('__proto__') ||
    // a search that begins with a quotation mark stops at every one in the text
    (json.includes('ype"') && json.includes('"prototype"')) ||
    json.includes('\\u00');
  return suspicious ? pollutingKeyIn(value()) : undefined;
}

/** The same of a value that no text is known of. */
export function pollutingKeyIn(value: unknown): string | undefined {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const current = open.pop();
    if (typeof current !== 'object' || current === null) continue;
    if (Object.hasOwn(current, '__proto__')) return "'__proto__'";
    const builder = Object.hasOwn(current, 'constructor') ? current.constructor : undefined;
    if (typeof builder === 'object' && Object.hasOwn(builder ?? {}, 'prototype')) return "'constructor.prototype'";
    for (const child of Object.values(current)) open.push(child);
  }
  return undefined;
}
