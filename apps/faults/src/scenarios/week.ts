import { loadavg } from 'node:os';
import { type EventPublisher, keepUnread, maxLength } from '@events/core';
import { until } from '@events/tooling-redis';
import type { Part, Scenario } from '../scenario.js';
import { Laggard } from '../traffic/laggard.js';
import { costOf, noteSlowScripts } from '../traffic/server-cost.js';
import { type StreamSample, StreamWatch } from '../traffic/stream-watch.js';
import { Traffic } from '../traffic/traffic.js';
import { openPlainSender, openSender, type TrafficSender } from '../traffic/traffic-sender.js';
import type { Trial } from '../trial.js';
import { boundedWithinMs, nodeEntries, type TrimTale, verdictOf, type Week, type WeekPlan } from './week-verdict.js';

/** A stream may have a fortieth of the week's events. */
const weeks = 40;
/** Consumers note signs of life so often: a group that stops has been silent for as long already, at most. */
const signEveryMs = 3_000;
const drainWithinMs = 120_000;

/**
 * A week of traffic in miniature: three groups, one of which stands still for a third of it, while another one consumes
 * a little and never again. Beside it, the loops that are written by hand, with `MAXLEN ~`.
 */
export const week: Scenario = {
  name: 'week',
  short: { events: 100_000, seconds: 9 },
  compares: true,
  parts: [part('library', keepWithin), part('plain loop, MAXLEN ~', trimBlindly)],
};

type Open = (traffic: Traffic, plan: WeekPlan) => Promise<Sending>;

interface Sending {
  readonly sender: TrafficSender;
  /** What the publisher tells of trimming; a plain client tells nothing. */
  readonly told: TrimTale | undefined;
}

function part(title: string, open: Open): Part {
  return {
    title,
    async run(trial) {
      const { events = 2_000_000, seconds = 80 } = trial.options;
      const bound = Math.ceil(events / weeks);
      const maxGroupIdleMs = Math.max(10_000, 750 * seconds);
      const plan = { events, bound, maxGroupIdleMs, perSecond: events / seconds };
      const traffic = new Traffic(trial, events, title !== 'library');
      try {
        const { sender, told } = await open(traffic, plan);
        try {
          const passed = await pass(trial, traffic, plan, sender);
          return verdictOf(passed, told, trial.options.patience);
        } finally {
          await sender.close();
        }
      } finally {
        await traffic.close();
      }
    },
  };
}

async function keepWithin(traffic: Traffic, { bound, maxGroupIdleMs }: WeekPlan): Promise<Sending> {
  const told: TrimTale = { held: [], released: [], lost: new Map(), errors: [], removed: 0 };
  const listen = (publisher: EventPublisher) => {
    publisher.on('trimHeldBack', ({ group }) => told.held.push({ group, at: Date.now() }));
    publisher.on('groupReleased', ({ group, silentMs }) => told.released.push({ group, at: Date.now(), silentMs }));
    publisher.on('error', (error) => told.errors.push(error.message));
    publisher.on('trimmed', ({ removed, lost }) => {
      told.removed += removed;
      for (const { group, unread, pending } of lost) {
        told.lost.set(group, (told.lost.get(group) ?? 0) + unread + pending);
      }
    });
  };
  const sender = openSender(traffic.where, keepUnread(maxLength(bound), { maxGroupIdleMs }), listen);
  return { sender, told };
}

async function trimBlindly({ where }: Traffic, { bound }: WeekPlan): Promise<Sending> {
  return { sender: await openPlainSender(where, bound), told: undefined };
}

async function pass(trial: Trial, traffic: Traffic, plan: WeekPlan, sender: TrafficSender): Promise<Week> {
  const { events, perSecond, bound, maxGroupIdleMs } = plan;
  const mostStoppedMs = 0.7 * maxGroupIdleMs - signEveryMs;
  const [load = Number.NaN] = loadavg();
  await noteSlowScripts(trial.server);
  const [leader, first, abandoned] = await Promise.all([
    traffic.start('live'),
    traffic.start('stopped'),
    traffic.start('abandoned'),
  ]);
  const laggard = new Laggard(trial, traffic, first);
  const watch = new StreamWatch(trial.server, trial.stream);
  let abandonedAt = 0;
  const ms = await traffic.publish(sender, {
    events,
    perSecond,
    // half of what the stream may have, so that trimming blindly has no unread entry of this group in its way
    ahead: bound / 2,
    leader,
    async reached(published) {
      if (abandonedAt === 0 && published > events / 20 && abandoned.handled > 0) {
        abandonedAt = Date.now();
        await abandoned.kill();
        trial.say(`abandoned: killed after ${abandoned.handled} events`);
      }
      if (published >= events / 3) laggard.stop(published);
      if (published >= (2 * events) / 3 || laggard.stoppedMs > mostStoppedMs) laggard.goOn(published);
    },
  });
  trial.say(`all are published after ${Math.round(ms)} ms`);
  const stop = await laggard.isBack();
  const isRead = async () => ['live', 'stopped'].every((group) => watch.latest?.behind.get(group) === 0);
  await until(isRead, { timeoutMs: drainWithinMs, intervalMs: 50, message: 'both groups to read everything' });
  const end = await bounded(watch, bound);
  const cost = await costOf(trial.server);
  await watch.close();
  const [live, stopped] = [await traffic.tallyOf([leader]), await traffic.tallyOf(laggard.consumers)];
  return { plan, live, stopped, stop, abandonedAt, samples: watch.samples, end, ms, cost, load };
}

/** Waits until the stream is within its bound. It need not: the verdict says so. */
async function bounded(watch: StreamWatch, bound: number): Promise<StreamSample> {
  const isBounded = async () => (watch.latest?.length ?? 0) <= bound + nodeEntries;
  try {
    await until(isBounded, {
      timeoutMs: boundedWithinMs,
      intervalMs: 100,
      message: 'the stream to be within its bound',
    });
  } catch {
    // a stream that is not is what the verdict is about
  }
  return watch.sample();
}
