import { companionKey, decodeFields, type Entry, type Inspector, type StreamDescription } from '@events/core';

/** An event as it stands in a stream. */
export interface StoredEvent {
  readonly entryId: string;
  readonly id: string;
  readonly type: string;
  readonly key: string | undefined;
}

/** An event that a group gave up. */
export interface DeadLetter extends StoredEvent {
  readonly group: string;
  readonly reason: string;
  readonly attempts: number;
  readonly error: string;
}

/** A stream with everything in it. */
export interface StoredStream {
  /** The key in Redis. */
  readonly key: string;
  readonly description: StreamDescription | undefined;
  readonly events: readonly StoredEvent[];
  readonly deadLetters: readonly DeadLetter[];
}

const pageSize = 1_000;

/** Reads a stream and its dead letters from the first entry to the last. */
export async function readStream(inspector: Inspector, key: string): Promise<StoredStream> {
  const events = (await readEntries(inspector, key)).map(eventOf);
  const deadLetters = (await readEntries(inspector, companionKey(key, 'dlq'))).map(deadLetterOf);
  return { key, description: await inspector.describe(key), events, deadLetters };
}

async function readEntries(inspector: Inspector, key: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let from = '-'; ; ) {
    const page = await inspector.range(key, from, '+', pageSize);
    const last = page.at(-1);
    // Every page after the first begins with the entry that the one before ended with.
    entries.push(...(from === '-' ? page : page.slice(1)));
    if (last === undefined || page.length < pageSize) return entries;
    from = last.id;
  }
}

function eventOf({ id: entryId, fields }: Entry): StoredEvent {
  const { id, type, key } = decodeFields(entryId, fields ?? []);
  return { entryId, id, type, key };
}

interface Provenance {
  readonly group: string;
  readonly entryId: string;
  readonly reason: string;
  readonly attempts: number;
  readonly error: { readonly message?: string };
}

function deadLetterOf(entry: Entry): DeadLetter {
  const fields = entry.fields ?? [];
  const place = fields.lastIndexOf('deadLetter');
  const { group, entryId, reason, attempts, error } = JSON.parse(String(fields[place + 1])) as Provenance;
  return { ...eventOf(entry), entryId, group, reason, attempts, error: error.message ?? '' };
}
