import type { GroundPlan } from './ground.js';
import type { Trial, TrialSize } from './trial.js';
import type { Verdict } from './verdict.js';

/** A trial of a scenario. */
export interface Part {
  /** What sets it apart from the scenario's other parts. */
  readonly title: string;
  /** Default: one server. */
  readonly ground?: GroundPlan;
  run(trial: Trial): Promise<Verdict>;
}

/** Something that is done to the library, or to what it stands on. */
export interface Scenario {
  readonly name: string;
  /** Whether both clients take part in the same trial. */
  readonly mixesClients?: boolean;
  /** Whether its parts are shown side by side. */
  readonly compares?: boolean;
  readonly parts: readonly Part[];
  /** Its sizes in `--short`, as far as they are not given. */
  readonly short: Partial<Omit<TrialSize, 'patience'>>;
}
