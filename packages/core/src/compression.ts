import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';
import { UndecodableEntryError } from './errors.js';
import { checkKeys, choice, wholeNumber } from './options.js';
import type { FieldValue } from './transport.js';

/** How data is packed: as HTTP's content encodings are called. */
export type ContentEncoding = 'gzip' | 'br';

/** Whether, and from what size, data is packed. */
export interface CompressionOptions {
  /** Default: `gzip`. */
  readonly encoding?: ContentEncoding | undefined;
  /** Smaller data is left as it is, in bytes. Default: 4,096. */
  readonly aboveBytes?: number | undefined;
}

export type CompressionSettings = Required<{
  readonly [Key in keyof CompressionOptions]: NonNullable<CompressionOptions[Key]>;
}>;

interface Packer {
  readonly pack: (bytes: Uint8Array) => Uint8Array;
  readonly unpack: (bytes: Uint8Array, maxOutputLength: number) => Uint8Array;
}

// the event loop waits meanwhile: for a MiB of JSON the quickest level takes 8 ms, the default 21, for 13 % less
const packers: Readonly<Record<ContentEncoding, Packer>> = {
  gzip: {
    pack: (bytes) => gzipSync(bytes, { level: 1 }),
    unpack: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  },
  br: {
    pack: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    unpack: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
  },
};

/** The option `compression`, checked and completed. Throws `OptionsError`. */
export function compressionSettings(value: boolean | CompressionOptions | undefined): CompressionSettings | undefined {
  if (value === undefined || value === false) return undefined;
  const options = value === true ? {} : value;
  checkKeys('compression', options, ['encoding', 'aboveBytes']);
  return {
    encoding: choice('compression.encoding', options.encoding, 'gzip', ['gzip', 'br']),
    aboveBytes: wholeNumber('compression.aboveBytes', options.aboveBytes, 4_096, { min: 0 }),
  };
}

/** The bytes packed; `undefined` where that would not make them smaller. */
export function pack(bytes: Uint8Array, encoding: ContentEncoding): Uint8Array | undefined {
  const packed = packers[encoding].pack(bytes);
  return packed.length < bytes.length ? packed : undefined;
}

/** What was packed. Throws `UndecodableEntryError` for an encoding that is not known, other bytes, and for more than `maxBytes`. */
export function unpack(stored: FieldValue, encoding: string, maxBytes: number): Uint8Array {
  const packer = Object.hasOwn(packers, encoding) ? packers[encoding as ContentEncoding] : undefined;
  if (packer === undefined) {
    throw new UndecodableEntryError(`'contentEncoding' in field 'meta' is neither 'gzip' nor 'br'`);
  }
  // a packed text may happen to be valid UTF-8
  const bytes = typeof stored === 'string' ? Buffer.from(stored) : stored;
  try {
    return packer.unpack(bytes, maxBytes);
  } catch (error) {
    const isTooLarge = (error as { readonly code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE';
    throw new UndecodableEntryError(
      isTooLarge
        ? `Field 'data' unpacks to more than ${maxBytes} bytes, as maxPayloadBytes allows`
        : `Field 'data' is not valid ${encoding}`,
    );
  }
}
