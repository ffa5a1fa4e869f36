import type { Stage } from './stage.js';

/** One test: the promise that it is about, and what proves it. */
export interface Scenario {
  readonly name: string;
  run(stage: Stage): Promise<void>;
}
