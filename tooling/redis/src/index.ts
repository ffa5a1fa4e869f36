export {
  type FaultProxy,
  type FaultProxyDirection,
  type FaultProxyMode,
  type FaultProxyOptions,
  startFaultProxy,
} from './fault-proxy.js';
export { type FindRedisServerOptions, findRedisServer } from './find-redis-server.js';
export type { RedisTls, StartRedisOptions } from './redis-options.js';
export { type RedisReply, RedisReplyError } from './redis-reply.js';
export type { RedisServer } from './redis-server.js';
export { startRedis } from './start-redis.js';
export { type UntilOptions, until } from './until.js';
