import { setTimeout as delay } from 'node:timers/promises';
import { percentile, resumeTimes, slowest } from '../audit/elapsed.js';
import type { ConsumerOrders } from '../crew/consumer-orders.js';
import { usualFigures } from '../figures.js';
import type { Load } from '../load.js';
import type { Trial } from '../trial.js';
import { usualPromises, type Verdict, within } from '../verdict.js';

/** What is done to the server while events are published at a constant rate and three processes consume them. */
export interface Disturbance {
  readonly perSecond: number;
  /** How many events are published at most, where the trial does not say. */
  readonly limit: number;
  readonly orders?: Partial<ConsumerOrders>;
  /** Does what it does. Resolves with the moments, Unix ms, from which on everything should work again. */
  disturb(trial: Trial, load: Load): Promise<readonly number[]>;
  /** How soon it should. */
  readonly resumeWithinMs: number;
}

const calmMs = 1_000;

/** Published right before a disturbance, so that it finds much in everybody's hands. */
export const burst = 1_000;

/** Publishes, consumes, disturbs, and sees whether both go on by themselves. */
export async function sitOut(trial: Trial, disturbance: Disturbance): Promise<Verdict> {
  const { perSecond, limit } = disturbance;
  const resumeWithinMs = trial.options.patience * disturbance.resumeWithinMs;
  const load = trial.load({ limit: trial.options.events ?? limit });
  await trial.startConsumers(3, disturbance.orders);
  const enough = new AbortController();
  const publishing = load.publishAtRate(perSecond, enough.signal);
  await delay(calmMs);
  const returns = await disturbance.disturb(trial, load);
  await resumed(trial, load, returns.at(-1) ?? 0, resumeWithinMs);
  await delay(calmMs);
  enough.abort();
  await publishing;
  await trial.drain();
  const { account, evidence } = await trial.close();
  const publishedAgain = returns.map((time) => publishedAgainAfter(load, time));
  const consumedAgain = returns.map((time) => slowest(resumeTimes(evidence.journals, time)));
  return {
    account,
    promises: [
      ...usualPromises(account, [load]),
      within('Publishing resumed by itself', resumeWithinMs, slowest(publishedAgain)),
      within('Every consumer resumed by itself, with events stored since', resumeWithinMs, slowest(consumedAgain)),
    ],
    figures: {
      'published again after, median, ms': percentile(publishedAgain, 0.5),
      'published again after, slowest, ms': slowest(publishedAgain) ?? 'never',
      'every consumer at work again after, median, ms': percentile(consumedAgain, 0.5),
      'every consumer at work again after, slowest, ms': slowest(consumedAgain) ?? 'never',
      disturbances: returns.length,
      ...usualFigures(evidence.journals, [load]),
    },
  };
}

/** Waits until everything goes on again, though not much longer than it should take. */
async function resumed(trial: Trial, load: Load, time: number, withinMs: number): Promise<void> {
  const isResumed = () =>
    publishedAgainAfter(load, time) !== undefined && slowest(resumeTimes(trial.crew.journals(), time)) !== undefined;
  const deadline = time + withinMs + calmMs;
  while (!isResumed() && Date.now() < deadline) await delay(500);
}

function publishedAgainAfter(load: Load, time: number): number | undefined {
  const first = load.firstStoredAfter(time);
  return first === undefined ? undefined : first - time;
}
