import type { ValidatorHarness } from './harness.js';

/** One test of validators: the promise that it is about, and what proves it. */
export interface ValidatorScenario {
  readonly name: string;
  run(harness: ValidatorHarness): Promise<void>;
}
