import { setTimeout as delay } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '@events/tooling-redis';
import { resumeTimes } from '../audit/elapsed.js';
import { usualFigures } from '../figures.js';
import { type Address, addressOf, type GroundPlan } from '../ground.js';
import { openPlainSender } from '../plain/plain-sender.js';
import type { Part, Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import { usualPromises, type Verdict } from '../verdict.js';
import { killMaster } from './cluster-failover.js';
import { resumed } from './disturbance.js';
import { byLeader, resumeWithinMs, withRecovery } from './failover-parts.js';
import { freezeMaster } from './sentinel-freeze.js';

const perSecond = 500;
const drainWithinMs = 20_000;

/** The same faults for a hand-written loop with the client's default options, and for the library. */
export const plain: Scenario = {
  name: 'plain',
  short: { faults: 1, seconds: 5 },
  compares: true,
  parts: [
    ...sidesOf('replies lost', { kind: 'single' }, { prepare: openProxy, strike: loseReplies }),
    ...sidesOf('master frozen', { kind: 'sentinel' }, { strike: freezeMaster, rewinds: true }),
    ...sidesOf('master killed', { kind: 'cluster' }, { strike: killMaster, rewinds: true }),
  ],
};

interface Trouble {
  /** Stands between the clients and the only server. */
  readonly prepare?: (trial: Trial) => Promise<FaultProxy>;
  strike(trial: Trial, proxy: FaultProxy | undefined): Promise<{ readonly at: number; readonly backAt: number }>;
  readonly rewinds?: boolean;
}

type Side = 'plain loop' | 'library' | 'library, all switched on';

function sidesOf(name: string, ground: GroundPlan, trouble: Trouble): Part[] {
  return (['plain loop', 'library', 'library, all switched on'] as const).map((side) => ({
    title: `${name}: ${side}`,
    ground,
    run: (trial) => suffer(trial, side, trouble),
  }));
}

async function suffer(trial: Trial, side: Side, { prepare, strike, rewinds = false }: Trouble): Promise<Verdict> {
  const { events = 1_000_000, faults = 3, patience } = trial.options;
  const proxy = await prepare?.(trial);
  const address: Address = proxy === undefined ? addressOf(trial.ground) : { url: proxy.url };
  const isPlain = side === 'plain loop';
  const practice = side === 'library' ? byLeader : withRecovery;
  const load = isPlain
    ? trial.load({ limit: events, sender: await openPlainSender(trial.options.client, address, trial.stream) })
    : trial.load({ ...practice.load, limit: events, address });
  const orders = isPlain ? {} : practice.orders;
  await trial.startConsumers(3, { ...orders, address, isPlain, workMs: 0, claimIdleMs: 10_000 });
  const enough = new AbortController();
  const publishing = load.publishAtRate(perSecond, enough.signal);
  let last = Date.now();
  for (let fault = 1; fault <= faults; fault += 1) {
    await delay(trial.random.integer(1_000, 2_000));
    const { at, backAt } = await strike(trial, proxy);
    last = at;
    if (rewinds) trial.noteRewind(at);
    await resumed(trial, load, backAt, patience * resumeWithinMs);
  }
  await delay(1_000);
  enough.abort();
  await publishing;
  await trial.drain(isPlain ? drainWithinMs : undefined);
  const { account, evidence } = await trial.close();
  await proxy?.close();
  const wentOn = resumeTimes(evidence.journals, last).filter((time) => time !== undefined).length;
  return {
    account,
    promises: isPlain
      ? []
      : usualPromises(account, [load], { confirmedMay: rewinds ? practice.confirmedMay : 'nothing' }),
    figures: {
      'publishing went on by itself': load.firstStoredAfter(last) === undefined ? 'no' : 'yes',
      'consumers that went on by themselves, of 3': wentOn,
      'slowest publish, ms': Math.round(account.publishing.slowestMs),
      ...usualFigures(evidence.journals, [load]),
    },
  };
}

function openProxy({ server }: Trial): Promise<FaultProxy> {
  return startFaultProxy({ target: server });
}

async function loseReplies({ random }: Trial, proxy: FaultProxy | undefined) {
  proxy?.setMode('dropReplies');
  await delay(random.integer(100, 500));
  proxy?.setMode('pass');
  // what was dropped stays dropped: the connections are out of step
  proxy?.cut();
  const backAt = Date.now();
  return { at: backAt, backAt };
}
