import type { Failover, FailureKind } from '@events/core';
import type { MemoryBroker } from './memory-broker.js';

/** Produces failures, for tests: what a network or a server does to its clients, to every transport on the broker. */
export class Simulation {
  readonly #broker: MemoryBroker;
  readonly #listeners = new Set<(failover: Failover) => void>();
  #failovers = 0;

  /** @internal Use `transport.simulate`. */
  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  /**
   * Cuts every connection: verbs under way reject as `unknown`, whether they were executed or not; entries that a read
   * was given stay owned and unseen. Later verbs find a new connection.
   */
  cut(): void {
    this.#broker.wire.cut();
  }

  /** The broker stops answering: verbs wait, and reject as `unknown` at their deadline. */
  freeze(): void {
    this.#broker.wire.freeze();
  }

  /** The broker goes on, and executes what it was sent meanwhile, also verbs that were rejected at their deadline. */
  thaw(): void {
    this.#broker.wire.thaw();
  }

  /** Cuts every connection and allows no new one: verbs reject as `offline`. */
  offline(): void {
    this.#broker.wire.setOffline(true);
  }

  /** Allows connections again. */
  online(): void {
    this.#broker.wire.setOffline(false);
  }

  /** Verbs are refused without being executed, the next `times` of them, or until `accept`. */
  refuse(
    kind: Exclude<FailureKind, 'unknown' | 'offline' | 'closed'> = 'refused',
    times = Number.POSITIVE_INFINITY,
  ): void {
    this.#broker.wire.refuse(kind, times);
  }

  /** Ends `refuse`. */
  accept(): void {
    this.#broker.wire.refuse('refused', 0);
  }

  /**
   * Another broker takes over, which lacks the last `losing` entries of every stream: connections are cut, entries and
   * what was known of them are gone, and whoever listens with `onFailover` is told before anything else is served.
   */
  failover({ losing }: { readonly losing: number }): void {
    this.cut();
    this.#broker.loseLast(losing);
    this.#failovers += 1;
    const [from, to] = [`memory:${this.#failovers}`, `memory:${this.#failovers + 1}`];
    for (const listener of [...this.#listeners]) listener({ from, to, concerns: () => true });
  }

  /** @internal Use `transport.onFailover`. */
  onFailover(listener: (failover: Failover) => void): () => void {
    const own = (failover: Failover) => listener(failover);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Loses every stream and group, as FLUSHALL does. */
  forget(): void {
    this.#broker.forget();
  }
}
