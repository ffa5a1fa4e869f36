import type { Scenario } from '../scenario.js';
import { appendScenarios } from './append.js';
import { claimScenarios } from './claim.js';
import { faultScenarios } from './fault.js';
import { groupScenarios } from './group.js';
import { inspectorScenarios } from './inspector.js';
import { lifecycleScenarios } from './lifecycle.js';
import { ownershipScenarios } from './ownership.js';
import { readScenarios } from './read.js';
import { settlementScenarios } from './settlement.js';

/** What `Transport`, `Appender`, `Subscription` and `Inspector` promise, verb by verb. */
export const verbScenarios: readonly Scenario[] = [
  ...lifecycleScenarios,
  ...appendScenarios,
  ...groupScenarios,
  ...readScenarios,
  ...claimScenarios,
  ...ownershipScenarios,
  ...settlementScenarios,
  ...inspectorScenarios,
  ...faultScenarios,
];
