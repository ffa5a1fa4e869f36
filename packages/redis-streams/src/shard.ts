import { addressOf, type Endpoint } from './connector.js';

/** What is told of a shard by those who hold connections to it. */
export interface ShardListener {
  /** Another server is in charge, which may lack what the one before it held. */
  moved(from: Endpoint, to: Endpoint): void;
}

/** How to find where a shard is, and who hears that it has moved or may have to be looked for. */
export interface ShardFinder {
  /** Where it is, as far as can be known now. Rejects with a `RedisFailure`. */
  locate(shard: Shard): Endpoint | Promise<Endpoint>;
  /** A connection to it ended, or could not be opened. */
  suspect(shard: Shard): void;
  /** Called before anybody connects to `to`. */
  failedOver(shard: Shard, from: Endpoint, to: Endpoint, reason: string): void;
}

/** A part of the data and the server that is in charge of it: another one may step into its place. */
export class Shard {
  readonly #finder: ShardFinder;
  readonly #listeners = new Set<ShardListener>();
  #endpoint: Endpoint | undefined;

  constructor(finder: ShardFinder, endpoint?: Endpoint) {
    this.#finder = finder;
    this.#endpoint = endpoint;
  }

  /** Where it was last known to be. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  locate(): Endpoint | Promise<Endpoint> {
    return this.#finder.locate(this);
  }

  suspect(): void {
    this.#finder.suspect(this);
  }

  /** Tells `listener` of moves, until what it returns is called. */
  watch(listener: ShardListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes note of where it is now. Whoever is connected elsewhere leaves at once. */
  moveTo(to: Endpoint, reason: string): void {
    const from = this.#endpoint;
    this.#endpoint = to;
    if (from === undefined || addressOf(from) === addressOf(to)) return;
    this.#finder.failedOver(this, from, to, reason);
    for (const listener of [...this.#listeners]) listener.moved(from, to);
  }
}
