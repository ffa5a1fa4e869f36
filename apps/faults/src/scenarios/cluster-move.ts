import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import { byLeader, failoverPart } from './failover-parts.js';

/** The stream's slot moves while it is used: to another master, to a replica by a manual failover, and to a node that is added. */
export const clusterMove: Scenario = {
  name: 'cluster-move',
  short: { faults: 3 },
  parts: [
    failoverPart({
      ground: { kind: 'cluster' },
      practice: { ...byLeader, title: '', confirmedMay: 'nothing' },
      faults: 6,
      rewinds: false,
      async strike(trial) {
        const moves = movesOf(trial);
        const at = Date.now();
        await moves[turns.get(trial) ?? 0]?.();
        turns.set(trial, ((turns.get(trial) ?? 0) + 1) % moves.length);
        await trial.cluster.waitUntilSettled({ timeoutMs: trial.options.patience * 60_000 });
        return { at, backAt: Date.now() };
      },
      promises: ({ account: { delivery, publishing } }) => [
        {
          what: 'No publish failed',
          holds: publishing.stored === publishing.attempted,
          found: `${publishing.stored} of ${publishing.attempted} were confirmed`,
        },
        {
          what: 'Nothing was handled twice',
          holds: delivery.duplicates === 0,
          found: `${delivery.duplicates} duplicates`,
        },
      ],
    }),
  ],
};

/** How many moves a trial has seen. */
const turns = new WeakMap<Trial, number>();

function movesOf({ cluster, stream }: Trial): (() => Promise<void>)[] {
  return [
    async () => {
      const source = await cluster.masterOf(stream);
      const target = (await cluster.masters()).find((master) => master !== source);
      if (target === undefined) throw new Error('The cluster has one master only');
      const migration = await cluster.startSlotMigration(stream, target);
      await delay(500);
      await migration.finish();
    },
    async () => {
      await cluster.failover(await cluster.replicaOf(stream));
    },
    async () => {
      await cluster.moveSlot(stream, await cluster.addNode());
    },
  ];
}
