import { OptionsError } from '@events/core';
import { type Endpoint, type NodeAddress, nodeAddressMapOf, refuseClient } from '@events/redis-streams';
import type { RedisClientOptions } from 'redis';
import { NodeRedisConnector, type PlaceOfSocket } from './connector.js';

/** A client of node-redis, of whatever major version and copy of the package: only its options are read. */
export interface BorrowedClient {
  readonly options?: object | undefined;
  readonly isOpen: boolean;
  multi(...args: never[]): unknown;
}

/** What `createCluster` was given. */
interface ClusterOptions {
  readonly rootNodes: readonly RedisClientOptions[];
  readonly defaults?: RedisClientOptions;
  readonly keyPrefix?: unknown;
  readonly nodeAddressMap?: Readonly<Record<string, NodeAddress>> | ((address: string) => NodeAddress | undefined);
}

/** A connector with the options of a borrowed client. Throws `OptionsError` for one that cannot keep the promises. */
export function connectorOf(client: BorrowedClient & { readonly _options?: unknown }): NodeRedisConnector {
  const options: RedisClientOptions = client.options ?? {};
  const cluster = clusterOptionsOf(client._options) ?? clusterOptionsOf(client.options);
  refuseClient('node-redis', {
    isClient: typeof client.isOpen === 'boolean' && typeof client.multi === 'function' && !('pipeline' in client),
    keyPrefix: options.keyPrefix ?? cluster?.keyPrefix,
  });
  if (cluster !== undefined) return clusterConnector(cluster);
  if ('sentinelRootNodes' in options || 'getMasterNode' in client || 'getSentinelNode' in client) {
    throw new OptionsError(
      'client is connected to Sentinel, and node-redis does not tell its options; use sentinels and name instead',
    );
  }
  if ('slots' in client) {
    throw new OptionsError('client is connected to a Cluster, and does not tell its options; use cluster instead');
  }
  const server = { ...options };
  return new NodeRedisConnector(
    { kind: 'server', at: placeOf(options) },
    { server, sentinel: {}, connectionName: undefined },
  );
}

function clusterOptionsOf(options: unknown): ClusterOptions | undefined {
  const isCluster = typeof options === 'object' && options !== null && 'rootNodes' in options;
  return isCluster ? (options as ClusterOptions) : undefined;
}

function clusterConnector({ rootNodes, defaults = {}, nodeAddressMap }: ClusterOptions): NodeRedisConnector {
  return new NodeRedisConnector(
    { kind: 'cluster', at: rootNodes.map(placeOf), mapAddress: nodeAddressMapOf(nodeAddressMap) },
    { server: defaults, sentinel: {}, connectionName: undefined },
  );
}

function placeOf({ url, socket }: RedisClientOptions): Endpoint {
  const { host, port, path } = (socket ?? {}) as PlaceOfSocket;
  if (path !== undefined) return { path };
  if (url === undefined) return { host: host ?? 'localhost', port: port ?? 6379 };
  const parts = new URL(url);
  return { host: parts.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(parts.port || 6379) };
}
