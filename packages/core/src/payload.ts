import { isUtf8 } from 'node:buffer';
import { type Codec, decodingError, type EventAttributes, encodingError, jsonCodec } from './codec.js';
import { type CompressionSettings, pack, unpack } from './compression.js';
import { OptionsError, PayloadTooLargeError, UndecodableEntryError } from './errors.js';
import type { FieldValue } from './transport.js';
import { decodeData, type EventEnvelope, encodeData, pollutingKeyIn } from './wire-format.js';

/** Data on its way out. */
export interface Payload {
  readonly stored: FieldValue;
  /** The data as consumers will read it. */
  readonly asRead: unknown;
  /** What the entry says of how the data is written: members of `meta`, each behind a comma. */
  readonly meta: string;
}

/** What a publisher writes data with. */
export class PayloadEncoder {
  readonly #codec: Codec | undefined;
  readonly #compression: CompressionSettings | undefined;
  readonly #maxBytes: number;
  readonly #contentType: string;
  readonly #contentEncoding: string;

  constructor(codec: Codec | undefined, compression: CompressionSettings | undefined, maxBytes: number) {
    this.#codec = codec === jsonCodec ? undefined : codec;
    this.#compression = compression;
    this.#maxBytes = maxBytes;
    this.#contentType = this.#codec === undefined ? '' : `,"contentType":${JSON.stringify(this.#codec.contentType)}`;
    this.#contentEncoding = compression === undefined ? '' : `,"contentEncoding":"${compression.encoding}"`;
  }

  /** Whether the codec wants to know more of an event than its type and data, as all but JSON may. */
  get wantsAttributes(): boolean {
    return this.#codec !== undefined;
  }

  /** Throws `SerializationError` or `PayloadTooLargeError`. */
  encode(type: string, data: unknown, attributes: EventAttributes | undefined): Payload {
    const codec = this.#codec;
    if (codec === undefined || attributes === undefined) {
      const { text, isSame } = encodeData(type, data);
      this.#checkSize(type, text);
      return this.#packed(text, isSame ? data : decodeData(text));
    }
    try {
      const { stored, isSame } = codec.encode(data, attributes);
      if (typeof stored !== 'string' && !(stored instanceof Uint8Array)) throw new TypeError();
      this.#checkSize(type, stored);
      return this.#packed(stored, isSame ? data : codec.decode(stored, attributes));
    } catch (error) {
      throw error instanceof PayloadTooLargeError ? error : encodingError(type, codec.contentType, error);
    }
  }

  #checkSize(type: string, stored: FieldValue): void {
    // no character takes more than three bytes: most payloads need no counting
    if (stored.length * 3 <= this.#maxBytes) return;
    const bytes = Buffer.byteLength(stored);
    if (bytes <= this.#maxBytes) return;
    throw new PayloadTooLargeError(
      `The payload of '${type}' has ${bytes} bytes; maxPayloadBytes is ${this.#maxBytes}. Store it elsewhere and publish a reference`,
      { outcome: 'not-stored' },
    );
  }

  #packed(stored: FieldValue, asRead: unknown): Payload {
    const compression = this.#compression;
    const meta = this.#contentType;
    if (compression === undefined || stored.length * 3 <= compression.aboveBytes) return { stored, asRead, meta };
    const bytes = typeof stored === 'string' ? Buffer.from(stored) : stored;
    const packed = bytes.length > compression.aboveBytes ? pack(bytes, compression.encoding) : undefined;
    if (packed === undefined) return { stored, asRead, meta };
    return { stored: packed, asRead, meta: meta + this.#contentEncoding };
  }
}

/** What a consumer reads data with. */
export class PayloadDecoder {
  readonly #codecs = new Map<string, Codec>([[jsonCodec.contentType, jsonCodec]]);
  readonly #maxBytes: number;

  constructor(codecs: readonly Codec[], maxBytes: number) {
    this.#maxBytes = maxBytes;
    for (const codec of codecs) {
      checkCodec(codec);
      if (this.#codecs.has(codec.contentType) && codec !== jsonCodec) {
        throw new OptionsError(`'codecs' has two for ${codec.contentType}`);
      }
      this.#codecs.set(codec.contentType, codec);
    }
  }

  /** Throws `UndecodableEntryError`. */
  decode({ contentType, contentEncoding, stored }: EventEnvelope, attributes: EventAttributes): unknown {
    // nearly every entry
    if (contentType === undefined && contentEncoding === undefined && typeof stored === 'string')
      return decodeData(stored);
    const codec = contentType === undefined ? jsonCodec : this.#codecs.get(contentType);
    if (codec === undefined) {
      throw new UndecodableEntryError(
        `Field 'data' has a 'contentType' for which this consumer has no codec. Those it has: ${[...this.#codecs.keys()].join(', ')}`,
      );
    }
    const plain = contentEncoding === undefined ? stored : asField(unpack(stored, contentEncoding, this.#maxBytes));
    const data = decodedBy(codec, plain, attributes);
    const polluting = codec === jsonCodec ? undefined : pollutingKeyIn(data);
    if (polluting !== undefined) throw new UndecodableEntryError(`Field 'data' has a key ${polluting}`);
    return data;
  }
}

function decodedBy(codec: Codec, stored: FieldValue, attributes: EventAttributes): unknown {
  try {
    return codec.decode(stored, attributes);
  } catch (error) {
    throw decodingError(codec.contentType, error);
  }
}

/** Throws `OptionsError` unless it looks like a codec. */
export function checkCodec(codec: Codec): void {
  const isCodec =
    typeof codec === 'object' &&
    codec !== null &&
    typeof codec.encode === 'function' &&
    typeof codec.decode === 'function' &&
    typeof codec.contentType === 'string' &&
    mediaType.test(codec.contentType);
  if (!isCodec) throw new OptionsError('A codec has a contentType (a media type in lower case), encode and decode');
}

const mediaType = /^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*$/;

/** As a transport would have given it. */
function asField(bytes: Uint8Array): FieldValue {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() : bytes;
}
