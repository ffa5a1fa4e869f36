/** Below zero when the entry with id `left` comes before the one with id `right`, zero for the same id. */
export function compareEntryIds(left: string, right: string): number {
  const [leftMs = '0', leftSequence = '0'] = left.split('-');
  const [rightMs = '0', rightSequence = '0'] = right.split('-');
  const difference = BigInt(leftMs) - BigInt(rightMs) || BigInt(leftSequence) - BigInt(rightSequence);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
