/** Ids may be places. Negative when entry id `left` comes before `right` in a stream, positive when after, 0 when they are the same. */
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
  const [id = ''] = entryId.split('@', 1);
  const dash = id.indexOf('-');
  return [Number(id.slice(0, dash)), Number(id.slice(dash + 1))];
}
