import { setTimeout as delay } from 'node:timers/promises';
import type { GroupDescription, Inspector, StreamDescription } from '@events/core';
import { sumOf } from './counters.js';
import type { Ground } from './ground.js';
import type { Note } from './hosted-service.js';
import type { Plan } from './plan.js';
import { RateMeter } from './rate-meter.js';
import { type Role, readers, roles, streamNames } from './roster.js';
import type { Shop } from './shop.js';
import type { ServiceSnapshot, Snapshot } from './snapshot.js';

const lookEveryMs = 200;
const patienceMs = 30_000;

/** Looks at the shop and at its streams, five times a second. */
export class Monitor {
  readonly #shop: Shop;
  readonly #plan: Plan;
  readonly #streamPrefix: string;
  readonly #inspector: Inspector;
  readonly #onSnapshot: (snapshot: Snapshot) => void;
  readonly #note: Note;
  readonly #startedAtMs = performance.now();
  readonly #meters = new Map<Role, RateMeter>(roles.map((role) => [role, new RateMeter()]));
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;
  #streams: readonly (StreamDescription | undefined)[] = [];
  #lastTrouble = '';
  /** How many looks in a row have found everything handled, and nothing new. */
  #quietLooks = 0;
  #lastIds = '';
  #handled = 0;
  #handledAtMs = 0;

  constructor(shop: Shop, plan: Plan, ground: Ground, onSnapshot: (snapshot: Snapshot) => void, note: Note) {
    this.#shop = shop;
    this.#plan = plan;
    this.#streamPrefix = ground.streamPrefix;
    this.#inspector = ground.transport.inspector();
    this.#onSnapshot = onSnapshot;
    this.#note = note;
    this.#watching = this.#watch();
  }

  /** Resolves once every event is handled or dead-lettered, with `false` when nothing has moved for half a minute. */
  async drained(): Promise<boolean> {
    this.#quietLooks = 0;
    this.#handledAtMs = performance.now();
    while (!this.#closing.signal.aborted) {
      if (this.#quietLooks >= 2) return true;
      if (performance.now() - this.#handledAtMs > patienceMs) return false;
      await delay(lookEveryMs / 2);
    }
    return false;
  }

  /** Resolves once `count` orders are placed. */
  async placed(count: number): Promise<void> {
    while (this.#shop.countersOf('order-service').placed < count && !this.#closing.signal.aborted) {
      await delay(lookEveryMs / 4);
    }
  }

  /** How things stand now. */
  snapshot(): Snapshot {
    const services = roles.map((role) => this.#serviceSnapshot(role));
    return {
      elapsedMs: performance.now() - this.#startedAtMs,
      planned: this.#plan.orders,
      services,
      totals: sumOf(services.map(({ counters }) => counters)),
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
    await this.#inspector.close();
  }

  async #watch(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const nextAtMs = performance.now() + lookEveryMs;
      await this.#look();
      await delay(Math.max(0, nextAtMs - performance.now()));
    }
  }

  async #look(): Promise<void> {
    try {
      const keys = streamNames.map((name) => `${this.#streamPrefix}:${name}`);
      this.#streams = await Promise.all(keys.map((key) => this.#inspector.describe(key)));
      this.#lastTrouble = '';
      this.#judgeQuiet();
    } catch (error) {
      const trouble = `the streams cannot be looked at: ${(error as Error).message}`;
      if (trouble !== this.#lastTrouble) this.#note(trouble);
      this.#lastTrouble = trouble;
      this.#quietLooks = 0;
    }
    const atMs = performance.now();
    for (const role of roles) this.#meters.get(role)?.read({ atMs, ...this.#shop.countersOf(role) });
    const snapshot = this.snapshot();
    if (snapshot.totals.handled !== this.#handled) this.#handledAtMs = atMs;
    this.#handled = snapshot.totals.handled;
    this.#onSnapshot(snapshot);
  }

  /** The streams are looked at one after another, so only a second look without anything new proves that all is quiet. */
  #judgeQuiet(): void {
    const lastIds = this.#streams.map((stream) => stream?.lastGeneratedId).join(' ');
    const isQuiet = roles.every((role) => this.#shop.stateOf(role) === 'running') && this.#streams.every(isHandled);
    this.#quietLooks = isQuiet && lastIds === this.#lastIds ? this.#quietLooks + 1 : 0;
    this.#lastIds = lastIds;
  }

  #serviceSnapshot(role: Role): ServiceSnapshot {
    const { publishedRate = 0, handledRate = 0, history = [] } = this.#meters.get(role) ?? {};
    const groups = this.#streams.flatMap((stream) => stream?.groups ?? []).filter(({ name }) => name === role);
    return {
      role,
      state: this.#shop.stateOf(role),
      counters: this.#shop.countersOf(role),
      publishedRate,
      handledRate,
      history,
      lag: groups.reduce<number | null>((sum, { lag }) => (sum === null || lag === null ? null : sum + lag), 0),
      pending: groups.reduce((sum, { pending }) => sum + pending, 0),
    };
  }
}

function isHandled(stream: StreamDescription | undefined, index: number): boolean {
  if (stream === undefined) return false;
  const groups = new Map<string, GroupDescription>(stream.groups.map((group) => [group.name, group]));
  return (readers[streamNames[index] ?? ''] ?? []).every((role) => {
    const group = groups.get(role);
    return group !== undefined && group.pending === 0 && group.lastDeliveredId === stream.lastGeneratedId;
  });
}
