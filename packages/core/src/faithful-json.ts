import { types } from 'node:util';

/** What JSON makes of data: gives it back as it is, gives something else back that is documented (a `Date` as text), or loses it. */
type Fate = 0 | 1 | 2;
const same = 0;
const changed = 1;
const lost = 2;

/** Objects whose content JSON does not see. */
const opaque: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ['a Map', types.isMap],
  ['a Set', types.isSet],
  ['a RegExp', types.isRegExp],
  ['an Error', types.isNativeError],
  ['a Promise', types.isPromise],
  ['a WeakMap', types.isWeakMap],
  ['a WeakSet', types.isWeakSet],
  ['a boxed value', types.isBoxedPrimitive],
];

/** What an object is, `a Map` for instance, of which codecs that write own properties would write nothing; `undefined` for any other. */
export function opaqueKindOf(value: object): string | undefined {
  return opaque.find(([, is]) => is(value))?.[0];
}

/** Where data holds something that JSON would lose without a word, and what. */
export interface Loss {
  /** Dotted; empty for the data itself. */
  readonly path: string;
  readonly what: string;
}

/**
 * Whether what is read back equals `data`, which JSON was able to write; a property that is `undefined` counts as left out.
 * The loss that there would be, where there is one. One walk, because it happens to every event.
 */
export function faithOf(data: unknown): 'same' | 'changed' | Loss {
  const fate = fateOf(data);
  if (fate === same) return 'same';
  return fate === changed
    ? 'changed'
    : (findLoss(data, []) ?? { path: '', what: 'something that changes while it is read' });
}

/** What in `data` JSON cannot write, for a message: `undefined` when it can be written after all. */
export function findLoss(data: unknown, path: readonly string[]): Loss | undefined {
  const what = lossOf(data);
  if (what !== undefined) return { path: path.join('.'), what };
  if (typeof data !== 'object' || data === null) return undefined;
  // a circle has no end
  if (path.length > 500) return { path: '', what: 'a circular reference, or is nested too deeply' };
  const text = textOf(data);
  if (text !== undefined) {
    return text.value === undefined ? { path: path.join('.'), what: 'undefined' } : findLoss(text.value, path);
  }
  if (Array.isArray(data)) {
    for (let index = 0; index < data.length; index += 1) {
      const loss =
        data[index] === undefined
          ? { path: [...path, String(index)].join('.'), what: 'undefined' }
          : findLoss(data[index], [...path, String(index)]);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }
  for (const [key, child] of Object.entries(data)) {
    const pollution = pollutionBy(key, child);
    if (pollution !== undefined) return { path: path.join('.'), what: pollution };
    const loss = child === undefined ? undefined : findLoss(child, [...path, key]);
    if (loss !== undefined) return loss;
  }
  return undefined;
}

function fateOf(value: unknown): Fate {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return same;
    case 'number':
      return Number.isFinite(value) ? same : lost;
    case 'object':
      if (value === null) return same;
      return Array.isArray(value) ? fateOfArray(value) : fateOfObject(value as Record<string, unknown>);
    default:
      return lost;
  }
}

function fateOfArray(values: readonly unknown[]): Fate {
  let fate: Fate = same;
  for (let index = 0; index < values.length; index += 1) {
    const found = fateOf(values[index]);
    if (found === lost) return lost;
    if (found !== same) fate = found;
  }
  return fate;
}

function fateOfObject(value: Record<string, unknown>): Fate {
  if (typeof value.toJSON === 'function') {
    const text = textOf(value);
    return lossOf(value) !== undefined || fateOf(text?.value) === lost ? lost : changed;
  }
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain && lossOf(value) !== undefined) return lost;
  let fate: Fate = same;
  // Object.keys would take twice as long
  for (const key in value) {
    const child = value[key];
    if (child === undefined) continue;
    const found = key === '__proto__' || key === 'constructor' ? fateOfSpecial(key, child) : fateOf(child);
    // what is inherited JSON does not write
    if (found === same || !Object.hasOwn(value, key)) continue;
    if (found === lost) return lost;
    fate = found;
  }
  return fate;
}

function fateOfSpecial(key: string, child: unknown): Fate {
  return pollutionBy(key, child) === undefined ? fateOf(child) : lost;
}

/** Why a key could pollute prototypes when the data is merged into other data. */
function pollutionBy(key: string, child: unknown): string | undefined {
  if (key === '__proto__') return "a key '__proto__', which could pollute prototypes where it is read";
  const isPolluting = key === 'constructor' && typeof child === 'object' && Object.hasOwn(child ?? {}, 'prototype');
  return isPolluting ? "a key 'constructor.prototype', which could pollute prototypes where it is read" : undefined;
}

function textOf(value: object): { readonly value: unknown } | undefined {
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? { value: toJSON.call(value, '') } : undefined;
}

function lossOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (typeof value === 'bigint') return 'a BigInt';
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : undefined;
  // a Buffer has a toJSON, and comes back as something else
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return 'bytes';
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') return undefined;
  return opaqueKindOf(value);
}
