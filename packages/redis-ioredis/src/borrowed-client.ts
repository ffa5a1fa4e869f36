import { type Endpoint, nodeAddressMapOf, refuseClient } from '@events/redis-streams';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { IoredisConnector } from './connector.js';

/** An ioredis client, of whatever major version and copy of the package: only its options are read. */
export interface BorrowedClient {
  readonly options: object;
  readonly status: string;
  pipeline(...args: never[]): unknown;
}

/** What a client of a cluster has besides. */
interface ClusterParts {
  readonly isCluster?: unknown;
  readonly startupNodes?: readonly unknown[];
}

/** A connector with the options of a borrowed client. Throws `OptionsError` for one that cannot keep the promises. */
export function connectorOf(client: BorrowedClient & ClusterParts): IoredisConnector {
  const options: RedisOptions & ClusterOptions = client.options ?? {};
  refuseClient('ioredis', {
    isClient: typeof client.status === 'string' && typeof client.pipeline === 'function',
    keyPrefix: options.keyPrefix ?? options.redisOptions?.keyPrefix,
  });
  if (client.isCluster === true) return clusterConnector(client.startupNodes ?? [], options);
  if ((options.sentinels ?? null) !== null) return sentinelConnector(options);
  const { path, host = 'localhost', port = 6379 } = options;
  const at: Endpoint = typeof path === 'string' ? { path } : { host, port };
  return new IoredisConnector({ kind: 'server', at }, { server: options, sentinel: {}, connectionName: undefined });
}

function sentinelConnector(options: RedisOptions): IoredisConnector {
  const { username: _, password: __, tls, db: ___, ...rest } = options;
  const { sentinelUsername, sentinelPassword, sentinelTLS, enableTLSForSentinelMode } = options;
  const sentinel: RedisOptions = { ...rest };
  if (sentinelUsername) sentinel.username = sentinelUsername;
  if (sentinelPassword) sentinel.password = sentinelPassword;
  if (sentinelTLS) sentinel.tls = sentinelTLS;
  const { tls: ____, ...server } = options;
  return new IoredisConnector(
    {
      kind: 'sentinel',
      name: options.name ?? '',
      at: (options.sentinels ?? []).map(({ host = '127.0.0.1', port = 26_379 }) => ({ host, port })),
      mapAddress: nodeAddressMapOf(options.natMap),
    },
    {
      server: enableTLSForSentinelMode === true && tls ? { ...server, tls } : server,
      sentinel,
      connectionName: undefined,
    },
  );
}

function clusterConnector(nodes: readonly unknown[], options: ClusterOptions): IoredisConnector {
  return new IoredisConnector(
    { kind: 'cluster', at: nodes.map(seedOf), mapAddress: nodeAddressMapOf(options.natMap) },
    { server: { ...options.redisOptions }, sentinel: {}, connectionName: undefined },
  );
}

// what ioredis takes for a node: a port, a url, or an object
function seedOf(node: unknown): Endpoint {
  if (typeof node === 'number') return { host: '127.0.0.1', port: node };
  if (typeof node === 'string') {
    const { hostname, port } = new URL(/^rediss?:/.test(node) ? node : `redis://${node}`);
    return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379) };
  }
  const { host, port } = node as { host?: string; port?: number | string };
  return { host: host ?? '127.0.0.1', port: Number(port ?? 6379) };
}
