import type { TransportKit } from '@events/tooling-transport';
import { createClient } from 'redis';
import { RedisTransport, type RedisTransportOptions } from '../src/index.js';

export const kit: TransportKit = {
  name: 'node-redis',
  entry: new URL('../src/index.ts', import.meta.url),
  protocols: { RESP2: { RESP: 2 }, RESP3: { RESP: 3 } },
  create: (options) => new RedisTransport(options as RedisTransportOptions),
  async connectClient({ port, password }) {
    const client = createClient({ socket: { port }, ...(password === undefined ? {} : { password }) });
    await client.connect();
    return { client, ping: () => client.ping(), close: () => client.destroy() };
  },
};
