import type { TransportHarness } from '@events/conformance';
import type { Transport } from '@events/core';
import { startRedis } from '@events/tooling-redis';
import { brokerHarness } from './broker-harness.js';

/** Lets the conformance suite reach a transport on a server of its own, and make that server fail. */
export function redisHarness(name: string, open: (url: string) => Transport): TransportHarness {
  return brokerHarness(name, 0, async () => {
    const server = await startRedis({ appendOnly: 'always' });
    return {
      open: () => open(server.url),
      reached: [server],
      stored: [server],
      masters: async () => [server],
      masterOf: async () => server,
      settled: async () => {},
      stop: () => server.stop(),
    };
  });
}
