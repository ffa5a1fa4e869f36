import type { StartRedisOptions } from '@events/tooling-redis';
import type { Trial } from './trial.js';
import type { Verdict } from './verdict.js';

/** A trial of a scenario. */
export interface Part {
  /** What sets it apart from the scenario's other parts. */
  readonly title: string;
  readonly server?: StartRedisOptions;
  run(trial: Trial): Promise<Verdict>;
}

/** Something that is done to the library, or to what it stands on. */
export interface Scenario {
  readonly name: string;
  /** Whether both clients take part in the same trial. */
  readonly mixesClients?: boolean;
  readonly parts: readonly Part[];
}
