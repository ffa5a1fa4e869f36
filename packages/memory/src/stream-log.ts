import type { Entry, Fields, TrimBound } from '@events/core';
import { compareIds, parseId, zeroId } from './entry-id.js';
import { MemoryError } from './memory-error.js';

/** An entry that is in the stream. */
export interface StoredEntry extends Entry {
  readonly fields: Fields;
}

/** The entries of one stream, oldest first. Appending is O(1), finding O(log n). */
export class StreamLog {
  // Slots before `#first` are trimmed and emptied; they are given up together, so that trimming one entry is O(1).
  #slots: (StoredEntry | undefined)[] = [];
  #first = 0;
  #lastMilliseconds = 0;
  #lastSequence = 0;
  #entriesAdded = 0;
  #bytes = 0;

  get length(): number {
    return this.#slots.length - this.#first;
  }

  get firstEntryId(): string | null {
    return this.#slots[this.#first]?.id ?? null;
  }

  /** How many entries were ever taken out. */
  get removed(): number {
    return this.#entriesAdded - this.length;
  }

  /** The last id given out, even if that entry is gone. */
  get lastGeneratedId(): string {
    return `${this.#lastMilliseconds}-${this.#lastSequence}`;
  }

  /** How many entries there ever were. */
  get entriesAdded(): number {
    return this.#entriesAdded;
  }

  /** Stores an entry under an id above all earlier ones, also when the clock stepped back. */
  append(fields: Fields, unixMs: number): string {
    if (unixMs > this.#lastMilliseconds) {
      this.#lastMilliseconds = unixMs;
      this.#lastSequence = 0;
    } else {
      this.#lastSequence += 1;
    }
    const id = this.lastGeneratedId;
    this.#slots.push({ id, fields });
    this.#entriesAdded += 1;
    this.#bytes += sizeOf(fields);
    return id;
  }

  /** Loses the newest `count` entries, as if they had never been stored. */
  loseLast(count: number): void {
    const lost = Math.min(count, this.length);
    if (lost <= 0) return;
    for (const entry of this.#slots.slice(-lost)) this.#bytes -= sizeOf(entry?.fields ?? []);
    this.#slots.length -= lost;
    this.#entriesAdded -= lost;
    const [milliseconds = '0', sequence = '0'] = (this.#slots.at(-1)?.id ?? zeroId).split('-');
    this.#lastMilliseconds = Number(milliseconds);
    this.#lastSequence = Number(sequence);
  }

  find(id: string): StoredEntry | undefined {
    const entry = this.#slots[this.#indexAtOrAbove(id)];
    return entry?.id === id ? entry : undefined;
  }

  /** Up to `count` entries with ids above `id`. */
  after(id: string, count: number): readonly StoredEntry[] {
    const index = this.#indexAtOrAbove(id);
    return this.#slice(this.#slots[index]?.id === id ? index + 1 : index, count);
  }

  /** Up to `count` entries from id `from` to id `to`, both included. */
  range(from: string, to: string, count: number): readonly StoredEntry[] {
    const entries = this.#slice(this.#indexAtOrAbove(from), count);
    const end = entries.findIndex((entry) => compareIds(entry.id, to) > 0);
    return end === -1 ? entries : entries.slice(0, end);
  }

  /** How many entries are beyond `bound`. */
  beyond({ maxLength, minId }: TrimBound): number {
    if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength >= 0)) {
      throw new MemoryError('invalid', `${maxLength} is no length to trim to`);
    }
    const byLength = maxLength === undefined ? 0 : this.length - maxLength;
    return Math.max(0, byLength, minId === undefined ? 0 : this.countBelow(parseId(minId)));
  }

  /** How many entries have ids below `id`. */
  countBelow(id: string): number {
    return this.#indexAtOrAbove(id) - this.#first;
  }

  /** Removes the oldest `count` entries. */
  removeFirst(count: number): void {
    const end = this.#first + Math.min(count, this.length);
    for (let index = this.#first; index < end; index += 1) this.#bytes -= sizeOf(this.#slots[index]?.fields ?? []);
    this.#slots.fill(undefined, this.#first, end);
    this.#first = end;
    this.#giveUpEmptySlots();
  }

  /** Roughly what the entries take in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * How many entries were ever added up to `id`, or `null` where Redis 7.0 cannot tell: it counts what it added, so it
   * knows this at both ends of the stream and nowhere between.
   */
  positionOf(id: string): number | null {
    const afterLast = compareIds(id, this.lastGeneratedId);
    const { firstEntryId } = this;
    if (this.#entriesAdded === 0) return 0;
    if (afterLast === 0 || (firstEntryId === null && afterLast < 0)) return this.#entriesAdded;
    if (afterLast > 0 || firstEntryId === null) return null;
    const afterFirst = compareIds(id, firstEntryId);
    if (afterFirst > 0) return null;
    return this.#entriesAdded - this.length + (afterFirst === 0 ? 1 : 0);
  }

  #slice(start: number, count: number): readonly StoredEntry[] {
    return this.#slots.slice(start, start + count) as readonly StoredEntry[];
  }

  #indexAtOrAbove(id: string): number {
    let low = this.#first;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.#slots[middle]?.id ?? zeroId, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #giveUpEmptySlots(): void {
    if (this.#first < 64 || this.#first * 2 < this.#slots.length) return;
    this.#slots = this.#slots.slice(this.#first);
    this.#first = 0;
  }
}

/** What an id and the places of its fields take, beside their values. */
const bytesPerEntry = 64;

function sizeOf(fields: Fields): number {
  return fields.reduce((sum, value) => sum + value.length, bytesPerEntry);
}
