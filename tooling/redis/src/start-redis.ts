import { launchServers } from './launch-servers.js';
import type { StartRedisOptions } from './redis-options.js';
import type { RedisServer } from './redis-server.js';

/**
 * Starts a redis-server process of its own on 127.0.0.1, with a temporary directory of its own, and resolves when it
 * answers. It ends with `stop()`, and by itself when the starting process ends, however that happens.
 *
 * @throws Error when no server program is found, or when the server does not start, with the end of its log.
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const [server] = (await launchServers([{ options }])) as [RedisServer];
  return server;
}
