import { type Codec, SerializationError, UndecodableEntryError } from '@events/core';
import { decode, encode } from '@msgpack/msgpack';
import { lossIn } from './loss-in.js';

const maxDepth = 500;

/**
 * MessagePack: smaller than JSON where data is numbers, and holds `Date`, `bigint` of 64 bits, `NaN`, infinities and bytes
 * (`Uint8Array`). Refuses, with its path, what it would lose. `-0` becomes `0`, a `Buffer` comes back as `Uint8Array`, and a property
 * that is `undefined` is left out.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export const msgpackCodec: Codec = Object.freeze({
  contentType: 'application/vnd.msgpack',
  encode(data: unknown, { type }: { readonly type: string }) {
    const found = lossIn(data, [], maxDepth);
    if (typeof found === 'object') {
      const where = found.path === '' ? 'it' : `'${found.path}'`;
      const reason = `${where} is, or holds, ${found.what}`;
      throw new SerializationError(`Data of '${type}' cannot be stored as MessagePack: ${reason}`, {
        outcome: 'not-stored',
      });
    }
    return {
      stored: encode(data, { ignoreUndefined: true, useBigInt64: true, maxDepth: maxDepth + 1 }),
      isSame: found === 'same',
    };
  },
  decode(stored: string | Uint8Array) {
    // bytes that are valid UTF-8 come as text
    const bytes = typeof stored === 'string' ? Buffer.from(stored) : stored;
    // an element takes a byte at least: a few bytes that claim to be a million elements are not believed
    const limits = {
      maxStrLength: bytes.length,
      maxBinLength: bytes.length,
      maxArrayLength: bytes.length,
      maxMapLength: bytes.length,
      maxExtLength: bytes.length,
    };
    try {
      return decode(bytes, { useBigInt64: true, ...limits });
    } catch {
      // the message may quote a key
      throw new UndecodableEntryError("Field 'data' is not valid MessagePack");
    }
  },
});
