import { refuseClient } from '@events/redis-streams';
import type { RedisClientOptions } from 'redis';

/** A client of node-redis, of whatever major version and copy of the package: only its options are read. */
export interface BorrowedClient {
  readonly options?: object | undefined;
  readonly isOpen: boolean;
  multi(...args: never[]): unknown;
}

/** The options of a borrowed client. Throws `OptionsError` for one that cannot keep the transport's promises. */
export function optionsOf(client: BorrowedClient): RedisClientOptions {
  const options: RedisClientOptions = client.options ?? {};
  refuseClient('node-redis', {
    isClient: typeof client.isOpen === 'boolean' && typeof client.multi === 'function' && !('pipeline' in client),
    isCluster: 'rootNodes' in options || 'slots' in client,
    hasSentinels: 'sentinelRootNodes' in options || 'getMasterNode' in client || 'getSentinelNode' in client,
    keyPrefix: options.keyPrefix,
  });
  return options;
}
