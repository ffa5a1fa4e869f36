import { behaviourScenarios } from './behaviour/index.js';
import type { TestFunction, TransportHarness } from './harness.js';
import type { Scenario } from './scenario.js';
import { Stage } from './stage.js';
import { verbScenarios } from './verbs/index.js';

const timeoutMs = 30_000;

/**
 * Defines one test for each promise of a transport: of its verbs one by one, and of a publisher and a consumer on it.
 * There is nothing to skip. The tests run one after another, since some of them make the broker fail.
 */
export function transportConformance({ test }: { readonly test: TestFunction }, harness: TransportHarness): void {
  for (const scenario of [...verbScenarios, ...behaviourScenarios]) {
    test(`${harness.name}: ${scenario.name}`, () => play(scenario, harness), timeoutMs);
  }
  test(`${harness.name}: the harness closes`, async () => harness.close(), timeoutMs);
}

async function play(scenario: Scenario, harness: TransportHarness): Promise<void> {
  const stage = new Stage(harness);
  const failures = [...(await failureOf(scenario.run(stage))), ...(await failureOf(stage.end()))];
  if (failures.length > 1) throw new AggregateError(failures, `${scenario.name}: it failed, and so did closing`);
  if (failures.length === 1) throw failures[0];
}

async function failureOf(promise: Promise<void>): Promise<readonly unknown[]> {
  return promise.then(
    () => [],
    (error: unknown) => [error],
  );
}
