import { resolve, sep } from 'node:path';
import { fetchRedisServer } from './fetch-redis-server.js';
import { installHint } from './install-hint.js';
import { programsOnPath } from './programs-on-path.js';
import { runProgram } from './run-program.js';

const names = ['redis-server', 'valkey-server'];
const oldestMajor = 7;
const versionTimeoutMs = 10_000;

/** Where `findRedisServer` looks. */
export interface FindRedisServerOptions {
  /** Environment to read `REDIS_SERVER_BIN` and `PATH` from. Default: that of this process. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Directory of a fetched server. Default: `node_modules/.cache/redis` of the repository. */
  cacheDirectory?: string;
}

/**
 * Path of a redis-server or valkey-server program of version 7.0 or newer: `REDIS_SERVER_BIN` if it is set, otherwise
 * the first good one on PATH, otherwise one that is fetched into `node_modules/.cache/redis`, which needs Debian or
 * Ubuntu and no root. Nothing is installed on the system.
 *
 * @throws Error that says what was tried and what to install, or what is wrong with `REDIS_SERVER_BIN`.
 */
export async function findRedisServer(options: FindRedisServerOptions = {}): Promise<string> {
  const { environment = process.env } = options;
  const named = environment.REDIS_SERVER_BIN;
  if (named !== undefined && named !== '') {
    const program = named.includes(sep) ? resolve(named) : named;
    const flaw = await flawOf(program);
    if (flaw === undefined) return program;
    throw new Error(`REDIS_SERVER_BIN is set to ${named}, but ${flaw}`);
  }

  const flaws: string[] = [];
  for (const name of names) {
    for (const candidate of await programsOnPath(name, environment.PATH ?? '')) {
      const flaw = await flawOf(candidate);
      if (flaw === undefined) return candidate;
      flaws.push(`${candidate}: ${flaw}`);
    }
  }
  if (flaws.length === 0) flaws.push(`no ${names.join(' or ')} on PATH`);

  const fetched = await fetchRedisServer({
    environment,
    flawOf,
    ...(options.cacheDirectory === undefined ? {} : { cacheDirectory: options.cacheDirectory }),
  });
  if ('program' in fetched) return fetched.program;
  flaws.push(fetched.flaw);
  throw new Error(`No Redis server was found.\n${flaws.map((flaw) => `  - ${flaw}`).join('\n')}\n${installHint()}`);
}

async function flawOf(program: string): Promise<string | undefined> {
  const result = await runProgram(program, ['--version'], { timeoutMs: versionTimeoutMs });
  if (!result.succeeded) return `it does not run: ${result.failure}`;
  const version = /\bv=(\d+)\.(\d+)\.(\d+)/.exec(result.output);
  if (version === null)
    return `it is no Redis server: --version printed ${JSON.stringify(result.output.slice(0, 200))}`;
  if (Number(version[1]) < oldestMajor)
    return `its version ${version.slice(1).join('.')} is too old: ${oldestMajor}.0 or newer is needed`;
  return undefined;
}
