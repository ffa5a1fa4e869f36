import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findRedisServer } from '@events/tooling-redis';

const run = promisify(execFile);

/** The versions of everything that takes part. */
export async function versions(): Promise<Record<string, string>> {
  const { stdout } = await run(await findRedisServer(), ['--version']);
  return {
    node: process.versions.node,
    server: /v=(\S+)/.exec(stdout)?.[1] ?? stdout.trim(),
    ioredis: versionOf('ioredis'),
    redis: versionOf('redis'),
    '@events/core': versionOf('@events/core'),
  };
}

export function machine(): string {
  const [first] = cpus();
  return `${cpus().length} cores (${first?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

/** The commit that is checked out; a directory without one is possible. */
export async function commit(): Promise<string> {
  try {
    const { stdout } = await run('git', ['describe', '--always', '--abbrev=40', '--dirty= with changes']);
    return stdout.trim();
  } catch {
    return 'none'; // not a repository, or one without commits
  }
}

function versionOf(name: string): string {
  for (let directory = dirname(fileURLToPath(import.meta.resolve(name))); ; directory = dirname(directory)) {
    const manifest = manifestIn(directory);
    if (manifest?.name === name && manifest.version !== undefined) return manifest.version;
    if (directory === dirname(directory)) throw new Error(`No package.json of ${name} was found`);
  }
}

function manifestIn(directory: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  } catch {
    return undefined; // most directories on the way have none
  }
}
