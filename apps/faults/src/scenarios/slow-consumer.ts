import { keepUnread, maxLength } from '@events/core';
import { until } from '@events/tooling-redis';
import type { Scenario } from '../scenario.js';
import { StreamWatch } from '../traffic/stream-watch.js';
import { Traffic } from '../traffic/traffic.js';
import type { TrafficConsumer } from '../traffic/traffic-consumer.js';
import { openSender } from '../traffic/traffic-sender.js';
import type { Trial } from '../trial.js';
import { type Promised, type Verdict, within } from '../verdict.js';

const perSecond = 2_000;
/** Sixteen handlers at once make 200 events a second of it. */
const handlerMs = 80;
const bound = 10_000;
const catchUpMs = 60_000;
/** What a heap of so little in hand may grow by until it is collected. */
const heapSlack = 48_000_000;

/** A consumer that is ten times slower than its publisher for two minutes, and then quick again. */
export const slowConsumer: Scenario = {
  name: 'slow-consumer',
  short: { seconds: 10 },
  parts: [
    {
      title: 'ten times slower, then quick',
      async run(trial) {
        const seconds = trial.options.seconds ?? 120;
        const events = seconds * perSecond;
        const traffic = new Traffic(trial, events, false);
        try {
          return await fallBehind(trial, traffic, events);
        } finally {
          await traffic.close();
        }
      },
    },
  ],
};

async function fallBehind(trial: Trial, traffic: Traffic, events: number): Promise<Verdict> {
  const errors: string[] = [];
  let lost = 0;
  const sender = openSender(traffic.where, keepUnread(maxLength(bound)), (publisher) => {
    publisher.on('error', (error) => errors.push(error.message));
    publisher.on('trimmed', (trimmed) => {
      for (const { unread, pending } of trimmed.lost) lost += unread + pending;
    });
  });
  const watch = new StreamWatch(trial.server, trial.stream);
  try {
    const consumer = await traffic.start('slow', handlerMs);
    const reached = async () => undefined;
    const ms = await traffic.publish(sender, { events, perSecond, ahead: Infinity, leader: consumer, reached });
    const behind = events - consumer.handled;
    const slowHeap = [...consumer.heap];
    trial.say(`${behind} events behind after ${Math.round(ms)} ms: the consumer is quick from now on`);
    consumer.beQuick();
    const begin = performance.now();
    const timeoutMs = trial.options.patience * catchUpMs;
    await until(async () => consumer.handled >= events, {
      timeoutMs,
      intervalMs: 50,
      message: 'everything to be handled',
    });
    const caughtUpMs = performance.now() - begin;
    await until(async () => countOf(consumer, 'recovered', 'lag') > 0, { timeoutMs, message: 'the end of the alarm' });
    const tally = await traffic.tallyOf([consumer]);
    const heap = heapOf(slowHeap);
    return {
      account: undefined,
      promises: [
        exactly('It was told of once that the consumer is slow', 1, countOf(consumer, 'slowConsumer', 'lag')),
        exactly('and once that it is not any more', 1, countOf(consumer, 'recovered', 'lag')),
        exactly('No other episode was left open', episodes(consumer, 'backpressure'), episodes(consumer, 'recovered')),
        exactly('Nothing is lost: events that were never handled', 0, tally.missing),
        exactly('By the account of trimming, nothing was taken', 0, lost),
        exactly('The publisher told of no error', 0, errors.length),
        {
          what: `The heap of the consumer grew by no more than ${heapSlack / 1e6} MB while it fell behind`,
          holds: heap.late - heap.early <= heapSlack,
          found: `${megabytes(heap.early)} MB in the first third, ${megabytes(heap.late)} MB in the last, at most`,
        },
        within('It caught up', timeoutMs, caughtUpMs),
      ],
      figures: {
        'events published': events,
        'events a second': Math.round(events / (ms / 1_000)),
        'events behind, at most': behind,
        'caught up after, s': (caughtUpMs / 1_000).toFixed(1),
        'handled again': tally.repeated,
        'heap of the consumer, first third, peak MB': megabytes(heap.early),
        'heap of the consumer, last third, peak MB': megabytes(heap.late),
        'longest stream, entries': watch.samples.reduce((most, { length }) => Math.max(most, length), 0),
        'stream at the end, entries': (await watch.sample()).length,
        'alarms, in order': consumer.told.map(({ name, reason }) => `${name} (${reason})`).join(', '),
      },
    };
  } finally {
    await watch.close();
    await sender.close();
  }
}

function countOf({ told }: TrafficConsumer, name: string, reason: string): number {
  return told.filter((each) => each.name === name && each.reason === reason).length;
}

/** Episodes of everything but the lag. */
function episodes({ told }: TrafficConsumer, name: string): number {
  return told.filter((each) => each.name === name && each.reason !== 'lag').length;
}

function exactly(what: string, expected: number, found: number): Promised {
  return { what, holds: found === expected, found: `${found}` };
}

/** Peaks of the first and of the last third, which garbage is part of. */
function heapOf(samples: readonly number[]): { readonly early: number; readonly late: number } {
  const third = Math.max(1, Math.floor(samples.length / 3));
  return { early: Math.max(...samples.slice(0, third)), late: Math.max(...samples.slice(-third)) };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
