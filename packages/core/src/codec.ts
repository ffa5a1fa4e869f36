import { SerializationError, UndecodableEntryError } from './errors.js';
import type { FieldValue } from './transport.js';
import { decodeData, encodeData } from './wire-format.js';

/** An event without its data. */
export interface EventAttributes {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly time: Date;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** Data as a codec wrote it. */
export interface Encoded {
  /** Text, or bytes. */
  readonly stored: FieldValue;
  /**
   * Whether `decode` gives back what was encoded. If not, though nothing is lost (JSON gives a `Date` back as text), the
   * publisher also validates what consumers will read.
   */
  readonly isSame: boolean;
}

/**
 * How data is written into an entry, and read back. A publisher writes with one codec; its `contentType` stands in the
 * entry, and a consumer reads every content type that it has a codec for, JSON always.
 *
 * A codec keeps nothing between calls, gives back what it was given or says `isSame: false`, and refuses what it would lose.
 */
export interface Codec {
  /** The media type, by which consumers find the codec: `application/msgpack`. */
  readonly contentType: string;
  /**
   * @throws SerializationError for data that it would lose or change beyond recognition; whatever else is thrown becomes
   *   one, without its message, which may quote the data
   */
  encode(data: unknown, event: EventAttributes): Encoded;
  /**
   * The data of an entry. Anything may be given, of any size: what is stored may not come from this library. Text comes
   * as a string wherever the bytes are valid UTF-8, however they were written.
   *
   * @throws UndecodableEntryError for what it did not write; whatever else is thrown becomes one, without its message
   */
  decode(stored: FieldValue, event: EventAttributes): unknown;
}

/** JSON, the default. What it would lose it refuses: see `apps/docs/contracts.md`. */
export const jsonCodec: Codec = Object.freeze({
  contentType: 'application/json',
  encode(data: unknown, { type }: EventAttributes): Encoded {
    const { text, isSame } = encodeData(type, data);
    return { stored: text, isSame };
  },
  decode(stored: FieldValue): unknown {
    if (typeof stored !== 'string') throw new UndecodableEntryError("Field 'data' is not valid UTF-8");
    return decodeData(stored);
  },
});

/** What a codec threw, as an error of ours. */
export function encodingError(type: string, contentType: string, error: unknown): SerializationError {
  if (error instanceof SerializationError) {
    return error.outcome === undefined ? new SerializationError(error.message, { outcome: 'not-stored' }) : error;
  }
  return new SerializationError(`Data of '${type}' cannot be stored as ${contentType}: its codec failed`, {
    outcome: 'not-stored',
  });
}

/** What a codec threw at an entry, as an error of ours. */
export function decodingError(contentType: string, error: unknown): UndecodableEntryError {
  if (error instanceof UndecodableEntryError) return error;
  return new UndecodableEntryError(`Field 'data' is not valid ${contentType}`);
}
