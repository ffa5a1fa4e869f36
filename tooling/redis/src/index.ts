export {
  type FaultProxy,
  type FaultProxyDirection,
  type FaultProxyMode,
  type FaultProxyOptions,
  startFaultProxy,
} from './fault-proxy.js';
export { type FindRedisServerOptions, findRedisServer } from './find-redis-server.js';
export { keySlot } from './key-slot.js';
export type { MoveSlotOptions, RedisCluster } from './redis-cluster.js';
export type {
  NodeAddressMap,
  RedisAddress,
  RedisSetOptions,
  RedisTls,
  StartRedisOptions,
} from './redis-options.js';
export { type RedisReply, RedisReplyError } from './redis-reply.js';
export type { RedisServer } from './redis-server.js';
export type { ReplicatedRedis, SettleOptions } from './replicated-redis.js';
export type { SlotMigration } from './slot-migration.js';
export { type StartClusterOptions, startCluster } from './start-cluster.js';
export { startRedis } from './start-redis.js';
export { type StartReplicatedOptions, startReplicated } from './start-replicated.js';
export { type UntilOptions, until } from './until.js';
