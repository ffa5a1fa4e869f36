import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withFileLock } from './file-lock.js';
import { programsOnPath } from './programs-on-path.js';
import { runProgram } from './run-program.js';

// src and dist lie side by side in tooling/redis, so the path holds for both.
const defaultCacheDirectory = fileURLToPath(new URL('../../../node_modules/.cache/redis', import.meta.url));
// Each step has its own deadline; the lock outlasts all of them together.
const updateTimeoutMs = 60_000;
const downloadTimeoutMs = 60_000;
const stepTimeoutMs = 15_000;
const lockTimeoutMs = 180_000;
const libraryDirectories: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};
// The Debian package redis-server holds only links; the program is in redis-tools.
const programPackages = ['redis-server', 'redis-tools'];
const libraryPackages = ['libjemalloc2', 'liblzf1'];

/** What a fetch needs to know. */
export interface FetchOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cacheDirectory?: string;
  /** Tells what is wrong with a program, undefined when it is good. */
  readonly flawOf: (program: string) => Promise<string | undefined>;
}

/**
 * The fetched server, from the cache if it is there, otherwise from the package sources of this Debian or Ubuntu, by an
 * ordinary user and without installing anything. Several processes may ask at once: one fetches, the others wait.
 * Answers with the flaw where this is not possible.
 */
export async function fetchRedisServer(options: FetchOptions): Promise<{ program: string } | { flaw: string }> {
  const cache = options.cacheDirectory ?? defaultCacheDirectory;
  const program = join(cache, 'redis-server');
  if (await isGood(program, options)) return { program };
  const tools = await findTools(options.environment);
  if ('flaw' in tools) return tools;
  try {
    await mkdir(dirname(cache), { recursive: true });
    return await withFileLock(`${cache}.lock`, lockTimeoutMs, async () => {
      if (await isGood(program, options)) return { program };
      await fetchInto(cache, tools);
      const flaw = await options.flawOf(program);
      return flaw === undefined ? { program } : { flaw: `the server fetched with apt-get into ${cache}: ${flaw}` };
    });
  } catch (error) {
    return { flaw: `fetching with apt-get failed: ${(error as Error).message}` };
  }
}

async function isGood(program: string, options: FetchOptions): Promise<boolean> {
  try {
    await access(program);
  } catch {
    return false;
  }
  return (await options.flawOf(program)) === undefined;
}

interface Tools {
  readonly aptGet: string;
  readonly dpkgDeb: string;
  readonly libraries: string;
}

async function findTools(environment: FetchOptions['environment']): Promise<Tools | { flaw: string }> {
  const libraries = libraryDirectories[process.arch];
  if (process.platform !== 'linux' || libraries === undefined) {
    return { flaw: `nothing to fetch for ${process.platform} on ${process.arch}` };
  }
  const path = environment.PATH ?? '';
  const [aptGet] = await programsOnPath('apt-get', path);
  const [dpkgDeb] = await programsOnPath('dpkg-deb', path);
  if (aptGet === undefined || dpkgDeb === undefined) {
    return { flaw: 'nothing to fetch it with: apt-get and dpkg-deb of Debian or Ubuntu are not on PATH' };
  }
  return { aptGet, dpkgDeb, libraries };
}

// Everything happens in a draft directory that is renamed at the end, so a directory of the final name is complete.
async function fetchInto(cache: string, tools: Tools): Promise<void> {
  const draft = `${cache}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const state = join(draft, 'state');
  const debs = join(draft, 'debs');
  const root = join(draft, 'root');
  try {
    for (const directory of [join(state, 'lists', 'partial'), join(state, 'archives', 'partial'), debs, root])
      await mkdir(directory, { recursive: true });
    const configuration = join(draft, 'apt.conf');
    await writeFile(configuration, aptConfiguration(state));
    const apt = (timeoutMs: number, ...words: string[]) =>
      runProgram(tools.aptGet, ['-c', configuration, '-qq', ...words], { timeoutMs, directory: debs });

    // A source that is out of reach must not spoil it where another one has the packages.
    const update = await apt(updateTimeoutMs, 'update');
    const download = await apt(downloadTimeoutMs, 'download', ...(await packagesToFetch(apt)));
    if (!download.succeeded)
      throw new Error([update.failure, download.failure].filter((text) => text !== '').join('; '));
    for (const deb of await readdir(debs)) {
      const unpacked = await runProgram(tools.dpkgDeb, ['-x', deb, root], {
        timeoutMs: stepTimeoutMs,
        directory: debs,
      });
      if (!unpacked.succeeded) throw new Error(unpacked.failure);
    }
    await writeFile(join(draft, 'redis-server'), launcher(tools.libraries), { mode: 0o755 });
    for (const leftover of [state, debs, configuration]) await rm(leftover, { recursive: true, force: true });
    await rm(cache, { recursive: true, force: true });
    await rename(draft, cache);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

// A private state: works for any user and touches nothing outside of it, hooks of the system's configuration included.
function aptConfiguration(state: string): string {
  return `
Dir::State "${state}";
Dir::State::lists "${state}/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "${state}";
Dir::Log "${state}";
Debug::NoLocking "true";
APT::Sandbox::User "root";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
`;
}

// A slim image lacks libraries that a desktop has. A simulated installation names what is missing on this one.
async function packagesToFetch(
  apt: (timeoutMs: number, ...words: string[]) => Promise<{ succeeded: boolean; output: string }>,
): Promise<string[]> {
  const simulated = await apt(stepTimeoutMs, '--simulate', '--no-install-recommends', 'install', 'redis-server');
  if (!simulated.succeeded) return [...programPackages, ...libraryPackages];
  const missing = [...simulated.output.matchAll(/^Inst (\S+) \(/gm)].map((match) => match[1] as string);
  return [...new Set([...programPackages, ...missing])];
}

// `exec` keeps the process id, so a signal reaches the server itself. The path is relative to survive a moved repository.
function launcher(libraries: string): string {
  return `#!/bin/sh
root="\${0%/*}/root"
LD_LIBRARY_PATH="$root/usr/lib/${libraries}:$root/lib/${libraries}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "$root/usr/bin/redis-server" "$@"
`;
}
