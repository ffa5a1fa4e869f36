import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublishReceipt } from '@events/core';
import type { Journal } from '../services/service.js';
import type { Role } from './roster.js';

/** An event that a publisher was told is stored. */
export interface PublishedRecord {
  readonly kind: 'published';
  readonly stream: string;
  readonly entryId: string;
  readonly id: string;
}

/** An event that a handler is done with. */
export interface HandledRecord {
  readonly kind: 'handled';
  readonly stream: string;
  readonly entryId: string;
  readonly id: string;
  readonly key: string | undefined;
  readonly sequence: number;
  readonly redelivered: boolean;
}

/** Events were taken over from a process that had vanished. */
export interface TakeoverRecord {
  readonly kind: 'takeover';
  readonly stream: string;
}

export type JournalRecord = PublishedRecord | HandledRecord | TakeoverRecord;

/**
 * What one service has published and handled, in a file. Written at once, so that nothing is missing when the process is
 * killed; the next process of the same service goes on where it ended.
 */
export class FileJournal implements Journal {
  readonly #file: number;
  readonly #onHandled: (record: HandledRecord) => void;

  constructor(path: string, onHandled: (record: HandledRecord) => void) {
    this.#file = openSync(path, 'a');
    this.#onHandled = onHandled;
  }

  record({ stream, entryId, id, key, data: { sequence }, redelivered }: Parameters<Journal['record']>[0]): void {
    const record: HandledRecord = { kind: 'handled', stream, entryId, id, key, sequence, redelivered };
    this.#write(record);
    this.#onHandled(record);
  }

  published({ stream, entryId, id }: PublishReceipt): void {
    this.#write({ kind: 'published', stream, entryId, id });
  }

  tookOver(stream: string): void {
    this.#write({ kind: 'takeover', stream });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(record: JournalRecord): void {
    writeSync(this.#file, `${JSON.stringify(record)}\n`);
  }
}

export function journalPath(directory: string, role: Role): string {
  return join(directory, `${role}.jsonl`);
}

/** The records of a service, oldest first. */
export async function readJournal(path: string): Promise<JournalRecord[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as JournalRecord);
}
