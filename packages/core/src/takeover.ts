import { CarefulFetch } from './careful-fetch.js';
import { Delivery, type DeliveryHome } from './delivery.js';
import type { EntryDecoder } from './entry-decoder.js';
import { inherit } from './inheritance.js';
import type { StreamSession } from './stream-session.js';
import type { PendingEntry } from './subscription.js';
import type { Entry } from './transport.js';

const pageSize = 50;

/** What a take-over needs of the stream's consumer. */
export interface TakeoverHome extends DeliveryHome {
  hold(delivery: Delivery): void;
  condemn(delivery: Delivery, error: Error): void;
  announceLost(entryIds: readonly string[]): void;
  giveUpVanished(delivery: Delivery): void;
  giveUpUnreadable(delivery: Delivery, error: Error): void;
}

/**
 * Takes over the whole pending list of a partition, and lines it up by key in the order of its entries before anything
 * newer is read. Every entry is looked at for its key; its data is then let go, and fetched again when its turn comes.
 */
export class Takeover {
  readonly #session: StreamSession;
  readonly #home: TakeoverHome;
  readonly #decoder: EntryDecoder;
  readonly #affordableCount: () => number;
  readonly #fetch: CarefulFetch;
  #isFirst = true;

  constructor(session: StreamSession, home: TakeoverHome, decoder: EntryDecoder, affordableCount: () => number) {
    this.#session = session;
    this.#home = home;
    this.#decoder = decoder;
    this.#affordableCount = affordableCount;
    this.#fetch = new CarefulFetch(session);
  }

  /** Rejects when the server does; what was lined up so far stays, and another run goes on behind it. */
  async run(): Promise<void> {
    const { subscription, held, stopping, dispatcher } = this.#session;
    const own = await this.#ownIds();
    for (let after = '0-0'; !stopping.signal.aborted; ) {
      // what is acknowledged while we ask is in the answer still, and in our hands no more
      const known = new Set(held.keys());
      const { entries, vanished } = await subscription.takeOver(after, pageSize);
      this.#home.announceLost(vanished.filter((id) => !known.has(id)));
      await this.#lineUp(
        entries.filter(({ id }) => !known.has(id) && !held.has(id)),
        own,
      );
      dispatcher.pump();
      if (entries.length + vanished.length < pageSize) break;
      after = entries.at(-1)?.id ?? after;
    }
    if (!stopping.signal.aborted) this.#isFirst = false;
  }

  /** What is this consumer's already: from an earlier time as the owner, or from a read whose answer was lost. */
  async #ownIds(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    for (let after = '0-0'; ; ) {
      const page = await this.#session.subscription.owned(after, pageSize);
      for (const { id } of page) ids.add(id);
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return ids;
      after = last.id;
    }
  }

  async #lineUp(entries: readonly PendingEntry[], own: ReadonlySet<string>): Promise<void> {
    const { stopping, emit, names, settings } = this.#session;
    let fromOthers = 0;
    let suspects = 0;
    for (let from = 0; from < entries.length && !stopping.signal.aborted; ) {
      const some = entries.slice(from, from + this.#affordableCount());
      const { entries: stored, unreadable } = await this.#fetch.fetch(some.map(({ id }) => id));
      if (stopping.signal.aborted) return;
      for (const entry of some) {
        const found = stored.get(entry.id) ?? unreadable.get(entry.id);
        // asked for again, before anything that comes after it
        if (found === undefined) break;
        from += 1;
        const isSuspect = this.#isSuspect(entry, own);
        if (!own.has(entry.id)) fromOthers += 1;
        if (isSuspect) suspects += 1;
        this.#lineUpOne(entry, isSuspect, found);
      }
    }
    if (fromOthers > 0) {
      emit('claimed', { stream: names.stream, group: settings.group, count: fromOthers, suspects });
    }
  }

  #isSuspect({ id, released }: PendingEntry, own: ReadonlySet<string>): boolean {
    if (released) return false;
    return own.has(id) ? this.#isFirst && this.#session.lease?.wasBegun(id) === true : true;
  }

  #lineUpOne(entry: PendingEntry, isSuspect: boolean, found: Entry | Error): void {
    const { settings, dispatcher } = this.#session;
    const delivery = new Delivery(entry.id, this.#home);
    const condemned = inherit(delivery, entry, isSuspect, settings.maxAttempts);
    this.#home.hold(delivery);
    if (found instanceof Error) {
      this.#home.giveUpUnreadable(delivery, found);
      return;
    }
    if (found.fields === null) {
      this.#home.giveUpVanished(delivery);
      return;
    }
    const rejection = this.#decoder.open(delivery, found.fields);
    if (rejection !== undefined) {
      this.#home.reject(delivery, rejection);
    } else if (condemned !== undefined) {
      this.#home.condemn(delivery, condemned);
    } else {
      delivery.event = undefined;
      delivery.envelope = undefined;
      if (dispatcher.line(delivery)) this.#home.resume(delivery);
    }
  }
}
