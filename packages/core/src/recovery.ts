import { Delivery } from './delivery.js';
import { ConsumerNameInUseError, type EventsError } from './errors.js';
import type { GroupKeeper } from './group-keeper.js';
import { inherit } from './inheritance.js';
import { retryOperation } from './retry-operation.js';
import { sleep } from './sleep.js';
import type { StreamConsumer } from './stream-consumer.js';
import type { StreamSession } from './stream-session.js';
import type { PendingEntry } from './subscription.js';
import type { Takeover } from './takeover.js';

const nameLeaseMs = 10_000;
const renewNameEveryMs = 3_000;
const claimEveryMs = 1_000;
const reconcileEveryMs = 10_000;
/** A server that was frozen may execute a read long after its reader gave up. */
const reconcileAgainAfterMs = 2_000;
const pageSize = 100;
/** More than this many taken over and not yet begun are left to other consumers. */
const maxWaiting = 512;

/** Where entries come from that were not read just now. */
type Origin = 'abandoned' | 'adopted' | 'unseen';

/** Keeps what this consumer owns, takes over what others left, and finds what got lost on the way here. */
export class Recovery {
  readonly #session: StreamSession;
  readonly #home: StreamConsumer;
  readonly #groupKeeper: GroupKeeper;
  readonly #onFatal: (error: EventsError) => void;
  /** Only for the owner of a partition: nobody else takes anything, and nothing is taken out of its order. */
  readonly #takeover: Takeover | undefined;
  readonly #ending = new AbortController();
  #maintaining: Promise<void> | undefined;
  #isTaking = true;
  #reconcileAtMs = 0;
  #reconcileAgainAtMs = Number.POSITIVE_INFINITY;
  #keptAliveAtMs = Date.now();
  #claimedAtMs = 0;
  #renewedAtMs = 0;

  constructor(
    session: StreamSession,
    home: StreamConsumer,
    groupKeeper: GroupKeeper,
    onFatal: (error: EventsError) => void,
    takeover: Takeover | undefined,
  ) {
    this.#session = session;
    this.#takeover = takeover;
    this.#home = home;
    this.#groupKeeper = groupKeeper;
    this.#onFatal = onFatal;
  }

  /** Takes the consumer's name. Throws `ConsumerNameInUseError` when somebody else keeps it longer than a lease lasts. */
  async takeName(): Promise<void> {
    const { settings, names, subscription, stopping } = this.#session;
    const what = `Could not join group '${settings.group}' of '${names.stream}'`;
    const deadline = Date.now() + nameLeaseMs + 500;
    while (
      !(await retryOperation(settings.transport, what, () => subscription.register(nameLeaseMs), stopping.signal))
    ) {
      if (Date.now() > deadline) throw nameInUse(settings.consumer, settings.group);
      if (stopping.signal.aborted) return;
      await sleep(200, stopping.signal);
    }
    this.#renewedAtMs = Date.now();
  }

