import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.js';
import { burst, sitOut } from './disturbance.js';

/** Every connection is closed by the server (CLIENT KILL), again and again. */
export const drop: Scenario = {
  name: 'drop',
  short: { faults: 3 },
  parts: [
    {
      title: '',
      run: (trial) =>
        sitOut(trial, {
          perSecond: 1_000,
          limit: 200_000,
          resumeWithinMs: 10_000,
          async disturb({ server, random, options: { faults = 30 } }, load) {
            const returns: number[] = [];
            for (let fault = 1; fault <= faults; fault += 1) {
              await delay(random.integer(100, 1_500));
              // some of these are on their way when the connections end
              const publishing = load.publishAtOnce(burst);
              const dropped = await server.dropConnections();
              returns.push(Date.now());
              await publishing;
              trial.say(`${dropped} connections were dropped`);
            }
            return returns;
          },
        }),
    },
  ],
};
