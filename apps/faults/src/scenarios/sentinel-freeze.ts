import { setTimeout as delay } from 'node:timers/promises';
import type { Part, Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import {
  byLeader,
  byReplica,
  type Fault,
  failoverPart,
  leftInTime,
  type Practice,
  withRecovery,
} from './failover-parts.js';

/** The master stands still (SIGSTOP) until the sentinels have replaced it, and then goes on as if nothing had happened. */
export const sentinelFreeze: Scenario = {
  name: 'sentinel-freeze',
  short: { faults: 1, seconds: 5 },
  parts: [part(byReplica), part(byLeader), part(withRecovery)],
};

/** Freezes the master of a replicated server once. */
export async function freezeMaster({ replicated, options: { seconds = 8, patience } }: Trial): Promise<Fault> {
  const master = await replicated.master();
  const at = Date.now();
  await master.freeze();
  await delay(seconds * 1_000);
  master.thaw();
  const backAt = Date.now();
  await replicated.waitUntilSettled({ timeoutMs: patience * 60_000 });
  return { at, backAt };
}

function part(practice: Practice): Part {
  return failoverPart({
    ground: { kind: 'sentinel' },
    practice,
    faults: 3,
    strike: freezeMaster,
    promises: (closing, _load, faults) => [leftInTime(closing, faults)],
  });
}
