import { Backlog } from './backlog.js';
import { jitteredBackoffMs } from './backoff.js';
import { Delivery, type DeliveryHome, type Settlement } from './delivery.js';
import { EntryDecoder, type Rejection } from './entry-decoder.js';
import {
  ClosedError,
  type EventsError,
  EventVersionError,
  GroupNotFoundError,
  UndecodableEntryError,
  ValidationError,
} from './errors.js';
import { toError } from './failure.js';
import { GroupKeeper } from './group-keeper.js';
import { ProgressWatch } from './progress-watch.js';
import type { ReadGate } from './read-gate.js';
import { RecentEvents } from './recent-events.js';
import { Recovery } from './recovery.js';
import { Settler } from './settler.js';
import { sleep } from './sleep.js';
import { StreamReader } from './stream-reader.js';
import type { StreamSession } from './stream-session.js';
import { Takeover } from './takeover.js';
import type { Entry, Fields } from './transport.js';

/** One stream of a consumer: what was read from it is kept here until it is settled, and handed back if it is not. */
export class StreamConsumer implements DeliveryHome {
  readonly #session: StreamSession;
  readonly #groupKeeper: GroupKeeper;
  readonly #recovery: Recovery;
  readonly #reader: StreamReader;
  readonly #decoder: EntryDecoder;
  readonly #backlog: Backlog;
  readonly #settler: Settler;
  readonly #recent: RecentEvents | undefined;
  readonly #watch: ProgressWatch;
  readonly #onFatal: (error: EventsError) => void;
  #isLeaving = false;
  #isOver = false;

