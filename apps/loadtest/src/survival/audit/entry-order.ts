/** Negative when entry id `left` comes before `right` in a stream, positive when after, 0 when they are the same. */
export function compareEntryIds(left: string, right: string): number {
  const [leftMs, leftSequence] = partsOf(left);
  const [rightMs, rightSequence] = partsOf(right);
  return leftMs - rightMs || leftSequence - rightSequence;
}

/** When the server gave the id, Unix ms. */
export function timeOfEntry(entryId: string): number {
  return partsOf(entryId)[0];
}

function partsOf(entryId: string): [number, number] {
  const dash = entryId.indexOf('-');
  return [Number(entryId.slice(0, dash)), Number(entryId.slice(dash + 1))];
}
