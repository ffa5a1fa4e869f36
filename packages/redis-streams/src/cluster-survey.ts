import { addressOf, type Connector, type Endpoint, type Origin } from './connector.js';
import { offline, RedisFailure } from './failures.js';
import { Informant } from './informant.js';
import { decodeSlotMap, type SlotMap } from './slot-map.js';

/** How long a node may take to answer. */
const answerWithinMs = 1_000;
/** After the first answer, how long others may take to know better. */
const secondThoughtsMs = 50;
const askedAtOnce = 3;
/** How many nodes are asked in vain before it is given up for this time. */
const mostAsked = 12;

/** Asks nodes of a cluster who owns what: some of those that are known, three at a time, until one of them knows. */
export class ClusterSurvey {
  readonly #connector: Connector;
  readonly #origin: Extract<Origin, { kind: 'cluster' }>;
  /** By address: the seeds, and all that were ever named, the more trustworthy ones first. */
  #nodes = new Map<string, Endpoint>();
  /** Those that are connected, because they answered the last time. */
  readonly #informants = new Map<string, Informant>();

  #closings = 0;

  constructor(connector: Connector, origin: Extract<Origin, { kind: 'cluster' }>) {
    this.#connector = connector;
    this.#origin = origin;
    for (const seed of origin.at) this.#nodes.set(addressOf(seed), seed);
  }

  /** Asks this one first. */
  prefer(endpoint: Endpoint): void {
    this.#nodes = new Map([[addressOf(endpoint), endpoint], ...this.#nodes]);
  }

  /** Rejects with a `RedisFailure` when nobody answers. */
  async ask(): Promise<SlotMap> {
    const failures: RedisFailure[] = [];
    const maps: SlotMap[] = [];
    const candidates = [...this.#nodes.values()].slice(0, mostAsked);
    const closings = this.#closings;
    for (let from = 0; from < candidates.length && closings === this.#closings; from += askedAtOnce) {
      const map = await this.#askSome(candidates.slice(from, from + askedAtOnce), failures);
      if (map !== undefined) maps.push(map);
      if (map?.isUp) break;
    }
    const newest = newestOf(maps);
    if (newest !== undefined) {
      this.#remember(newest);
      return newest;
    }
    const refusal = failures.find(({ kind }) => kind === 'denied');
    throw refusal ?? offline([...new Set(failures.map(({ message }) => message))].join('; '));
  }

  close(): void {
    this.#closings += 1;
    for (const informant of this.#informants.values()) informant.close();
    this.#informants.clear();
  }

  #askSome(endpoints: readonly Endpoint[], failures: RedisFailure[]): Promise<SlotMap | undefined> {
    return new Promise((resolve) => {
      const maps: SlotMap[] = [];
      let missing = endpoints.length;
      let patience: NodeJS.Timeout | undefined;
      const conclude = () => {
        clearTimeout(patience);
        resolve(newestOf(maps));
      };
      for (const endpoint of endpoints) {
        this.#askOne(endpoint).then(
          (map) => {
            maps.push(map);
            missing -= 1;
            patience ??= setTimeout(conclude, secondThoughtsMs);
            if (missing === 0) conclude();
          },
          (failure: RedisFailure) => {
            failures.push(failure);
            missing -= 1;
            if (missing === 0) conclude();
          },
        );
      }
    });
  }

  async #askOne(endpoint: Endpoint): Promise<SlotMap> {
    const address = addressOf(endpoint);
    const informant = this.#informants.get(address) ?? new Informant(this.#connector, endpoint, 'server');
    this.#informants.set(address, informant);
    const commands = [
      ['CLUSTER', 'SLOTS'],
      ['CLUSTER', 'INFO'],
    ];
    try {
      const [slots, info] = await informant.ask(commands, answerWithinMs);
      const host = 'host' in endpoint ? endpoint.host : '';
      const map = decodeSlotMap(slots, info, host, this.#origin.mapAddress);
      if (map.shards.length === 0) throw offline(`${address} knows no slots`);
      return map;
    } catch (error) {
      informant.close();
      this.#informants.delete(address);
      // asked last the next time
      if (this.#nodes.delete(address)) this.#nodes.set(address, endpoint);
      throw error instanceof RedisFailure ? error : offline(`${address} answers in an unknown way`);
    }
  }

  // Nodes that are no longer part of it are forgotten, the seeds never.
  #remember({ shards }: SlotMap): void {
    const named = new Map<string, Endpoint>();
    for (const { master, replicas } of shards) {
      for (const node of [master, ...replicas]) named.set(addressOf(node), node);
    }
    const kept = [...this.#nodes].filter(([address]) => named.has(address));
    const seeds = this.#origin.at.map((seed) => [addressOf(seed), seed] as const);
    this.#nodes = new Map([...kept, ...named, ...seeds]);
    for (const [address, informant] of this.#informants) {
      if (this.#nodes.has(address)) continue;
      informant.close();
      this.#informants.delete(address);
    }
  }
}

function newestOf(maps: readonly SlotMap[]): SlotMap | undefined {
  let best: SlotMap | undefined;
  for (const map of maps) {
    const isBetter =
      best === undefined || (map.isUp && !best.isUp) || (map.isUp === best.isUp && map.epoch > best.epoch);
    if (isBetter) best = map;
  }
  return best;
}
