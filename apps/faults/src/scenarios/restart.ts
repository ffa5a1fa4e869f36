import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.js';
import { burst, sitOut } from './disturbance.js';

const resumeWithinMs = 10_000;

/** The server is killed (SIGKILL) and comes back with its data. */
export const restart: Scenario = {
  name: 'restart',
  short: { faults: 1 },
  parts: [
    {
      title: '',
      // with 'everysec' a server may answer before the write reaches its file, where a flush of the file is under way
      ground: { kind: 'single', options: { appendOnly: 'always' } },
      run: (trial) =>
        sitOut(trial, {
          perSecond: 500,
          limit: 100_000,
          resumeWithinMs,
          async disturb({ server, random, options: { faults = 3 } }, load) {
            const returns: number[] = [];
            for (let fault = 1; fault <= faults; fault += 1) {
              if (fault > 1) await delay(resumeWithinMs);
              // some of these are on their way when it ends
              const publishing = load.publishAtOnce(burst);
              await delay(random.integer(0, 100));
              await server.kill();
              await delay(random.integer(100, 5_000));
              await server.restart();
              returns.push(Date.now());
              await publishing;
              trial.say('the server was killed and is back');
            }
            return returns;
          },
        }),
    },
  ],
};
