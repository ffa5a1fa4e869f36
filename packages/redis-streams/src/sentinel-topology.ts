import { addressOf, type Connector, type Endpoint, type Origin } from './connector.js';
import { offline, type RedisFailure, refusedCredentials, unknownMaster } from './failures.js';
import { RefreshLoop } from './refresh-loop.js';
import { type Opinion, Sentinel } from './sentinel.js';
import { Shard, type ShardFinder } from './shard.js';
import type { Topology, TopologyEvents } from './topology.js';

/** For how long after a failover a majority of sentinels may still be behind: they tell each other every two seconds. */
const convergenceMs = 10_000;

/** The master that sentinels name, wherever it is. */
export class SentinelTopology implements Topology, ShardFinder {
  readonly description: string;
  readonly advice =
    'Check that the sentinels run, and sentinels, name, sentinelPassword, sentinelTls, password and tls.';
  readonly mastersOnly = true;
  readonly only: Shard;
  readonly #connector: Connector;
  readonly #origin: Extract<Origin, { kind: 'sentinel' }>;
  readonly #events: TopologyEvents;
  readonly #sentinels = new Map<string, Sentinel>();
  readonly #loop: RefreshLoop;
  #survey: Promise<Endpoint> | undefined;
  /** The configuration epoch that the place of the shard is from: a newer one has a higher number. */
  #epoch = -1;
  #acceptedAt = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(connector: Connector, origin: Extract<Origin, { kind: 'sentinel' }>, events: TopologyEvents) {
    this.#connector = connector;
    this.#origin = origin;
    this.#events = events;
    this.description = `the master '${origin.name}' of sentinels ${origin.at.map(addressOf).join(', ')}`;
    this.only = new Shard(this);
    this.#loop = new RefreshLoop(
      () => this.#refresh(),
      () => this.#leaveAll(),
    );
    for (const endpoint of origin.at) this.#meet(endpoint, true);
  }

  any(): Shard {
    return this.only;
  }

  hold(): () => void {
    return this.#loop.hold();
  }

  async locate(): Promise<Endpoint> {
    return this.#refresh();
  }

  suspect(): void {
    this.#loop.hurry();
  }

  failedOver(_shard: Shard, from: Endpoint, to: Endpoint, reason: string): void {
    const failover = { from: addressOf(from), to: addressOf(to), concerns: () => true };
    this.#events.failedOver(failover, reason);
  }

  #refresh(): Promise<Endpoint> {
    this.#survey ??= this.#ask().finally(() => {
      this.#survey = undefined;
    });
    return this.#survey;
  }

  #meet(endpoint: Endpoint, isConfigured: boolean): void {
    const address = addressOf(endpoint);
    if (this.#sentinels.has(address)) return;
    const { name } = this.#origin;
    const sentinel = new Sentinel(this.#connector, endpoint, {
      name,
      isConfigured,
      onSwitch: () => this.#heard(sentinel),
    });
    this.#sentinels.set(address, sentinel);
  }

  #leaveAll(): void {
    for (const sentinel of this.#sentinels.values()) sentinel.close();
  }

  // Only the one that tells knows already; the others are asked by and by.
  #heard(sentinel: Sentinel): void {
    this.#loop.hurry();
    sentinel.opinion().then(
      (opinion) => {
        if (this.#loop.isHeld && opinion.endpoint !== null && opinion.epoch > this.#epoch)
          this.#accept(opinion.endpoint, opinion.epoch, 'a sentinel announced another master');
      },
      () => {
        // asked again with all the others
      },
    );
  }

  async #ask(): Promise<Endpoint> {
    const asked = [...this.#sentinels.values()];
    const opinions: Opinion[] = [];
    const failures: RedisFailure[] = [];
    try {
      await new Promise<void>((resolve) => {
        const settled = () => {
          if (opinions.length + failures.length === asked.length) resolve();
        };
        for (const sentinel of asked) {
          sentinel.opinion().then(
            (opinion) => {
              opinions.push(opinion);
              this.#learn(sentinel, opinion);
              if (this.#isCurrentMajority(opinions, asked.length)) resolve();
              settled();
            },
            (failure: RedisFailure) => {
              failures.push(failure);
              settled();
            },
          );
        }
      });
      const endpoint = this.#conclude(opinions, failures, asked.length);
      this.#isFailing = false;
      return endpoint;
    } catch (error) {
      const failure = error as RedisFailure;
      if (!this.#isFailing) this.#events.failed(failure);
      this.#isFailing = true;
      throw failure;
    } finally {
      if (!this.#loop.isHeld) this.#leaveAll();
    }
  }

  #learn(sentinel: Sentinel, { others }: Opinion): void {
    const known = new Set([...this.#sentinels.values()].map(({ id }) => id));
    for (const { id, endpoint } of others) if (!known.has(id)) this.#meet(endpoint, false);
    // those that were replaced: no longer named by anybody who answers, and silent
    const named = new Set(others.map(({ endpoint }) => addressOf(endpoint)));
    for (const [address, other] of this.#sentinels) {
      if (other === sentinel || other.isConfigured || !other.isSilent || named.has(address)) continue;
      other.close();
      this.#sentinels.delete(address);
    }
    if (this.#loop.isHeld) sentinel.listen();
  }

  // The one that is frozen or cut off is not waited for, unless what the others say is old.
  #isCurrentMajority(opinions: readonly Opinion[], known: number): boolean {
    const best = bestOf(opinions);
    return best !== undefined && best.epoch >= this.#epoch && votesFor(best, opinions) * 2 > known;
  }

  #conclude(opinions: readonly Opinion[], failures: readonly RedisFailure[], asked: number): Endpoint {
    const best = bestOf(opinions);
    if (best !== undefined) {
      const isNews = best.epoch >= this.#epoch;
      // after sentinels were set up anew their epochs begin anew
      const isAgreed = votesFor(best, opinions) * 2 > asked && performance.now() - this.#acceptedAt > convergenceMs;
      if (isNews || isAgreed || this.only.endpoint === undefined)
        return this.#accept(best.endpoint, best.epoch, 'the sentinels name another master');
    }
    // where nobody knows better, the last known place is the best guess: that server must still say that it is a master
    if (this.only.endpoint !== undefined) return this.only.endpoint;
    if (opinions.length > 0) throw unknownMaster(this.#origin.name, [...this.#sentinels.keys()]);
    const reasons = [...new Set(failures.map(({ message }) => message))].join('; ');
    const refusal = failures.find(({ kind }) => kind === 'denied');
    const asking = `sentinels of '${this.#origin.name}' (${[...this.#sentinels.keys()].join(', ')})`;
    if (refusal !== undefined) {
      throw refusedCredentials(`the ${asking} refused: ${reasons}; see sentinelUsername and sentinelPassword`);
    }
    throw offline(`none of the ${asking} answers: ${reasons}`);
  }

  #accept(endpoint: Endpoint, epoch: number, reason: string): Endpoint {
    this.#epoch = epoch;
    if (this.only.endpoint === undefined || addressOf(this.only.endpoint) !== addressOf(endpoint)) {
      this.#acceptedAt = performance.now();
      this.only.moveTo(endpoint, reason);
    }
    return endpoint;
  }
}

type Named = Opinion & { readonly endpoint: Endpoint };

/** The newest configuration, among equals the one that most of them have. */
function bestOf(opinions: readonly Opinion[]): Named | undefined {
  let best: Named | undefined;
  for (const opinion of opinions) {
    if (!isNamed(opinion)) continue;
    const isBetter =
      best === undefined ||
      opinion.epoch > best.epoch ||
      (opinion.epoch === best.epoch && votesFor(opinion, opinions) > votesFor(best, opinions));
    if (isBetter) best = opinion;
  }
  return best;
}

function votesFor(best: Named, opinions: readonly Opinion[]): number {
  return opinions.filter((opinion) => isNamed(opinion) && addressOf(opinion.endpoint) === addressOf(best.endpoint))
    .length;
}

function isNamed(opinion: Opinion): opinion is Named {
  return opinion.endpoint !== null;
}
