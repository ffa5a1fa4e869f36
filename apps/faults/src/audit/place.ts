/**
 * Where an entry is: its id, and behind an `@` its stream, because the partitions of a stream give ids independently of
 * each other.
 */
export function placeOf(stream: string, entryId: string): string {
  return `${entryId}@${stream}`;
}
