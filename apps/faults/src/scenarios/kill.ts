import { setTimeout as delay } from 'node:timers/promises';
import { percentile, slowest, takeoverTimes } from '../audit/elapsed.js';
import type { ConsumerOrders } from '../crew/consumer-orders.js';
import { usualFigures } from '../figures.js';
import type { Part, Scenario } from '../scenario.js';
import { usualPromises, within } from '../verdict.js';

interface Killing {
  readonly title: string;
  readonly events: number;
  readonly faults: number;
  /** How many kills there are before more is published. */
  readonly faultsAtATime: number;
  readonly orders: Partial<ConsumerOrders>;
  /** Names of the two consumers that are killed, kept by their successors. */
  readonly names?: readonly [string, string];
}

const failOneIn = 200;
/** One suspect at a time, and the processes that take over are killed as well. */
const takeoverWithinMs = 30_000;

/** Three consumer processes, two of which are killed at random moments and started again. */
export const kill: Scenario = {
  name: 'kill',
  short: { events: 3_000, faults: 3 },
  parts: [
    part({
      title: 'names that nobody else has: other consumers claim what was left',
      events: 200_000,
      faults: 10,
      faultsAtATime: 10,
      orders: { failOneIn, claimIdleMs: 3_000 },
    }),
    part({
      title: 'names given by the user: the successor adopts what was left',
      events: 50_000,
      faults: 4,
      // a successor waits for the lease of the name, and what it finds then should not be everything
      faultsAtATime: 1,
      orders: { failOneIn, claimIdleMs: 60_000 },
      names: ['first', 'second'],
    }),
  ],
};

function part({ events: usualEvents, faults: usualFaults, faultsAtATime, orders, names, ...rest }: Killing): Part {
  return {
    title: rest.title,
    async run(trial) {
      const { random, crew } = trial;
      const { events = usualEvents, faults = usualFaults, patience } = trial.options;
      const load = trial.load({ limit: events });
      const startVictim = (index: number) => {
        const consumer = names?.[index];
        return trial.startConsumer(consumer === undefined ? orders : { ...orders, consumer });
      };
      const victims = await Promise.all([startVictim(0), startVictim(1)]);
      await trial.startConsumer(orders);
      const begin = Date.now();
      const rounds = Math.max(1, Math.ceil(faults / faultsAtATime));
      const eventsAtATime = Math.floor(events / rounds);
      for (let round = 0; round < rounds; round += 1) {
        const publishing = load.publish(eventsAtATime);
        const count = Math.min(faultsAtATime, faults - round * faultsAtATime);
        const parts = Array.from({ length: count }, () => round + 0.02 + 0.88 * random.fraction());
        for (const reached of parts.sort((left, right) => left - right)) {
          await trial.reached(Math.floor(reached * eventsAtATime));
          await delay(random.integer(0, 300));
          const index = random.pick([0, 1] as const);
          const { inFlight } = await crew.kill(victims[index]);
          trial.say(`killed consumer ${index + 1} with ${inFlight.size} in flight`);
          await delay(random.integer(0, 1_000));
          victims[index] = await startVictim(index);
        }
        await publishing;
      }
      await trial.drain();
      const seconds = (Date.now() - begin) / 1_000;
      const { account, evidence } = await trial.close();
      const { interruptions, journals } = evidence;
      const left = interruptions.flatMap(({ process, at, inFlight }) =>
        [...inFlight].map((entryId) => ({ entryId, process, at })),
      );
      const startedAgain = takeoverTimes(journals, left, 'started');
      return {
        account,
        promises: [
          ...usualPromises(account, [load]),
          {
            what: `The processes were killed ${faults} times`,
            holds: interruptions.length === faults,
            found: `${interruptions.length} kills`,
          },
          within('What was in flight was started again', patience * takeoverWithinMs, slowest(startedAgain)),
        ],
        figures: {
          'events consumed per second, all in all': Math.round(account.delivery.inStream / seconds),
          'in flight at a kill, at most': Math.max(0, ...interruptions.map(({ inFlight }) => inFlight.size)),
          'started elsewhere after a kill, median, ms': percentile(startedAgain, 0.5),
          'started elsewhere after a kill, slowest, ms': slowest(startedAgain) ?? 'never',
          ...usualFigures(journals, [load]),
        },
      };
    },
  };
}
