import { type RedisServer, startCluster, startRedis, startReplicated } from '@events/tooling-redis';
import { everybody, onCluster, roles } from './redis-users.js';

/** Servers on which users are tried out. */
export interface Ground {
  /** Where a transport finds them. */
  readonly place: object;
  /** What every user needs there beside its role, conveniences included. */
  readonly additions: readonly string[];
  /** Those that hold data. */
  readonly servers: readonly RedisServer[];
  readonly sentinels?: readonly RedisServer[];
  /** The one in charge of a key. */
  masterOf(key: string): Promise<RedisServer>;
  stop(): Promise<void>;
}

const found = (table: ReadonlyMap<string, readonly string[]>, name: string): readonly string[] => table.get(name) ?? [];
const conveniences = found(everybody, 'everybody');
const role = found(everybody, 'everybody, behind Sentinel or on a Cluster');

export const grounds: Readonly<Record<string, () => Promise<Ground>>> = {
  'a single server': async () => {
    const server = await startRedis();
    return {
      place: { host: server.host, port: server.port },
      additions: conveniences,
      servers: [server],
      masterOf: async () => server,
      stop: () => server.stop(),
    };
  },
  Sentinel: async () => {
    const { username, password, rule } = roles.finder;
    const sentinelUsers = ['default off', [username, ...rule].join(' ')];
    const replicated = await startReplicated({ replicas: 1, sentinelUsers });
    return {
      place: {
        sentinels: replicated.sentinelAddresses,
        name: replicated.name,
        ...{ sentinelUsername: username, sentinelPassword: password },
      },
      additions: [...conveniences, ...role],
      servers: replicated.servers,
      sentinels: replicated.sentinels,
      masterOf: () => replicated.master(),
      stop: () => replicated.stop(),
    };
  },
  Cluster: async () => {
    const cluster = await startCluster({ masters: 2, replicasPerMaster: 1 });
    return {
      place: { cluster: cluster.addresses },
      additions: [...conveniences, ...role, ...found(onCluster, 'everybody')],
      servers: cluster.nodes,
      masterOf: (key) => cluster.masterOf(key),
      stop: () => cluster.stop(),
    };
  },
};
