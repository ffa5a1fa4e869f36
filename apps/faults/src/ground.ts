import {
  type NodeAddressMap,
  type RedisAddress,
  type RedisCluster,
  type RedisServer,
  type ReplicatedRedis,
  type StartClusterOptions,
  type StartRedisOptions,
  type StartReplicatedOptions,
  startCluster,
  startRedis,
  startReplicated,
} from '@events/tooling-redis';

/** Where a client connects, as options of a transport. Travels as JSON. */
export type Address =
  | { readonly url: string }
  | { readonly sentinels: readonly RedisAddress[]; readonly name: string; readonly nodeAddressMap: NodeAddressMap }
  | { readonly cluster: readonly RedisAddress[]; readonly nodeAddressMap: NodeAddressMap };

/** What a trial stands on: one server, a master with replicas under sentinels, or a cluster. */
export type GroundPlan =
  | { readonly kind: 'single'; readonly options?: StartRedisOptions }
  | { readonly kind: 'sentinel'; readonly options?: StartReplicatedOptions }
  | { readonly kind: 'cluster'; readonly options?: StartClusterOptions };

/** Servers that run. */
export type Ground =
  | { readonly kind: 'single'; readonly redis: RedisServer }
  | { readonly kind: 'sentinel'; readonly redis: ReplicatedRedis }
  | { readonly kind: 'cluster'; readonly redis: RedisCluster };

const commandTimeoutMs = 60_000;

export async function openGround(plan: GroundPlan): Promise<Ground> {
  switch (plan.kind) {
    case 'single':
      return { kind: 'single', redis: await startRedis({ commandTimeoutMs, ...plan.options }) };
    case 'sentinel':
      return { kind: 'sentinel', redis: await startReplicated({ ...plan.options }) };
    case 'cluster':
      return { kind: 'cluster', redis: await startCluster({ ...plan.options }) };
  }
}

/** Where clients connect. The address of a cluster changes when a node is added. */
export function addressOf(ground: Ground): Address {
  switch (ground.kind) {
    case 'single':
      return { url: ground.redis.url };
    case 'sentinel': {
      const { sentinelAddresses: sentinels, name, nodeAddressMap } = ground.redis;
      return { sentinels, name, nodeAddressMap };
    }
    case 'cluster': {
      const { addresses: cluster, nodeAddressMap } = ground.redis;
      return { cluster, nodeAddressMap };
    }
  }
}

/** The server that is in charge of a stream. */
export function serverOf(ground: Ground, stream: string): Promise<RedisServer> {
  switch (ground.kind) {
    case 'single':
      return Promise.resolve(ground.redis);
    case 'sentinel':
      return ground.redis.master();
    case 'cluster':
      return ground.redis.masterOf(stream);
  }
}
