import type { Scenario } from '../scenario.js';
import { appendScenarios } from './append.js';
import { brokenConnectionScenarios } from './broken-connection.js';
import { claimScenarios } from './claim.js';
import { durabilityScenarios } from './durability.js';
import { freezeScenarios } from './freeze.js';
import { groupScenarios } from './group.js';
import { holdingScenarios } from './holding.js';
import { idempotencyScenarios } from './idempotency.js';
import { inspectorScenarios } from './inspector.js';
import { janitorScenarios } from './janitor.js';
import { lifecycleScenarios } from './lifecycle.js';
import { lossScenarios } from './loss.js';
import { ownedScenarios } from './owned.js';
import { owningScenarios } from './owning.js';
import { partitionTableScenarios } from './partition-table.js';
import { readScenarios } from './read.js';
import { releaseScenarios } from './release.js';
import { settlementScenarios } from './settlement.js';

/** What `Transport`, `Appender`, `Subscription`, `Inspector` and `Janitor` promise, verb by verb. */
export const verbScenarios: readonly Scenario[] = [
  ...lifecycleScenarios,
  ...appendScenarios,
  ...idempotencyScenarios,
  ...durabilityScenarios,
  ...groupScenarios,
  ...readScenarios,
  ...claimScenarios,
  ...ownedScenarios,
  ...holdingScenarios,
  ...releaseScenarios,
  ...settlementScenarios,
  ...owningScenarios,
  ...partitionTableScenarios,
  ...inspectorScenarios,
  ...janitorScenarios,
  ...freezeScenarios,
  ...brokenConnectionScenarios,
  ...lossScenarios,
];
