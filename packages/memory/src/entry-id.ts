import { MemoryError } from './memory-error.js';

/** Before every entry: ids begin at `0-1`. */
export const zeroId = '0-0';

/** The largest number in an id, 2^64 - 1, which no JavaScript number can hold. */
const maxPart = '18446744073709551615';

/** No entry comes after it. */
export const highestId = `${maxPart}-${maxPart}`;

/**
 * Negative, zero or positive, as `left` is before, at or after `right`. Ids are compared as text, the longer number
 * being the larger one, since numbers lose digits above 2^53.
 */
export function compareIds(left: string, right: string): number {
  const dash = left.indexOf('-');
  const difference = dash - right.indexOf('-');
  if (difference !== 0) return difference;
  if (left.length === right.length) return compareText(left, right);
  return compareText(left.slice(0, dash), right.slice(0, dash)) || left.length - right.length;
}

/** The first id after `id`. */
export function idAfter(id: string): string {
  const dash = id.indexOf('-');
  const [milliseconds, sequence] = [id.slice(0, dash), id.slice(dash + 1)];
  if (sequence !== maxPart) return `${milliseconds}-${BigInt(sequence) + 1n}`;
  return milliseconds === maxPart ? id : `${BigInt(milliseconds) + 1n}-0`;
}

/** A whole id from one that a caller gave. Where the sequence is missing it is `0`, or with `'last'` the highest one. */
export function parseId(text: string, missingSequence: 'first' | 'last' = 'first'): string {
  const [, milliseconds, sequence] = /^(0|[1-9]\d{0,19})(?:-(0|[1-9]\d{0,19}))?$/.exec(text) ?? [];
  if (milliseconds === undefined || isTooLarge(milliseconds) || (sequence !== undefined && isTooLarge(sequence))) {
    throw new MemoryError('invalid', `${JSON.stringify(text)} is no entry id`);
  }
  return `${milliseconds}-${sequence ?? (missingSequence === 'first' ? '0' : maxPart)}`;
}

/** The id after which every entry of `unixMs`, and of later times, comes. */
export function idBefore(unixMs: number): string {
  if (!Number.isSafeInteger(unixMs) || unixMs < 0) throw new MemoryError('invalid', `${unixMs} is no time in Unix ms`);
  return unixMs === 0 ? zeroId : `${unixMs - 1}-${maxPart}`;
}

function isTooLarge(part: string): boolean {
  return part.length === maxPart.length && part > maxPart;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