  /** Takes charge of what this name owned before: its last bearer vanished. */
  async adopt(): Promise<void> {
    const { settings, names, stopping } = this.#session;
    if (!settings.consumerIsNamed) return;
    const what = `Could not list what '${settings.consumer}' owns in '${names.stream}'`;
    await retryOperation(settings.transport, what, () => this.#takeOwned('adopted'), stopping.signal);
  }

  start(): void {
    if (this.#takeover === undefined) this.#reconcileAtMs = Date.now() + reconcileEveryMs;
    this.#maintaining = this.#maintain();
  }

  /** Takes nothing more over. What is held is still kept: handlers may be at work on it. */
  stopTaking(): void {
    this.#isTaking = false;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#maintaining;
  }

  /** Some answers to reads may have been lost. */
  doubtReads(): void {
    this.#reconcileAtMs = 0;
  }

  /** Looks for entries that are ours and that we never saw. Only between reads: a read under way owns some rightly. */
  async reconcileIfDue(): Promise<void> {
    const now = Date.now();
    if (now < Math.min(this.#reconcileAtMs, this.#reconcileAgainAtMs)) return;
    if (this.#takeover !== undefined) {
      await this.#takeover.run();
      // a promoted server may not know of what was settled last
      this.#reconcileAtMs = Date.now() + reconcileEveryMs;
      return;
    }
    const wasInDoubt = this.#reconcileAtMs === 0;
    await this.#takeOwned('unseen');
    this.#reconcileAtMs = Date.now() + reconcileEveryMs;
    this.#reconcileAgainAtMs = wasInDoubt ? Date.now() + reconcileAgainAfterMs : Number.POSITIVE_INFINITY;
  }

  /** Brings a delivery on its way to a handler, once it is due. */
  enqueue(delivery: Delivery): void {
    if (delivery.state !== 'parked') return;
    const dueAtMs = delivery.record?.dueAtMs ?? 0;
    if (dueAtMs > Date.now()) delivery.waitUntil(dueAtMs, (due) => this.enqueue(due));
    else if (delivery.suspect) this.#session.dispatcher.offerSuspect(delivery);
    else this.#home.load(delivery);
  }

  async #takeOwned(origin: Origin): Promise<void> {
    const { subscription, held } = this.#session;
    for (let after = '0-0'; ; ) {
      // what is acknowledged while we ask is in the answer still, and in our hands no more
      const known = new Set(held.keys());
      const page = await subscription.owned(after, pageSize);
      this.#take(
        page.filter(({ id }) => !known.has(id) && !held.has(id)),
        origin,
      );
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return;
      after = last.id;
    }
  }

  #take(entries: readonly PendingEntry[], origin: Origin): void {
    for (const entry of entries) this.#takeOne(entry, origin);
    this.#session.dispatcher.pump();
  }

  #takeOne(entry: PendingEntry, origin: Origin): void {
    const delivery = new Delivery(entry.id, this.#home);
    const isSuspect = !entry.released && origin !== 'unseen';
    const condemned = inherit(delivery, entry, isSuspect, this.#session.settings.maxAttempts);
    this.#home.hold(delivery);
    if (condemned !== undefined) this.#home.condemn(delivery, condemned);
    else this.enqueue(delivery);
  }

  async #maintain(): Promise<void> {
    const keepAliveEveryMs = this.#session.settings.claimIdleMs / 3;
    const turnMs = Math.min(claimEveryMs, keepAliveEveryMs);
    const isOwner = this.#takeover !== undefined;
    while (!this.#ending.signal.aborted) {
      await sleep(turnMs * (0.8 + Math.random() * 0.4), this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      const now = Date.now();
      if (now - this.#keptAliveAtMs >= keepAliveEveryMs * 0.9)
        await this.#attempt('keep entries of', () => this.#keepAlive());
      if (!isOwner && now - this.#renewedAtMs >= renewNameEveryMs)
        await this.#attempt('renew the name in', () => this.#renewName());
      if (!isOwner && this.#isTaking && now - this.#claimedAtMs >= claimEveryMs * 0.75)
        await this.#attempt('claim entries of', () => this.#claim());
    }
  }

  async #attempt(what: string, operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
      this.#session.succeeded(what);
    } catch (error) {
      const { kind } = this.#session.failed(what, error);
      if (kind === 'group-lost') await this.#groupKeeper.check();
    }
  }

  /** Resets the idle time of everything held, so that nobody takes it for abandoned. */
  async #keepAlive(): Promise<void> {
    const { held, subscription } = this.#session;
    this.#keptAliveAtMs = Date.now();
    const ids = [...held.keys()];
    const owned = new Set(await subscription.keepAlive(ids));
    for (const id of ids) {
      const delivery = held.get(id);
      if (delivery === undefined) continue;
      if (owned.has(id)) delivery.touchedAtMs = this.#keptAliveAtMs;
      // settled while we asked: not ours any more, and rightly so
      else if (delivery.state !== 'settling' && !delivery.settled && delivery.settlement === undefined)
        this.#home.notOwned(delivery);
    }
  }

  async #renewName(): Promise<void> {
    const { settings, subscription } = this.#session;
    this.#renewedAtMs = Date.now();
    if (!(await subscription.register(nameLeaseMs))) this.#onFatal(nameInUse(settings.consumer, settings.group));
  }

  /** Takes over what was left, page by page: what a stopped consumer handed back must not wait for many scans. */
  async #claim(): Promise<void> {
    this.#claimedAtMs = Date.now();
    while (this.#isTaking && (await this.#claimPage()));
  }

  /** Resolves with whether there may be more, and room for it. */
  async #claimPage(): Promise<boolean> {
    const { settings, names, subscription, dispatcher } = this.#session;
    const held = dispatcher.suspectsWaiting + this.#home.backlogSize;
    const room = Math.min(pageSize, settings.prefetch, maxWaiting - held);
    if (room <= 0) return false;
    let claim: Awaited<ReturnType<typeof subscription.claim>>;
    try {
      claim = await subscription.claim(settings.claimIdleMs, room);
    } catch (error) {
      // what an unanswered claim took is ours and unseen
      this.doubtReads();
      throw error;
    }
    this.#home.announceLost(claim.vanished);
    if (claim.entries.length === 0) return false;
    const suspects = claim.entries.filter(({ released }) => !released).length;
    this.#session.emit('claimed', {
      stream: names.stream,
      group: settings.group,
      count: claim.entries.length,
      suspects,
    });
    this.#take(claim.entries, 'abandoned');
    return claim.entries.length === room;
  }
}

/** Another live consumer has this one's name. */
export function nameInUse(consumer: string, group: string): ConsumerNameInUseError {
  return new ConsumerNameInUseError(
    `Another live consumer of group '${group}' is called '${consumer}'. Leave 'consumer' out, or give each process a name of its own`,
  );
}
