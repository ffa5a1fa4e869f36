import type { TransportKit } from '@events/tooling-transport';
import { Redis } from 'ioredis';
import { RedisTransport, type RedisTransportOptions } from '../src/index.js';

// version 5 speaks RESP2 alone
const speaksBoth = new Redis({ lazyConnect: true }).options.protocol !== undefined;

export const kit: TransportKit = {
  name: 'ioredis',
  entry: new URL('../src/index.ts', import.meta.url),
  protocols: speaksBoth ? { RESP2: { protocol: 2 }, RESP3: { protocol: 3 } } : { RESP2: {} },
  create: (options) => new RedisTransport(options as RedisTransportOptions),
  async connectClient(options) {
    const client = new Redis({ ...options, lazyConnect: true });
    await client.connect();
    return { client, ping: () => client.ping(), close: () => client.disconnect() };
  },
};
