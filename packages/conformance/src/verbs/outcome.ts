import assert from 'node:assert/strict';
import type { AppendAnswer, Entry, Transport } from '@events/core';
import { patienceMs, within } from '../patience.js';
import type { Stage } from '../stage.js';

/** How a verb ended: `resolved`, or the kind of its failure. */
export async function kindOf(transport: Transport, verb: Promise<unknown>): Promise<string> {
  const kind = verb.then(
    () => 'resolved',
    (error: unknown) => transport.classify(error).kind,
  );
  return within(patienceMs, 'a verb', kind);
}

/** What a verb answered, or the kind of its failure. */
export async function answerOf(transport: Transport, verb: Promise<unknown>): Promise<unknown> {
  return verb.catch((error: unknown) => transport.classify(error).kind);
}

/** `stored`, or the kind of the failure. */
export function outcomeOf(answer: AppendAnswer | undefined): string {
  return typeof answer === 'object' && 'kind' in answer ? answer.kind : 'stored';
}

/** The ids that a read answered with: none where the answer was lost, as happens to reads while connections break. */
export async function seenBy(read: Promise<readonly Entry[]>): Promise<readonly string[]> {
  return read.then(
    (entries) => entries.map(({ id }) => id),
    () => [],
  );
}

/** Nothing is stored twice; what was answered with an id is stored; and what was refused, or not sent, is not. */
export async function assertStoredOnce(
  stage: Stage,
  stream: string,
  appended: readonly { readonly number: string; readonly outcome: string }[],
): Promise<void> {
  const inspector = (await stage.transport()).inspector();
  const entries = await stage.persist(() => inspector.range(stream, '-', '+', 10_000));
  const counts = new Map<unknown, number>();
  for (const { fields } of entries) counts.set(fields?.[1], (counts.get(fields?.[1]) ?? 0) + 1);
  for (const [number, count] of counts) assert.equal(count, 1, `entry ${number} is stored ${count} times`);
  for (const { number, outcome } of appended) {
    if (outcome === 'unknown') continue;
    assert.equal(counts.has(number), outcome === 'stored', `entry ${number} was answered ${outcome}`);
  }
}
