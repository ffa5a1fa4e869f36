import { setTimeout as delay } from 'node:timers/promises';
import { usualFigures } from '../figures.js';
import type { Scenario } from '../scenario.js';
import { usualPromises } from '../verdict.js';

const perSecond = 1_000;
/** Published right before every pause, so that much is in the hands of who is paused. */
const burst = 1_000;
const orders = { claimIdleMs: 2_000, workMs: 20 };
const calmMs = 1_500;

/** Consumer processes are held up (SIGSTOP) until others have taken over their entries, and go on as if nothing had happened. */
export const pause: Scenario = {
  name: 'pause',
  short: { faults: 1, seconds: 4 },
  parts: [
    {
      title: '',
      async run(trial) {
        const { events = 100_000, faults = 6, seconds = 6 } = trial.options;
        const load = trial.load({ limit: events });
        const members = await trial.startConsumers(3, orders);
        const enough = new AbortController();
        const publishing = load.publishAtRate(perSecond, enough.signal);
        for (let fault = 1; fault <= faults; fault += 1) {
          await delay(calmMs);
          await load.publishAtOnce(burst);
          const member = trial.random.pick(members);
          member.pause();
          const { inFlight } = await trial.crew.noteInterruption(member);
          trial.say(`a process is held up for ${seconds} s with ${inFlight.size} entries in hand`);
          await delay(seconds * 1_000);
          member.proceed();
        }
        await delay(calmMs);
        enough.abort();
        await publishing;
        await trial.drain();
        const { account, evidence } = await trial.close();
        return {
          account,
          promises: [
            ...usualPromises(account, [load]),
            {
              what: 'The trial was hard enough: entries were in the hands of who was held up',
              holds: account.delivery.interrupted > 0,
              found: `${account.delivery.interrupted} entries`,
            },
          ],
          figures: { 'processes held up': faults, ...usualFigures(evidence.journals, [load]) },
        };
      },
    },
  ],
};
