import { refuseClient } from '@events/redis-streams';
import type { RedisOptions } from 'ioredis';

/** An ioredis client, of whatever major version and copy of the package: only its options are read. */
export interface BorrowedClient {
  readonly options: object;
  readonly status: string;
  pipeline(...args: never[]): unknown;
}

/** The options of a borrowed client. Throws `OptionsError` for one that cannot keep the transport's promises. */
export function optionsOf(client: BorrowedClient & { readonly isCluster?: unknown }): RedisOptions {
  const options: RedisOptions = client.options ?? {};
  refuseClient('ioredis', {
    isClient: typeof client.status === 'string' && typeof client.pipeline === 'function',
    isCluster: client.isCluster === true,
    hasSentinels: (options.sentinels ?? null) !== null,
    keyPrefix: options.keyPrefix,
  });
  return options;
}
