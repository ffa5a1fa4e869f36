import type { TransportHarness } from '@events/conformance';
import type { Transport } from '@events/core';
import { type RedisServer, startRedis } from '@events/tooling-redis';

/** Lets the conformance suite reach a transport on a server of its own, and make that server fail. */
export function redisHarness(name: string, open: (url: string) => Transport): TransportHarness {
  let starting: Promise<RedisServer> | undefined;
  const server = () => {
    starting ??= startRedis({ appendOnly: 'always' });
    return starting;
  };
  return {
    name,
    replicas: 0,
    open: async () => open((await server()).url),
    faults: {
      killConnections: async () => {
        await (await server()).dropConnections();
      },
      restart: async () => (await server()).restart(),
      freeze: async () => (await server()).freeze(),
      thaw: async () => (await server()).thaw(),
      loseEverything: async () => {
        await (await server()).command('FLUSHALL');
      },
      putForeignEntry: async (stream, fields) => String(await (await server()).command('XADD', stream, '*', ...fields)),
    },
    close: async () => (await server()).stop(),
  };
}
