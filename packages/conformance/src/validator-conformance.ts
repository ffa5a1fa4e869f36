import type { TestFunction } from './harness.js';
import { answeringScenarios } from './validators/answering.js';
import type { ValidatorHarness } from './validators/harness.js';
import { publishingAndConsumingScenarios } from './validators/publishing-and-consuming.js';
import { strictModeScenarios } from './validators/strict-modes.js';

/**
 * Defines one test for each promise of a validator: of its answers, of publishers and consumers that use it, and, where the
 * harness has `strict`, of what becomes of unknown fields.
 */
export function validatorConformance({ test }: { readonly test: TestFunction }, harness: ValidatorHarness): void {
  const scenarios = [...answeringScenarios, ...publishingAndConsumingScenarios];
  if (harness.strict !== undefined) scenarios.push(...strictModeScenarios);
  for (const { name, run } of scenarios) test(`${harness.name}: ${name}`, () => run(harness), 30_000);
}
