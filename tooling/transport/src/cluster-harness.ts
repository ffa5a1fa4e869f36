import type { TransportHarness } from '@events/conformance';
import type { RedisTransportOptions } from '@events/redis-streams';
import { startCluster } from '@events/tooling-redis';
import { brokerHarness } from './broker-harness.js';
import { conformanceTimeoutMs, type TransportKit } from './kit.js';

/** As `redisHarness`, with three masters and a replica of each. Nobody is promoted: a fault concerns the broker as a whole. */
export function clusterHarness(kit: TransportKit): TransportHarness {
  return brokerHarness(`${kit.name}, with a cluster`, 1, async () => {
    const cluster = await startCluster({ appendOnly: 'always', nodeTimeoutMs: conformanceTimeoutMs });
    const options: RedisTransportOptions = { cluster: cluster.addresses.slice(0, 3) };
    return {
      open: () => kit.create(options),
      reached: cluster.nodes,
      stored: cluster.nodes,
      masters: () => cluster.masters(),
      masterOf: (stream) => cluster.masterOf(stream),
      settled: () => cluster.waitUntilSettled(),
      stop: () => cluster.stop(),
    };
  });
}
