import type { TransportHarness } from '@events/conformance';
import type { RedisTransportOptions } from '@events/redis-streams';
import { startReplicated } from '@events/tooling-redis';
import { brokerHarness } from './broker-harness.js';
import { conformanceTimeoutMs, type TransportKit } from './kit.js';

/** As `redisHarness`, with three sentinels and two replicas. Nobody is promoted: a fault concerns the broker as a whole. */
export function sentinelHarness(kit: TransportKit): TransportHarness {
  return brokerHarness(`${kit.name}, with sentinels`, 2, async () => {
    const set = await startReplicated({ appendOnly: 'always', downAfterMs: conformanceTimeoutMs });
    const options: RedisTransportOptions = { sentinels: set.sentinelAddresses, name: set.name };
    return {
      open: () => kit.create(options),
      reached: [...set.servers, ...set.sentinels],
      stored: set.servers,
      masters: async () => [await set.master()],
      masterOf: () => set.master(),
      settled: () => set.waitUntilSettled(),
      stop: () => set.stop(),
    };
  });
}
