import type { Scenario } from '../scenario.js';
import { consumingScenarios } from './consuming.js';
import { failingScenarios } from './failing.js';
import { outageScenarios } from './outage.js';
import { partitionScenarios } from './partitions.js';
import { publishingScenarios } from './publishing.js';
import { routingScenarios } from './routing.js';
import { survivingScenarios } from './surviving.js';

/** What a publisher and a consumer promise on every transport. */
export const behaviourScenarios: readonly Scenario[] = [
  ...publishingScenarios,
  ...consumingScenarios,
  ...routingScenarios,
  ...failingScenarios,
  ...survivingScenarios,
  ...outageScenarios,
  ...partitionScenarios,
];
