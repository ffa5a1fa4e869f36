import { existsSync } from 'node:fs';
import type { RedisServer } from '../../src/index.js';
import { processRuns } from './processes.js';

/** Notes processes and directories of live servers, and later tells which of them are still there. */
export async function watchRemains(servers: readonly RedisServer[]): Promise<() => Promise<(string | number)[]>> {
  const directories = await Promise.all(
    servers.map(
      async (server) => /^config_file:(.*)\/redis\.conf\r$/m.exec(String(await server.command('INFO', 'server')))?.[1],
    ),
  );
  const pids = servers.map((server) => server.pid);
  if (directories.some((directory) => directory === undefined || !existsSync(directory))) {
    throw new Error('A server has no directory of its own');
  }
  return async () => {
    const left: (string | number)[] = directories.filter(
      (directory) => directory !== undefined && existsSync(directory),
    ) as string[];
    for (const pid of pids) if (await processRuns(pid)) left.push(pid);
    return left;
  };
}
