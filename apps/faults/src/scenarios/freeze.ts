import { setTimeout as delay } from 'node:timers/promises';
import type { Part, Scenario } from '../scenario.js';
import { burst, sitOut } from './disturbance.js';

const perSecond = 500;
const resumeWithinMs = 10_000;

/** The server stands still (SIGSTOP): connections stay open, and nothing is answered. */
export const freeze: Scenario = {
  name: 'freeze',
  short: { seconds: 4 },
  parts: [
    part('claimIdleMs of 60 s, longer than the freeze', 60_000),
    part('claimIdleMs of 3 s, shorter than the freeze', 3_000),
  ],
};

function part(title: string, claimIdleMs: number): Part {
  return {
    title,
    run: (trial) =>
      sitOut(trial, {
        perSecond,
        limit: 100_000,
        resumeWithinMs,
        orders: { claimIdleMs, workMs: 20 },
        async disturb({ server, crew, options: { seconds = 30 } }, load) {
          await load.publishAtOnce(burst);
          await server.freeze();
          trial.say(`the server stands still for ${seconds} s`);
          await delay(seconds * 1_000);
          server.thaw();
          const returned = Date.now();
          // for the server everything in hand has been left alone for too long now: anybody may claim it
          if (claimIdleMs < seconds * 1_000)
            await Promise.all(crew.members.map((member) => crew.noteInterruption(member)));
          return [returned];
        },
      }),
  };
}
