import { getHeapStatistics } from 'node:v8';

/** As much as one event's data may be (`maxPayloadBytes`), whatever the entries so far were like. */
const largestPayload = 1_048_576;
/** Of the heap that is free, what one round of reads may fill. */
const share = 1 / 4;
/** A text of two bytes a character, or one that is in a parser's buffer and in an entry at once. */
const bytesPerCharacter = 2;

let readers = 0;

/** One of the readers of this process, which all read into one heap. Call the answer once it reads no more. */
export function joinHeap(): () => void {
  readers += 1;
  let isOver = false;
  return () => {
    if (!isOver) readers -= 1;
    isOver = true;
  };
}

/**
 * How many entries one reader may ask for at once, at least one, if each were as large as an event may be, or as the
 * largest it has seen: an average of small ones says nothing about the next.
 */
export function countThatFits(largestSeen: number): number {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  const perEntry = Math.max(largestPayload, largestSeen) * bytesPerCharacter;
  return Math.max(1, Math.floor(((limit - used) * share) / perEntry / Math.max(1, readers)));
}