  /** `onFatal` is told when this consumer must not go on. */
  constructor(session: StreamSession, gate: ReadGate, onFatal: (error: EventsError) => void) {
    const { deduplicate } = session.settings;
    this.#session = session;
    this.#onFatal = onFatal;
    this.#recent = deduplicate === undefined ? undefined : new RecentEvents(deduplicate.windowMs);
    this.#decoder = new EntryDecoder(session);
    this.#watch = new ProgressWatch(session);
    this.#groupKeeper = new GroupKeeper(session, () => this.#forgetAll(), onFatal);
    const affordableCount = () => this.#reader.affordableCount();
    const takeover =
      session.lease === undefined ? undefined : new Takeover(session, this, this.#decoder, affordableCount);
    this.#recovery = new Recovery(session, this, this.#groupKeeper, onFatal, takeover);
    this.#reader = new StreamReader(
      session,
      gate,
      this.#recovery,
      this.#groupKeeper,
      (entries) => this.#accept(entries),
      onFatal,
    );
    this.#backlog = new Backlog(
      session,
      gate,
      this.#reader.affordableCount,
      (loaded) => this.#loaded(loaded),
      (delivery, error) => this.giveUpUnreadable(delivery, error),
    );
    this.#settler = new Settler(session, {
      due: (delivery) => this.#recovery.enqueue(delivery),
      notOwned: (delivery) => this.notOwned(delivery),
      lostByTrim: (delivery) => this.#lostByTrim(delivery),
      doubtGroup: () => void this.#groupKeeper.check(),
      settled: (delivery) => this.#settled(delivery),
    });
  }

  /** When the server last answered a read, Unix ms. */
  get lastPollAt(): number | undefined {
    return this.#reader.lastPollAt;
  }

  /** Makes sure of the group and the name, takes over what this name owned before, and begins to read. */
  async start(): Promise<void> {
    if (this.#session.lease === undefined) {
      if (await this.#groupKeeper.create()) this.#watch.groupCreated();
      await this.#recovery.takeName();
      await this.#recovery.adopt();
    }
    if (this.#session.stopping.signal.aborted) return;
    await this.#watch.start();
    if (this.#session.stopping.signal.aborted) return;
    this.#recovery.start();
    this.#reader.start();
  }

  /** Lets nothing more begin. What is still read is kept, to be handed back. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Whether handlers of this stream run, in time or not. */
  get isBusy(): boolean {
    const { dispatcher, held } = this.#session;
    if (dispatcher.isBusyWith(this)) return true;
    for (const { state } of held.values()) if (state === 'abandoned') return true;
    return false;
  }

  /** Lets go of everything at once and settles nothing: it is not ours any more. Returns the ids whose handlers had begun. */
  forget(): string[] {
    const { stopping, held } = this.#session;
    stopping.abort();
    this.#isLeaving = true;
    this.#isOver = true;
    void this.#watch.close();
    this.#settler.close();
    const begun = [...held.values()].filter(({ state }) => state === 'running' || state === 'abandoned');
    this.#forgetHeld();
    return begun.map(({ id }) => id);
  }

  /** Ends reading and taking over. What is in hand stays there. */
  async stopReading(): Promise<void> {
    await this.#reader.stop();
    this.#recovery.stopTaking();
  }

  /** Hands back what is not being handled. Resolves with how many entries went. */
  releaseUnstarted(): Promise<number> {
    return this.#release(({ state }) => state === 'queued' || state === 'parked');
  }

  /** Waits until what was handled is settled on the server, as far as that is possible. */
  flushHandled(): Promise<void> {
    return this.#settler.flushHandled();
  }

  /** Waits until everything that is decided is done. */
  flush(): Promise<void> {
    return this.#settler.flush();
  }

  /** Hands back everything that is not settled, and ends. Resolves with how many entries went. */
  async close(): Promise<number> {
    this.#settler.close();
    await Promise.all([this.#recovery.close(), this.#watch.close()]);
    const { held, subscription, lease } = this.#session;
    const released = await this.#release(({ state }) => state !== 'stalled');
    held.clear();
    this.#isOver = true;
    if (lease?.end() === true) await this.#disown();
    await subscription.close();
    return released;
  }

  /** Takes charge of an entry that this consumer owns, known by its id alone. */
  hold(delivery: Delivery): void {
    this.#session.held.set(delivery.id, delivery);
    this.#session.dispatcher.noteParked();
  }

  /** How many entries wait to be loaded. */
  get backlogSize(): number {
    return this.#backlog.size;
  }

  load(delivery: Delivery): void {
    this.#backlog.push(delivery);
  }

  resume(delivery: Delivery): void {
    this.#recovery.enqueue(delivery);
  }

  mayBegin(delivery: Delivery): boolean {
    const { lease } = this.#session;
    return lease === undefined || (lease.lasts() && !delivery.lost);
  }

  async confirm(delivery: Delivery): Promise<boolean> {
    const { subscription } = this.#session;
    try {
      const isOurs =
        delivery.suspect || delivery.attempt > 1
          ? await subscription.start(delivery.id, delivery.attempt)
          : (await subscription.keepAlive([delivery.id])).length === 1;
      this.#session.succeeded('confirm ownership in');
      delivery.touchedAtMs = Date.now();
      return isOurs;
    } catch (error) {
      const { kind } = this.#session.failed('confirm ownership in', error);
      if (kind === 'group-lost') void this.#groupKeeper.check();
      throw error;
    }
  }

  ended(delivery: Delivery, failure: { readonly error: unknown } | undefined): void {
    const { eventId, settlement } = delivery;
    const isHandled = settlement === undefined ? failure === undefined : settlement.kind === 'ack';
    if (isHandled && eventId !== undefined) this.#recent?.add(eventId);
    this.#settler.ended(delivery, failure);
  }

  isHandled(delivery: Delivery): boolean {
    return delivery.eventId !== undefined && this.#recent?.has(delivery.eventId) === true;
  }

  skip(delivery: Delivery, reason: 'unhandled' | 'duplicate'): void {
    if (reason === 'unhandled') this.#settler.unhandled(delivery);
    else this.#settler.skip(delivery, reason);
  }

  settle(delivery: Delivery, settlement: Settlement): Promise<void> {
    return this.#settler.settle(delivery, settlement);
  }

  neverSettled(delivery: Delivery): void {
    this.#settler.neverSettled(delivery);
  }

  async keepAlive(delivery: Delivery): Promise<boolean> {
    let owned: readonly string[];
    try {
      owned = await this.#session.subscription.keepAlive([delivery.id]);
    } catch (error) {
      const what = `Could not keep '${delivery.id}' of '${this.#session.names.stream}'`;
      const failure = this.#session.settings.transport.classify(error);
      if (failure.kind === 'fenced') this.#session.lease?.lose();
      throw toError(what, failure);
    }
    if (owned.length === 0) this.notOwned(delivery);
    else delivery.touchedAtMs = Date.now();
    return owned.length > 0;
  }

  notOwned(delivery: Delivery): void {
    if (delivery.lost || delivery.state === 'done') return;
    delivery.lost = true;
    this.#drop(delivery);
    this.#session.emit('leaseLost', this.#session.reference(delivery));
    this.#session.dispatcher.pump();
  }

  /** Sends an entry that must not be tried again to the dead letters. */
  condemn(delivery: Delivery, error: Error): void {
    this.#settler.deadLetter(delivery, 'consumer-vanished', error);
  }

  /** Tells of entries that were deleted before they were handled. */
  announceLost(entryIds: readonly string[]): void {
    const { names, settings } = this.#session;
    for (const entryId of entryIds) {
      this.#session.emit('lostByTrim', { stream: names.stream, group: settings.group, entryId, count: 1 });
    }
  }

  async #accept(entries: readonly Entry[]): Promise<void> {
    // they stay pending under our name, where the next owner finds them
    if (this.#isOver) return;
    this.#watch.noteRead();
    const deliveries: Delivery[] = [];
    let characters = 0;
    let largest = 0;
    for (const { id, fields } of entries) {
      const delivery = new Delivery(id, this);
      const rejection = fields === null ? undefined : this.#decoder.open(delivery, fields);
      const before = this.#session.held.get(id);
      // a promoted server may hand out once more what is in hand; but it may also have given the id to another event
      if (before !== undefined && isSameEvent(before, delivery)) continue;
      if (before !== undefined) {
        before.isReplaced = true;
        this.notOwned(before);
      }
      this.hold(delivery);
      if (fields === null) {
        this.giveUpVanished(delivery);
        continue;
      }
      characters += delivery.size;
      largest = Math.max(largest, delivery.size);
      if (rejection === undefined) deliveries.push(delivery);
      else this.reject(delivery, rejection);
    }
    this.#reader.noteSizes(entries.length, characters, largest);
    await this.#offer(deliveries);
  }

  async #loaded(loaded: readonly (readonly [Delivery, Fields | null])[]): Promise<void> {
    const deliveries: Delivery[] = [];
    for (const [delivery, fields] of loaded) {
      if (delivery.state !== 'parked') continue;
      if (fields === null) {
        this.giveUpVanished(delivery);
        continue;
      }
      const rejection = this.#decoder.open(delivery, fields);
      if (rejection === undefined) deliveries.push(delivery);
      else this.reject(delivery, rejection);
    }
    await this.#offer(deliveries);
  }

  complete(delivery: Delivery): Rejection | undefined | Promise<Rejection | undefined> {
    return this.#decoder.complete(delivery);
  }

  reject(delivery: Delivery, { error }: Rejection): void {
    const { settings } = this.#session;
    if (error instanceof UndecodableEntryError) {
      this.#settler.deadLetter(delivery, 'undecodable', error);
      return;
    }
    if (error instanceof EventVersionError) {
      if (settings.onNewerVersion === 'stop') this.#stopAt(delivery, error);
      else this.#settler.newerVersion(delivery, error);
      return;
    }
    if (error instanceof ValidationError) {
      this.#session.emit('validationFailed', { ...this.#session.reference(delivery), error });
      if (settings.onInvalid === 'stop') {
        this.#stopAt(delivery, error);
        return;
      }
    }
    // a schema that throws something else refuses the data all the same
    this.#settler.deadLetter(delivery, 'validation', error);
  }

  /** Ends the consumer, which hands the entry back with everything else: nothing was done about it. */
  #stopAt(delivery: Delivery, error: EventsError): void {
    this.#session.dispatcher.wait(delivery);
    this.#onFatal(error);
  }

  async #offer(deliveries: readonly Delivery[]): Promise<void> {
    const handled = this.#recent === undefined ? undefined : await this.#alreadyHandled(deliveries);
    const { dispatcher } = this.#session;
    for (const [index, delivery] of deliveries.entries()) {
      // to begin it would overtake what was handed back
      if (this.#isLeaving) return;
      // it may have been lost, released or forgotten while we asked
      if (delivery.state !== 'parked') continue;
      if (handled?.[index] === true) this.#settler.skip(delivery, 'duplicate');
      else dispatcher.offer(delivery);
    }
    dispatcher.pump();
  }

  async #alreadyHandled(deliveries: readonly Delivery[]): Promise<readonly boolean[]> {
    const { settings, subscription, stopping } = this.#session;
    const eventIds = deliveries.map(({ eventId }) => eventId ?? '');
    const windowMs = settings.deduplicate?.windowMs ?? 0;
    for (let failures = 1; !stopping.signal.aborted; failures += 1) {
      try {
        const handled = await subscription.handled(eventIds, windowMs);
        this.#session.succeeded('deduplicate events of');
        return handled;
      } catch (error) {
        this.#session.failed('deduplicate events of', error);
        await sleep(jitteredBackoffMs(failures, 50, 2_000), stopping.signal);
      }
    }
    // unanswered, and of no account: the stop under way hands them back
    return [];
  }

  /** A pending entry whose data was deleted can never be handled: it is acknowledged, and said. */
  giveUpVanished(delivery: Delivery): void {
    this.announceLost([delivery.id]);
    this.#session.dispatcher.finish(delivery, 'settling');
    this.#settler.acknowledger.add(delivery);
  }

  /** An entry that the server does not send, however often: only the server itself can move it. */
  giveUpUnreadable(delivery: Delivery, error: Error): void {
    this.#settler.deadLetter(delivery, 'unreadable', error);
  }

  #lostByTrim(delivery: Delivery): void {
    this.announceLost([delivery.id]);
    this.#settled(delivery);
  }

  #settled(delivery: Delivery): void {
    delivery.settled = true;
    this.#forget(delivery);
    if (delivery.state === 'settling') delivery.state = 'done';
  }

  #forget(delivery: Delivery): void {
    const { held } = this.#session;
    if (held.get(delivery.id) === delivery) held.delete(delivery.id);
  }

  /** Lets go of a delivery, unless its handler runs: then its handler is told. */
  #drop(delivery: Delivery): void {
    delivery.cancelWait();
    this.#forget(delivery);
    if (delivery.state === 'running' || delivery.state === 'abandoned') {
      delivery.abort(new ClosedError('The event is not in the hands of this consumer any more'));
    } else if (delivery.state !== 'done') {
      this.#session.dispatcher.finish(delivery, 'done');
    }
  }

  async #release(which: (delivery: Delivery) => boolean): Promise<number> {
    const deliveries = [...this.#session.held.values()].filter(which);
    for (const delivery of deliveries) {
      // a handler that ends later must not act on what is not ours
      delivery.lost = true;
      this.#drop(delivery);
    }
    try {
      return await this.#session.subscription.release(deliveries.map(({ id }) => id));
    } catch (error) {
      // they stay pending under our name, and are claimed from it after claimIdleMs
      this.#session.failed('release entries of', error);
      return 0;
    }
  }

  /** The group is gone, and with it everything that was owned in it. */
  #forgetAll(): void {
    this.#settler.acknowledger.abandon(new GroupNotFoundError('The group was lost before the acknowledgement'));
    this.#forgetHeld();
  }

  async #disown(): Promise<void> {
    try {
      await this.#session.subscription.disown();
    } catch (error) {
      // others have the partition when the lease ends
      this.#session.failed('hand over', error);
    }
  }

  #forgetHeld(): void {
    this.#backlog.clear();
    for (const delivery of [...this.#session.held.values()]) {
      delivery.lost = true;
      this.#drop(delivery);
    }
    this.#session.dispatcher.pump();
  }
}

/** Whether an entry is known to hold the event that was handed out under its id before, or is not known to hold another. */
function isSameEvent(before: Delivery, { eventId }: Delivery): boolean {
  return before.eventId === undefined || eventId === undefined || before.eventId === eventId;
}
