import { join } from 'node:path';
import type { StopReport } from '@events/core';
import type { Interruption } from '../audit/evidence.js';
import { journalSuffix, readJournal } from '../audit/journal-file.js';
import type { Journal } from '../audit/journal-line.js';
import type { ServerView } from '../server-view.js';
import type { ConsumerOrders } from './consumer-orders.js';
import { ConsumerProcess } from './consumer-process.js';

/** The consumer processes of one group, those that ended included. */
export class Crew {
  readonly #directory: string;
  readonly #view: ServerView;
  readonly #members: ConsumerProcess[] = [];
  readonly #interruptions: Interruption[] = [];
  #started = 0;

  /** Journals are kept in `directory`. */
  constructor(directory: string, view: ServerView) {
    this.#directory = directory;
    this.#view = view;
  }

  /** Those that run. */
  get members(): readonly ConsumerProcess[] {
    return this.#members.filter(({ isRunning }) => isRunning);
  }

  get interruptions(): readonly Interruption[] {
    return this.#interruptions;
  }

  async start(orders: Omit<ConsumerOrders, 'journal'>): Promise<ConsumerProcess> {
    this.#started += 1;
    const journal = join(this.#directory, `consumer-${this.#started}${journalSuffix}`);
    const member = await ConsumerProcess.start({ ...orders, journal });
    this.#members.push(member);
    return member;
  }

  /** Ends a process at once, and notes what it had in hand. */
  async kill(member: ConsumerProcess): Promise<Interruption> {
    await member.kill();
    return this.noteInterruption(member);
  }

  /** Notes what a process has in hand that ended without a farewell, or is held up. */
  async noteInterruption({ id, name }: ConsumerProcess): Promise<Interruption> {
    const at = Date.now();
    const interruption = { process: id, at, inFlight: await this.#view.pending(name) };
    this.#interruptions.push(interruption);
    return interruption;
  }

  /** Stops all in good order. */
  stop(timeoutMs: number): Promise<StopReport[]> {
    return Promise.all(this.members.map((member) => member.stop(timeoutMs)));
  }

  /** Ends what still runs. */
  async dismiss(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** What every process wrote down, in the order of their starts. */
  journals(): Journal[] {
    return this.#members.map(({ orders }) => readJournal(orders.journal));
  }
}
