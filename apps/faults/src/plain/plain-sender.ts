import { placeOf } from '../audit/place.js';
import type { Address } from '../ground.js';
import type { Sender } from '../sender.js';
import type { Client } from '../transports.js';
import { openPlainClient } from './plain-client.js';

/** Publishes with an awaited `XADD` and nothing else, on a client with default options. */
export async function openPlainSender(library: Client, address: Address, stream: string): Promise<Sender> {
  const client = await openPlainClient(library, address);
  return {
    send: async ({ id }) => placeOf(stream, await client.append(stream, { id })),
    close: () => client.drop(),
  };
}
