import { setTimeout as delay } from 'node:timers/promises';
import { percentile, slowest, takeoverTimes } from '../audit/elapsed.js';
import { usualFigures } from '../figures.js';
import type { Scenario } from '../scenario.js';
import { usualPromises, within } from '../verdict.js';

const orders = { workMs: 20, failOneIn: 200 };
const perSecond = 500;
/** Published right before every stop: more than three consumers can hold. */
const burst = 1_000;
const graceMs = 10_000;
const takeoverWithinMs = 2_000;

/** Consumers are stopped in good order and replaced, one after another, while all are busy. */
export const stop: Scenario = {
  name: 'stop',
  short: { faults: 3 },
  parts: [
    {
      title: '',
      async run(trial) {
        const { events = 100_000, faults = 9, patience } = trial.options;
        const load = trial.load({ limit: events });
        const members = await trial.startConsumers(3, orders);
        const enough = new AbortController();
        const publishing = load.publishAtRate(perSecond, enough.signal);
        const stops: { readonly tookMs: number; readonly released: number; readonly abandoned: number }[] = [];
        for (let fault = 0; fault < faults; fault += 1) {
          await delay(trial.random.integer(1_000, 2_500));
          await load.publishAtOnce(burst);
          const leaving = members.shift();
          if (leaving === undefined) break;
          const begin = Date.now();
          const { released, abandoned } = await leaving.stop(graceMs);
          stops.push({ tookMs: Date.now() - begin, released, abandoned });
          trial.say(`a consumer stopped and handed ${released} entries back`);
          members.push(await trial.startConsumer(orders));
        }
        enough.abort();
        await publishing;
        await trial.drain();
        const { account, evidence } = await trial.close();
        const released = evidence.journals.flatMap(({ process, lines }) =>
          lines.flatMap((line) =>
            line.kind === 'released' ? line.entries.map((entryId) => ({ entryId, process, at: line.at })) : [],
          ),
        );
        const taken = takeoverTimes(evidence.journals, released, 'taken');
        const startedAgain = takeoverTimes(evidence.journals, released, 'started');
        const abandoned = stops.reduce((sum, stopped) => sum + stopped.abandoned, 0);
        return {
          account,
          promises: [
            ...usualPromises(account, [load]),
            within(
              'What was handed back was in the hands of another consumer',
              patience * takeoverWithinMs,
              slowest(taken),
            ),
            within('A stop ended', graceMs + 2_000, slowest(stops.map(({ tookMs }) => tookMs))),
            { what: 'No handler was abandoned', holds: abandoned === 0, found: `${abandoned} abandoned` },
            {
              what: 'The trial was hard enough: entries were handed back',
              holds: released.length > 0,
              found: `${released.length} entries`,
            },
          ],
          figures: {
            stops: stops.length,
            'handed back, all in all': released.length,
            'handed back by one stop, at most': Math.max(0, ...stops.map((stopped) => stopped.released)),
            'taken over after, median, ms': percentile(taken, 0.5),
            'taken over after, slowest, ms': slowest(taken) ?? 'never',
            'handler started elsewhere after, median, ms': percentile(startedAgain, 0.5),
            'handler started elsewhere after, 99 of 100, ms': percentile(startedAgain, 0.99),
            'handler started elsewhere after, slowest, ms': percentile(startedAgain, 1),
            'slowest stop, end of the process included, ms': slowest(stops.map(({ tookMs }) => tookMs)) ?? 'never',
            ...usualFigures(evidence.journals, [load]),
          },
        };
      },
    },
  ],
};
