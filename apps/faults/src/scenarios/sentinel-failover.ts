import { setTimeout as delay } from 'node:timers/promises';
import type { Part, Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import {
  byAllReplicas,
  byLeader,
  byReplica,
  type Fault,
  failoverPart,
  leftInTime,
  type Practice,
  withRecovery,
} from './failover-parts.js';

const settleWithinMs = 60_000;

/** The master is killed (SIGKILL), and returns as a replica. */
export const sentinelKill: Scenario = {
  name: 'sentinel-kill',
  short: { faults: 1 },
  parts: [byReplica, withRecovery].map((practice) => ofSentinels(practice, killMaster)),
};

/** The master is demoted while everybody is connected to it (SENTINEL FAILOVER). */
export const sentinelDemote: Scenario = {
  name: 'sentinel-demote',
  short: { faults: 1 },
  parts: [byAllReplicas, withRecovery].map((practice) => ofSentinels(practice, demoteMaster)),
};

/** Connections go silent: those of the clients alone, which no sentinel sees, and everybody's. */
export const sentinelCut: Scenario = {
  name: 'sentinel-cut',
  short: { faults: 1, seconds: 4 },
  parts: [
    failoverPart({
      title: 'between the clients and the master',
      ground: { kind: 'sentinel', options: { proxied: true } },
      practice: { ...byLeader, confirmedMay: 'nothing' },
      faults: 3,
      rewinds: false,
      strike: cutClients,
    }),
    failoverPart({
      title: 'between the master and everybody',
      ground: { kind: 'sentinel', options: { proxied: true } },
      practice: byReplica,
      faults: 3,
      strike: cutEverybody,
      promises: (closing, _load, faults) => [leftInTime(closing, faults)],
    }),
  ],
};

/** All sentinels are gone, then the master as well, and then the sentinels are back. */
export const sentinelBlind: Scenario = {
  name: 'sentinel-blind',
  short: { faults: 1, seconds: 3 },
  parts: [ofSentinels(byReplica, blindly, 1)],
};

function ofSentinels(practice: Practice, strike: (trial: Trial) => Promise<Fault>, faults = 3): Part {
  return failoverPart({ ground: { kind: 'sentinel' }, practice, faults, strike });
}

async function killMaster({ replicated, random, options: { patience } }: Trial): Promise<Fault> {
  const master = await replicated.master();
  const at = Date.now();
  await master.kill();
  await replicated.failover();
  await delay(random.integer(0, 2_000));
  await master.restart();
  const backAt = Date.now();
  await replicated.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  return { at, backAt };
}

async function demoteMaster({ replicated, options: { patience } }: Trial): Promise<Fault> {
  const at = Date.now();
  await replicated.failover();
  const backAt = Date.now();
  await replicated.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  return { at, backAt };
}

/** Resolves with the end of the cut as the fault: until then nothing can go on. */
async function cutClients({ replicated, options: { seconds = 8 } }: Trial): Promise<Fault> {
  const proxy = replicated.proxyOf(await replicated.master());
  proxy.setMode('blackhole');
  await delay(seconds * 1_000);
  proxy.setMode('pass');
  // what was thrown away stays lost, so whoever kept a connection is out of step
  proxy.cut();
  const backAt = Date.now();
  return { at: backAt, backAt };
}

async function cutEverybody({ replicated, options: { seconds = 8, patience } }: Trial): Promise<Fault> {
  const master = await replicated.master();
  const at = Date.now();
  // whom no packet reaches looks like one that stands still; the clients' connections stay silent when it is back
  replicated.proxyOf(master).setMode('blackhole');
  await master.freeze();
  await delay(seconds * 1_000);
  master.thaw();
  const backAt = Date.now();
  await replicated.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  replicated.proxyOf(master).setMode('pass');
  replicated.proxyOf(master).cut();
  return { at, backAt };
}

async function blindly({ replicated, options: { seconds = 60, patience } }: Trial): Promise<Fault> {
  await Promise.all(replicated.sentinels.map((sentinel) => sentinel.kill()));
  await delay(seconds * 1_000);
  const master = await replicated.master().catch(() => replicated.servers[0]);
  if (master === undefined) throw new Error('There is no server');
  const at = Date.now();
  await master.kill();
  await delay(500);
  await Promise.all(replicated.sentinels.map((sentinel) => sentinel.restart()));
  // until a sentinel answers nobody can go on
  const answeredAt = Date.now();
  await replicated.failover();
  await master.restart();
  await replicated.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  return { at: Math.max(at, answeredAt), backAt: Date.now() };
}
