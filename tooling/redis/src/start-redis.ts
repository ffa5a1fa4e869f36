import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer } from './find-redis-server.js';
import { freePort } from './free-port.js';
import type { RedisTls, StartRedisOptions } from './redis-options.js';
import { PortTakenError, RedisServer, serverUrl } from './redis-server.js';
import { tlsFixture } from './tls-fixture.js';

const portAttempts = 20;

/**
 * Starts a redis-server process of its own on 127.0.0.1, with a temporary directory of its own, and resolves when it
 * answers. It ends with `stop()`, and by itself when the starting process ends, however that happens.
 *
 * @throws Error when no server program is found, or when the server does not start, with the end of its log.
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const binary = options.binary ?? (await findRedisServer());
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'events-redis-')));
  try {
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? (await freePort());
      const tls = options.tls === true ? await describeTls(options, port) : undefined;
      const server = new RedisServer(options, { binary, directory, port, tls });
      try {
        await server.launch();
        return server;
      } catch (error) {
        await server.kill();
        const retry = error instanceof PortTakenError && options.port === undefined && attempt < portAttempts;
        if (!retry) throw error;
      }
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function describeTls(options: StartRedisOptions, plainPort: number): Promise<RedisTls> {
  let port: number;
  do port = await freePort();
  while (port === plainPort);
  return {
    port,
    url: serverUrl('rediss', port, options.password),
    ca: await readFile(tlsFixture.authorityFile, 'utf8'),
  };
}
