import { setTimeout as delay } from 'node:timers/promises';
import { percentile, resumeTimes, slowest } from '../audit/elapsed.js';
import type { ConsumerOrders } from '../crew/consumer-orders.js';
import { usualFigures } from '../figures.js';
import type { Load, LoadOptions } from '../load.js';
import type { Closing, Trial } from '../trial.js';
import { type Expectations, type Promised, usualPromises, type Verdict, within } from '../verdict.js';

/** What is done to the servers while events are published at a constant rate and three processes consume them. */
export interface Disturbance {
  readonly perSecond: number;
  /** How many events are published at most, where the trial does not say. */
  readonly limit: number;
  readonly load?: Partial<LoadOptions>;
  readonly orders?: Partial<ConsumerOrders>;
  readonly expectations?: Expectations;
  /**
   * Does what it does. Resolves with the moments, Unix ms, after which everything should work again: those of the faults
   * themselves where others take over, and otherwise those at which they end.
   */
  disturb(trial: Trial, load: Load): Promise<readonly number[]>;
  /** How soon after those moments it should. */
  readonly resumeWithinMs: number;
  /** What is promised beside the usual. */
  readonly promises?: (closing: Closing, load: Load) => readonly Promised[];
  readonly figures?: (closing: Closing, load: Load) => Readonly<Record<string, string | number>>;
}

const calmMs = 1_000;

/** Published right before a disturbance, so that it finds much in everybody's hands. */
export const burst = 1_000;

/** Publishes, consumes, disturbs, and sees whether both go on by themselves. */
export async function sitOut(trial: Trial, disturbance: Disturbance): Promise<Verdict> {
  const { perSecond, limit, expectations, promises = () => [], figures = () => ({}) } = disturbance;
  const resumeWithinMs = trial.options.patience * disturbance.resumeWithinMs;
  const load = trial.load({ ...disturbance.load, limit: trial.options.events ?? limit });
  await trial.startConsumers(3, disturbance.orders);
  const enough = new AbortController();
  const publishing = load.publishAtRate(perSecond, enough.signal);
  await delay(calmMs);
  const moments = await disturbance.disturb(trial, load);
  await resumed(trial, load, moments.at(-1) ?? 0, resumeWithinMs);
  await delay(calmMs);
  enough.abort();
  await publishing;
  await trial.drain();
  const closing = await trial.close();
  const { account, evidence } = closing;
  const publishedAgain = moments.map((time) => publishedAgainAfter(load, time));
  const consumedAgain = moments.map((time) => slowest(resumeTimes(evidence.journals, time)));
  return {
    account,
    promises: [
      ...usualPromises(account, [load], expectations),
      within('Publishing resumed by itself', resumeWithinMs, slowest(publishedAgain)),
      within('Every consumer resumed by itself, with events stored since', resumeWithinMs, slowest(consumedAgain)),
      ...promises(closing, load),
    ],
    figures: {
      'published again after, median, ms': percentile(publishedAgain, 0.5),
      'published again after, slowest, ms': slowest(publishedAgain) ?? 'never',
      'every consumer at work again after, median, ms': percentile(consumedAgain, 0.5),
      'every consumer at work again after, slowest, ms': slowest(consumedAgain) ?? 'never',
      disturbances: moments.length,
      ...figures(closing, load),
      ...usualFigures(evidence.journals, [load]),
    },
  };
}

/** Waits until publishing and consuming go on after `time`, though not much longer than it should take. */
export async function resumed(trial: Trial, load: Load, time: number, withinMs: number): Promise<void> {
  const isResumed = () =>
    publishedAgainAfter(load, time) !== undefined && slowest(resumeTimes(trial.crew.journals(), time)) !== undefined;
  const deadline = time + withinMs + calmMs;
  while (!isResumed() && Date.now() < deadline) await delay(500);
}

function publishedAgainAfter(load: Load, time: number): number | undefined {
  const first = load.firstStoredAfter(time);
  return first === undefined ? undefined : first - time;
}
