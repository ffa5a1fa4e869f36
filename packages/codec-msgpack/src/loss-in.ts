import { types } from 'node:util';
import { opaqueKindOf } from '@events/core';

/** Where data holds something that MessagePack would lose, and what. */
export interface Loss {
  /** Dotted; empty for the data itself. */
  readonly path: string;
  readonly what: string;
}

/**
 * Whether what is read back equals `data`; what would be lost, where something would. `path` is where `data` stands: one array for
 * the whole walk, since most data loses nothing.
 */
export function lossIn(data: unknown, path: PropertyKey[], depth: number): 'same' | 'changed' | Loss {
  const what = lossOf(data, depth);
  if (what !== undefined) return { path: path.map(String).join('.'), what };
  if (typeof data !== 'object' || data === null || types.isDate(data)) return 'same';
  if (data instanceof Uint8Array) return Buffer.isBuffer(data) ? 'changed' : 'same';
  let fate: 'same' | 'changed' = 'same';
  const isList = Array.isArray(data);
  const keys = isList ? data.keys() : Object.keys(data);
  for (const key of keys) {
    const child = (data as Record<PropertyKey, unknown>)[key];
    if (child === undefined && !isList) continue;
    path.push(key);
    const found = lossIn(child, path, depth - 1);
    path.pop();
    if (typeof found === 'object') return found;
    if (found === 'changed') fate = found;
  }
  return fate;
}

function lossOf(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'undefined':
    case 'function':
    case 'symbol':
      return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`;
    case 'bigint':
      return BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value
        ? undefined
        : 'a BigInt of more than 64 bits';
    case 'object':
      return value === null ? undefined : lossOfObject(value, depth);
    default:
      return undefined;
  }
}

function lossOfObject(value: object, depth: number): string | undefined {
  if (depth < 0) return 'a circular reference, or is nested too deeply';
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : undefined;
  if (value instanceof Uint8Array || Array.isArray(value)) return undefined;
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return 'bytes that are no Uint8Array';
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === 'function')
    return 'an object with a toJSON, which is for JSON';
  if (Object.hasOwn(value, '__proto__')) return "a key '__proto__', which could pollute prototypes where it is read";
  return opaqueKindOf(value);
}
