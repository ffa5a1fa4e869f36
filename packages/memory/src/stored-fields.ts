import { isUtf8 } from 'node:buffer';
import type { Fields, FieldValue } from '@events/core';
import { MemoryError } from './memory-error.js';

// Half a character has no bytes; what is sent to a server in its place is U+FFFD.
const halfCharacter = /\p{Surrogate}/gu;

/** A copy of `fields` as a server would keep it: no later change by the caller reaches it. */
export function copyIn(fields: Fields): Fields {
  if (fields.length === 0 || fields.length % 2 !== 0) {
    throw new MemoryError('invalid', `An entry is made of names and values in turn, which ${fields.length} cannot be`);
  }
  return Object.freeze(fields.map(asStored));
}

/** A copy of stored fields that the reader may change. Text cannot be changed, so without bytes there is no need. */
export function copyOut(fields: Fields): Fields {
  const isAllText = fields.every((value) => typeof value === 'string');
  return isAllText ? fields : fields.map((value) => (typeof value === 'string' ? value : Uint8Array.from(value)));
}

function asStored(value: FieldValue): FieldValue {
  if (typeof value === 'string') return value.replace(halfCharacter, '\uFFFD');
  return isUtf8(value) ? Buffer.from(value).toString() : Uint8Array.from(value);
}
