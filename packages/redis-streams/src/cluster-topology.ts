import calculateSlot from 'cluster-key-slot';
import { ClusterSurvey } from './cluster-survey.js';
import { addressOf, type Connector, type Endpoint, type Origin } from './connector.js';
import { offline, type Redirection, type RedisFailure, refusedCredentials } from './failures.js';
import { RefreshLoop } from './refresh-loop.js';
import { announced } from './sentinel.js';
import { Shard, type ShardFinder } from './shard.js';
import type { SlotMap } from './slot-map.js';
import type { Topology, TopologyEvents } from './topology.js';

/** How long a shard that owns nothing is kept: while a slot moves to a new node, that one is not in the map yet. */
const guestMs = 30_000;
/** How many times in a row an older map is not believed. */
const mostStaleMaps = 5;

/** The shards of a cluster and the slots that they own, as far as its nodes have told. */
export class ClusterTopology implements Topology, ShardFinder {
  readonly description: string;
  readonly advice = 'Check that its nodes run, and cluster, password, tls and nodeAddressMap.';
  readonly mastersOnly = true;
  readonly only = undefined;
  readonly #origin: Extract<Origin, { kind: 'cluster' }>;
  readonly #events: TopologyEvents;
  readonly #survey: ClusterSurvey;
  readonly #loop: RefreshLoop;
  readonly #slots = new Array<Shard | undefined>(16_384);
  /** By the address of the master. */
  readonly #shards = new Map<string, Shard>();
  readonly #replicas = new Map<Shard, ReadonlySet<string>>();
  readonly #ownerless = new Map<Shard, number>();
  readonly #doubtful = new Set<Shard>();
  readonly #retirements = new Set<(shard: Shard) => void>();
  #round: Promise<void> | undefined;
  #epoch = -1;
  #staleMaps = 0;
  #failovers = 0;
  #lastFailure: RedisFailure | undefined;

