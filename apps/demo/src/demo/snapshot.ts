import type { Counters } from './counters.js';
import type { Role } from './roster.js';
import type { ServiceState } from './shop.js';

/** A service at one moment. */
export interface ServiceSnapshot {
  readonly role: Role;
  readonly state: ServiceState;
  readonly counters: Readonly<Counters>;
  /** Events a second, over the last second. */
  readonly publishedRate: number;
  readonly handledRate: number;
  /** The handled rate every half second, oldest first. */
  readonly history: readonly number[];
  /** Events that it has not been given yet, or `null` where the server cannot know. */
  readonly lag: number | null;
  readonly pending: number;
}

/** The shop at one moment. */
export interface Snapshot {
  readonly elapsedMs: number;
  readonly planned: number;
  readonly services: readonly ServiceSnapshot[];
  /** All services together. */
  readonly totals: Readonly<Counters>;
}
