import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { Journal, JournalLine } from './journal-line.js';

/** What the names of journals end with; they begin with the name of the process. */
export const journalSuffix = '.jsonl';

/** Writes a journal. A line is with the operating system before `write` returns: no end of the process can take it back. */
export class JournalFile {
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'a');
  }

  write(line: JournalLine): void {
    writeSync(this.#descriptor, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Reads what a process wrote, whether it still runs or not. */
export function readJournal(path: string): Journal {
  const complete = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const lines = complete.map((line) => JSON.parse(line) as JournalLine);
  return { process: basename(path, journalSuffix), lines };
}