  constructor(connector: Connector, origin: Extract<Origin, { kind: 'cluster' }>, events: TopologyEvents) {
    this.#origin = origin;
    this.#events = events;
    this.description = `the cluster of ${origin.at.map(addressOf).join(', ')}`;
    this.#survey = new ClusterSurvey(connector, origin);
    this.#loop = new RefreshLoop(
      () => this.#refresh(),
      () => this.#survey.close(),
    );
  }

  /** Counts how often a master was replaced. */
  get failovers(): number {
    return this.#failovers;
  }

  /** Why nobody could say who owns what, if nobody could. */
  get lastFailure(): RedisFailure | undefined {
    return this.#lastFailure;
  }

  any(): Shard | undefined {
    return this.shardOf(0);
  }

  hold(): () => void {
    return this.#loop.hold();
  }

  /** The shard that owns `slot`; where none does, any of them, which then says so. `undefined` = nothing is known yet. */
  shardOf(slot: number): Shard | undefined {
    return this.#slots[slot] ?? this.#shards.values().next().value;
  }

  /** The shard that owns each slot, as far as is known. */
  owners(): readonly (Shard | undefined)[] {
    return [...this.#slots];
  }

  /** Resolves when it is known who owns what, and rejects when nobody could say, now or the next time it is asked. */
  async known(): Promise<void> {
    if (this.#shards.size > 0) return;
    // after a failure, with the next turn of the loop and not in a hot one
    if (this.#lastFailure !== undefined && this.#round === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await this.#refresh();
  }

  /** The shard that owns `slot` now that its former owner has said where it went; `undefined` = nobody confirms it. */
  async movedTo(slot: number, redirection: Redirection): Promise<Shard | undefined> {
    const endpoint = this.#endpointOf(redirection, slot);
    const address = addressOf(endpoint);
    const known = this.#shards.get(address);
    if (known !== undefined) {
      this.#slots[slot] = known;
      this.#ownerless.delete(known);
      this.suspect();
      return known;
    }
    // a node that was added, or a replica in its master's place: the map tells which
    this.#survey.prefer(endpoint);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        await this.#refresh();
      } catch {
        return undefined;
      }
      const owner = this.#slots[slot];
      if (owner?.endpoint !== undefined && addressOf(owner.endpoint) === address) return owner;
    }
    return undefined;
  }

  /** The shard that is to be asked this one time. */
  guestAt(slot: number, redirection: Redirection): Shard {
    const endpoint = this.#endpointOf(redirection, slot);
    const shard = this.#shards.get(addressOf(endpoint)) ?? new Shard(this, endpoint);
    this.#shards.set(addressOf(endpoint), shard);
    return shard;
  }

  /** Tells `listener` of shards that are no longer part of the cluster. */
  onRetirement(listener: (shard: Shard) => void): () => void {
    this.#retirements.add(listener);
    return () => this.#retirements.delete(listener);
  }

  async locate(shard: Shard): Promise<Endpoint> {
    if (this.#doubtful.delete(shard)) {
      try {
        await this.#refresh();
      } catch {
        // the last known place is as good a guess as any
      }
    }
    return shard.endpoint as Endpoint;
  }

  suspect(shard?: Shard): void {
    if (shard !== undefined) this.#doubtful.add(shard);
    if (shard !== undefined && this.#ownerless.has(shard)) this.#retire(shard);
    this.#loop.hurry();
  }

  failedOver(shard: Shard, from: Endpoint, to: Endpoint, reason: string): void {
    this.#failovers += 1;
    const concerns = (stream: string) => this.#slots[calculateSlot(stream)] === shard;
    this.#events.failedOver({ from: addressOf(from), to: addressOf(to), concerns }, reason);
  }

  #endpointOf({ host, port }: Redirection, slot: number): Endpoint {
    const answering = this.shardOf(slot)?.endpoint;
    // a node that does not know its own name means the host at which it was asked
    const isUnknown = (host === '' || host === '?') && answering !== undefined && 'host' in answering;
    return announced(isUnknown ? answering.host : host, port, this.#origin.mapAddress);
  }

  #refresh(): Promise<void> {
    this.#round ??= this.#ask().finally(() => {
      this.#round = undefined;
      if (!this.#loop.isHeld) this.#survey.close();
    });
    return this.#round;
  }

  async #ask(): Promise<void> {
    let map: SlotMap;
    try {
      map = await this.#survey.ask();
    } catch (error) {
      const failure = this.#explain(error as RedisFailure);
      if (this.#lastFailure === undefined) this.#events.failed(failure);
      this.#lastFailure = failure;
      throw failure;
    }
    this.#lastFailure = undefined;
    // a node that was away, or is cut off, does not know yet; but one that was set up anew counts from the beginning
    this.#staleMaps = map.epoch < this.#epoch ? this.#staleMaps + 1 : 0;
    if (this.#staleMaps > 0 && this.#staleMaps <= mostStaleMaps) return;
    this.#apply(map);
  }

  #explain(failure: RedisFailure): RedisFailure {
    const message = `no node of ${this.description} says who owns what: ${failure.message}`;
    if (failure.kind === 'denied') return refusedCredentials(message);
    return offline(message);
  }

  #apply(map: SlotMap): void {
    this.#epoch = map.epoch;
    const masters = new Set(map.shards.map(({ master }) => addressOf(master)));
    const gone = [...this.#shards.values()].filter(({ endpoint }) => endpoint && !masters.has(addressOf(endpoint)));
    const moves: (() => void)[] = [];
    const owners: Shard[] = [];
    for (const { master, replicas, ranges } of map.shards) {
      const address = addressOf(master);
      let shard = this.#shards.get(address);
      if (shard === undefined) {
        shard = this.#replaced(gone, address, ranges);
        if (shard === undefined) shard = new Shard(this, master);
        else {
          const successor = shard;
          gone.splice(gone.indexOf(shard), 1);
          if (shard.endpoint !== undefined) this.#shards.delete(addressOf(shard.endpoint));
          moves.push(() => successor.moveTo(master, 'the nodes of the cluster name another master'));
        }
        this.#shards.set(address, shard);
      }
      this.#replicas.set(shard, new Set(replicas.map(addressOf)));
      this.#ownerless.delete(shard);
      owners.push(shard);
      for (const [first, last] of ranges) this.#slots.fill(shard, first, last + 1);
    }
    // after all slots have their owners, because whoever hears of it asks for them
    for (const move of moves) move();
    this.#retireAllBut(new Set(owners));
  }

  /** The shard whose master has left its place to `address`. */
  #replaced(
    gone: readonly Shard[],
    address: string,
    ranges: readonly (readonly [number, number])[],
  ): Shard | undefined {
    const asReplica = gone.find((shard) => this.#replicas.get(shard)?.has(address));
    if (asReplica !== undefined) return asReplica;
    return gone.find((shard) => ranges.some(([first]) => this.#slots[first] === shard));
  }

  #retireAllBut(owners: ReadonlySet<Shard>): void {
    const now = performance.now();
    for (const shard of this.#shards.values()) {
      if (owners.has(shard)) continue;
      const since = this.#ownerless.get(shard) ?? now;
      this.#ownerless.set(shard, since);
      if (now - since >= guestMs) this.#retire(shard);
    }
  }

  #retire(shard: Shard): void {
    if (shard.endpoint !== undefined) this.#shards.delete(addressOf(shard.endpoint));
    this.#ownerless.delete(shard);
    this.#replicas.delete(shard);
    this.#doubtful.delete(shard);
    for (const listener of this.#retirements) listener(shard);
  }
}
