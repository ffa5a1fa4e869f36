import { setTimeout as delay } from 'node:timers/promises';
import type { Part, Scenario } from '../scenario.js';
import { byLeader, byReplica, failoverPart, type Practice, withRecovery } from './failover-parts.js';

/** The links between the master and its replicas go silent, and then the master is lost: with all that it has confirmed since. */
export const sentinelUnreplicated: Scenario = {
  name: 'sentinel-unreplicated',
  short: { faults: 1, seconds: 2 },
  parts: [part(withRecovery), part(byLeader), part(byReplica)],
};

function part(practice: Practice): Part {
  return failoverPart({
    ground: { kind: 'sentinel' },
    practice,
    faults: 2,
    async strike({ replicated, options: { seconds = 3, patience } }) {
      const master = await replicated.master();
      const links = await Promise.all(
        (await replicated.replicas()).map((replica) => replicated.proxyReplication(replica)),
      );
      await replicated.waitUntilSettled({ timeoutMs: patience * 60_000 });
      await delay(1_000);
      const apartSince = Date.now();
      for (const link of links) link.setMode('blackhole');
      await delay(seconds * 1_000);
      const at = Date.now();
      await master.kill();
      await replicated.failover();
      for (const link of links) link.setMode('pass');
      await master.restart();
      const backAt = Date.now();
      await replicated.waitUntilSettled({ timeoutMs: patience * 60_000 });
      return { at, apartSince, backAt };
    },
    promises({ account: { publishing, lost } }, load) {
      const missing = load.recoveries.reduce((sum, recovery) => sum + recovery.missing, 0);
      if (practice.confirmedMay === 'nothing') {
        return [
          {
            what: 'The trial was hard enough: events were stored, and rejected for want of replicas',
            holds: publishing.underReplicated > 0,
            found: `${publishing.underReplicated} events`,
          },
        ];
      }
      return practice.confirmedMay === 'lose'
        ? [
            {
              what: "Without failoverRecovery, what was confirmed and not replicated is lost, as 'leader' says",
              holds: publishing.missing.length > 0,
              found: `${publishing.missing.length} confirmed events are missing, ${lost.length} of them were never handled`,
            },
          ]
        : [
            {
              what: 'The trial was hard enough: the promoted server lacked confirmed events, which were stored again',
              holds: missing > 0 && publishing.elsewhere.length > 0,
              found: `${missing} were missing, ${publishing.elsewhere.length} are stored elsewhere now`,
            },
          ];
    },
  });
}
