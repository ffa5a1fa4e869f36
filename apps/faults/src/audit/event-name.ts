/** What an event of these programs is called: its key and its place among the events of that key. */
export interface EventName {
  readonly key: string;
  readonly sequence: number;
}

export function eventIdOf({ key, sequence }: EventName): string {
  return `${key}:${sequence}`;
}

/** Throws for an id that no publisher of ours gave. */
export function parseEventId(eventId: string): EventName {
  const [key, sequence, ...rest] = eventId.split(':');
  if (key === undefined || key === '' || sequence === undefined || !/^\d+$/.test(sequence) || rest.length > 0) {
    throw new Error(`'${eventId}' is not the id of an event of this program`);
  }
  return { key, sequence: Number(sequence) };
}

/** Chooses, by the id alone, one event in so many. */
export function isOneIn(count: number, eventId: string): boolean {
  let hash = 0x811c9dc5;
  for (let index = 0; index < eventId.length; index += 1)
    hash = Math.imul(hash ^ eventId.charCodeAt(index), 0x01000193);
  return count > 0 && (hash >>> 0) % count === 0;
}
