import { setTimeout as delay } from 'node:timers/promises';
import { until } from '@events/tooling-redis';
import type { Part, Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import { byReplica, type Fault, failoverPart, leftInTime, type Practice, withRecovery } from './failover-parts.js';

const settleWithinMs = 60_000;

/** The master of the stream's slot is killed (SIGKILL), and is back as a replica before the next kill. */
export const clusterKill: Scenario = {
  name: 'cluster-kill',
  short: { faults: 1 },
  parts: [byReplica, withRecovery].map((practice) => ofCluster(practice, 5, killMaster)),
};

/** The master of the stream's slot stands still (SIGSTOP) until it is replaced, and goes on. */
export const clusterFreeze: Scenario = {
  name: 'cluster-freeze',
  short: { faults: 1, seconds: 5 },
  parts: [byReplica, withRecovery].map((practice) => ofCluster(practice, 3, freezeMaster)),
};

/** A part of the slots has no server at all: the whole cluster is down (CLUSTERDOWN), and comes back. */
export const clusterDown: Scenario = {
  name: 'cluster-down',
  short: { faults: 1, seconds: 3 },
  parts: [
    failoverPart({
      ground: { kind: 'cluster' },
      practice: { ...byReplica, title: '' },
      faults: 2,
      rewinds: false,
      strike: takeAnotherShard,
    }),
  ],
};

function ofCluster(practice: Practice, faults: number, strike: (trial: Trial) => Promise<Fault>): Part {
  return failoverPart({
    ground: { kind: 'cluster' },
    practice,
    faults,
    strike,
    promises: (closing, _load, struck) => [leftInTime(closing, struck)],
  });
}

/** Kills the master of the stream's slot once. */
export async function killMaster({ cluster, stream, random, options: { patience } }: Trial): Promise<Fault> {
  const master = await cluster.masterOf(stream);
  const at = Date.now();
  await master.kill();
  await replaced({ cluster, stream }, master, patience);
  await delay(random.integer(0, 1_000));
  await master.restart();
  const backAt = Date.now();
  await cluster.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  return { at, backAt };
}

async function freezeMaster({ cluster, stream, options: { seconds = 8, patience } }: Trial): Promise<Fault> {
  const master = await cluster.masterOf(stream);
  const at = Date.now();
  await master.freeze();
  await delay(seconds * 1_000);
  await replaced({ cluster, stream }, master, patience);
  master.thaw();
  const backAt = Date.now();
  await cluster.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  return { at, backAt };
}

async function takeAnotherShard({ cluster, stream, options: { seconds = 5, patience } }: Trial): Promise<Fault> {
  const ours = await cluster.masterOf(stream);
  const other = (await cluster.masters()).find((master) => master !== ours);
  if (other === undefined) throw new Error('The cluster has one master only');
  const slot = await slotOf(other);
  const replica = await cluster.replicaOf(slot);
  await Promise.all([other.freeze(), replica.freeze()]);
  const isDown = async () => /cluster_state:fail/.test(String(await ours.command('CLUSTER', 'INFO')));
  await until(isDown, { timeoutMs: patience * 15_000, message: 'the cluster to be down' });
  await delay(seconds * 1_000);
  other.thaw();
  replica.thaw();
  await cluster.waitUntilSettled({ timeoutMs: patience * settleWithinMs });
  const backAt = Date.now();
  return { at: backAt, backAt };
}

/** A slot that is served by `server`, as it says itself. */
async function slotOf(server: { command(...words: readonly string[]): Promise<unknown> }): Promise<number> {
  const nodes = String(await server.command('CLUSTER', 'NODES'));
  const slot = /^\S+ \S+ myself,master .* (\d+)(?:-\d+)?$/m.exec(nodes)?.[1];
  if (slot === undefined) throw new Error(`The server has no slot:\n${nodes}`);
  return Number(slot);
}

async function replaced(
  { cluster, stream }: Pick<Trial, 'cluster' | 'stream'>,
  master: Awaited<ReturnType<Trial['inCharge']>>,
  patience: number,
): Promise<void> {
  const isReplaced = async () => (await cluster.masterOf(stream)) !== master;
  await until(isReplaced, { timeoutMs: patience * 30_000, intervalMs: 50, message: 'the master to be replaced' });
}
