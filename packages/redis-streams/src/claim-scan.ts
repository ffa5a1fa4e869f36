import type { Claim, PendingEntry, SubscriptionOptions } from '@events/core';
import { companionKey } from '@events/core';
import type { Connection } from './connection.js';
import type { PartitionLease } from './partition-lease.js';
import { decodeArray, decodePending, decodePendingConsumers, decodeText } from './replies.js';
import { claim, idsPerScript, releasedIdleMs } from './scripts.js';

/** How many pages of 100 pending entries one run of the script looks at: about 0.4 ms of the server's time. */
const pagesPerRun = 3;
/** How many runs one call may take. Between them the server serves others. */
const runsPerCall = 8;
const beginning = '0-0';

/**
 * Looks through the entries that other consumers of a group own, a part of them with each call, all of them in turn; and
 * through this consumer's own while some may be there that it has handed back.
 */
export class ClaimScan {
  readonly #options: SubscriptionOptions;
  readonly #retryKey: string;
  readonly #partition: PartitionLease;
  /** The id after which to go on, for each consumer whose list has been begun. */
  #cursors = new Map<string, string>();
  /** The consumer with whom the next call begins. */
  #next: string | undefined;
  #ownToo = false;
  #ownReleases = 0;

  constructor(options: SubscriptionOptions, partition: PartitionLease) {
    this.#options = options;
    this.#partition = partition;
    this.#retryKey = companionKey(options.stream, `retry:${options.group}`);
  }

  /** Notes that this consumer has handed entries back. */
  releasedOwn(): void {
    this.#ownToo = true;
    this.#ownReleases += 1;
    this.#cursors.delete(this.#options.consumer);
  }

  async run(control: Connection, idleMs: number, count: number, withinMs: number): Promise<Claim> {
    const { stream, group, consumer } = this.#options;
    const entries: PendingEntry[] = [];
    const vanished: string[] = [];
    const all = decodePendingConsumers(await control.command(['XPENDING', stream, group], withinMs));
    const owners = all.filter((name) => name !== consumer || this.#ownToo);
    this.#forgetAllBut(owners);
    const order = this.#inTurn(owners);
    let at = 0;
    for (let run = 0; run < runsPerCall && at < order.length && entries.length + vanished.length < count; run += 1) {
      const most = Math.min(idsPerScript, count - entries.length - vanished.length);
      const visited = order.slice(at, at + pagesPerRun);
      const args = [group, consumer, String(idleMs), String(most), String(pagesPerRun), String(releasedIdleMs)];
      for (const name of visited) args.push(name, this.#cursors.get(name) ?? beginning);
      const releases = this.#ownReleases;
      const reply = await this.#partition.call(control, claim, { keys: [stream, this.#retryKey], args }, withinMs);
      const found = decodeClaim(reply);
      entries.push(...found.entries);
      vanished.push(...found.vanished);
      at += this.#advance(visited, found.cursors, releases === this.#ownReleases);
    }
    // one long list is left for the next round, so that the others have their turn
    this.#next = order[this.#cursors.has(order[at] ?? '') ? at + 1 : at] ?? order[0];
    return { entries, vanished };
  }

  #forgetAllBut(owners: readonly string[]): void {
    this.#cursors = new Map([...this.#cursors].filter(([name]) => owners.includes(name)));
  }

  // The order begins elsewhere each time; the first time at random, so that many claimers do not all visit the same.
  #inTurn(owners: readonly string[]): string[] {
    const known = this.#next === undefined ? -1 : owners.indexOf(this.#next);
    const first = known === -1 ? Math.floor(Math.random() * owners.length) : known;
    return [...owners.slice(first), ...owners.slice(0, first)];
  }

  /** Notes where to go on, and gives how many of the lists, from the first, were seen to their end. */
  #advance(visited: readonly string[], cursors: readonly string[], ownIsSame: boolean): number {
    for (const [index, name] of visited.entries()) {
      const cursor = cursors[index] ?? '';
      const isOwn = name === this.#options.consumer;
      if (isOwn && !ownIsSame) continue; // something was handed back meanwhile, perhaps before the place reached
      if (isOwn && cursor === '') this.#ownToo = false;
      if (cursor === '' || cursor === beginning) this.#cursors.delete(name);
      else this.#cursors.set(name, cursor);
    }
    const unseen = cursors.findIndex((cursor) => cursor !== '');
    return unseen === -1 ? visited.length : unseen;
  }
}

function decodeClaim(reply: unknown): Claim & { readonly cursors: readonly string[] } {
  const [cursors, entries, vanished] = decodeArray(reply, 'EVALSHA');
  return {
    cursors: decodeArray(cursors, 'EVALSHA').map((cursor) => decodeText(cursor, 'EVALSHA')),
    entries: decodePending(entries),
    vanished: decodeArray(vanished, 'EVALSHA').map((id) => decodeText(id, 'EVALSHA')),
  };
}
