import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findRedisServer, startRedis } from '../src/index.js';
import { installHint } from '../src/install-hint.js';

let directory: string;
let cacheDirectory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-find-'));
  cacheDirectory = join(directory, 'cache', 'redis');
});
afterEach(() => rm(directory, { recursive: true }));

/** A program of this name in a directory of its own, which is returned. */
async function program(place: string, name: string, script: string): Promise<string> {
  const bin = join(directory, place);
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return bin;
}
const version = (text: string) => `echo '${text}'`;
const good = version('Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0');

describe('REDIS_SERVER_BIN', () => {
  const find = (named: string) =>
    findRedisServer({ environment: { REDIS_SERVER_BIN: named, PATH: '' }, cacheDirectory });

  test('is taken before anything else', async () => {
    const bin = await program('bin', 'my-redis', good);
    expect(await find(join(bin, 'my-redis'))).toBe(join(bin, 'my-redis'));
  });

  test('may be a Valkey', async () => {
    const bin = await program(
      'bin',
      'valkey-server',
      version('Valkey server v=8.1.1 sha=00000000:0 malloc=libc bits=64'),
    );
    expect(await find(join(bin, 'valkey-server'))).toBe(join(bin, 'valkey-server'));
  });

  test.each([
    ['is missing', undefined, /it does not run: .*ENOENT/],
    [
      'fails',
      'echo "libssl.so.3: cannot open shared object file" >&2; exit 127',
      /it does not run: libssl\.so\.3: cannot open/,
    ],
    [
      'is another program',
      'echo "nginx version: 1.2"',
      /it is no Redis server: --version printed "nginx version: 1\.2/,
    ],
    ['is too old', version('Redis server v=6.2.14 sha=0'), /its version 6\.2\.14 is too old: 7\.0 or newer is needed/],
  ])('that %s is an error', async (_name, script, reason) => {
    const bin = script === undefined ? directory : await program('bin', 'server', script);
    const failure = find(join(bin, 'server'));
    await expect(failure).rejects.toThrow(`REDIS_SERVER_BIN is set to ${join(bin, 'server')}, but`);
    await expect(failure).rejects.toThrow(reason);
  });

  test('that is not executable is an error', async () => {
    const bin = await program('bin', 'server', good);
    await chmod(join(bin, 'server'), 0o644);
    await expect(find(join(bin, 'server'))).rejects.toThrow(/but it does not run: .*EACCES/);
  });
});

describe('PATH', () => {
  test('the first good one is taken, redis-server before valkey-server, older ones are passed over', async () => {
    const old = await program('old', 'redis-server', version('Redis server v=6.0.16 sha=0'));
    const valkey = await program('valkey', 'valkey-server', version('Valkey server v=8.0.0 sha=0'));
    const redis = await program('redis', 'redis-server', good);
    const find = (...path: string[]) =>
      findRedisServer({ environment: { PATH: path.join(delimiter) }, cacheDirectory });
    expect(await find('', '/does/not/exist', old, valkey, redis)).toBe(join(redis, 'redis-server'));
    expect(await find(old, valkey)).toBe(join(valkey, 'valkey-server'));
  });

  test('without a server and without apt-get the error says what to install and why others did not do', async () => {
    const old = await program('old', 'redis-server', version('Redis server v=6.0.16 sha=0'));
    const failure = findRedisServer({ environment: { PATH: old }, cacheDirectory });
    await expect(failure).rejects.toThrow(`${join(old, 'redis-server')}: its version 6.0.16 is too old`);
    await expect(failure).rejects.toThrow('Install Redis 7.0 or newer, or Valkey 7.2 or newer:');
    await expect(failure).rejects.toThrow('or set REDIS_SERVER_BIN to the path');
    await expect(findRedisServer({ environment: {}, cacheDirectory })).rejects.toThrow(
      'no redis-server or valkey-server on PATH',
    );
  });

  test.each([
    ['linux', ['sudo apt-get install redis-server', 'sudo dnf install redis', 'sudo apk add redis']],
    ['darwin', ['brew install redis']],
    ['win32', ['WSL']],
    ['freebsd', ['package manager of your system']],
  ] as const)('the hint for %s', (platform, parts) => {
    for (const part of parts) expect(installHint(platform)).toContain(part);
  });
});

const onDebian = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);
(onDebian ? describe : describe.skip)('the fetch, with an apt-get and a dpkg-deb of the test', () => {
  // The first notes how it is called and "downloads", the second "unpacks" a server that prints a version.
  async function debian(downloadScript: string, server = good): Promise<string> {
    await program(
      'debian',
      'apt-get',
      `echo "$*" >>"${directory}/calls"
case "$*" in
  *simulate*) echo 'Inst libssl3 (3.0.15 Debian)'; echo 'Inst libc6 [2.36] (2.37 Debian)'; echo 'Conf libssl3 (3.0.15 Debian)';;
  *download*) ${downloadScript};;
esac`,
    );
    return await program(
      'debian',
      'dpkg-deb',
      `mkdir -p "$3/usr/bin"; printf '%s\\n' '#!/bin/sh' ${JSON.stringify(server)} >"$3/usr/bin/redis-server"; chmod +x "$3/usr/bin/redis-server"`,
    );
  }
  const calls = async () => (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n');
  const downloads = async () => (await calls()).filter((call) => call.includes(' download '));

  test('happens once, though many ask at once, and adds the libraries that this system lacks', async () => {
    const environment = { PATH: await debian('touch redis-tools.deb') };
    const found = await Promise.all(Array.from({ length: 4 }, () => findRedisServer({ environment, cacheDirectory })));
    expect(new Set(found)).toEqual(new Set([join(cacheDirectory, 'redis-server')]));
    expect(await downloads()).toHaveLength(1);
    expect((await downloads())[0]).toMatch(/ download redis-server redis-tools libssl3$/);
    expect(await readdir(join(directory, 'cache'))).toEqual(['redis']);
    expect(await readdir(cacheDirectory)).toEqual(['redis-server', 'root']);
  });

  test('happens once for several processes', async () => {
    const path = await debian('touch redis-tools.deb');
    const loader = new URL('support/typescript-loader.mjs', import.meta.url).href;
    const source = new URL('../src/find-redis-server.ts', import.meta.url).href;
    const code = `const { findRedisServer } = await import(${JSON.stringify(source)});
      console.log(await findRedisServer({ environment: { PATH: ${JSON.stringify(path)} }, cacheDirectory: ${JSON.stringify(cacheDirectory)} }));`;
    const outputs = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, ['--import', loader, '--input-type=module', '-e', code], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, NODE_OPTIONS: '' },
        });
        let output = '';
        child.stdout.on('data', (bytes) => (output += String(bytes)));
        await once(child, 'close');
        return output.trim();
      }),
    );
    expect(outputs).toEqual(Array(3).fill(join(cacheDirectory, 'redis-server')));
    expect(await downloads()).toHaveLength(1);
  });

  test('is repeated when what is cached does not run', async () => {
    const environment = { PATH: await debian('touch redis-tools.deb') };
    await mkdir(cacheDirectory, { recursive: true });
    await writeFile(join(cacheDirectory, 'redis-server'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect(await findRedisServer({ environment, cacheDirectory })).toBe(join(cacheDirectory, 'redis-server'));
    expect(await downloads()).toHaveLength(1);
  });

  test('that fails is told with the words of apt-get and leaves nothing behind', async () => {
    const environment = { PATH: await debian('echo "E: Unable to locate package redis-server" >&2; exit 100') };
    const failure = findRedisServer({ environment, cacheDirectory });
    await expect(failure).rejects.toThrow('fetching with apt-get failed: E: Unable to locate package redis-server');
    await expect(failure).rejects.toThrow('or set REDIS_SERVER_BIN');
    expect(await readdir(join(directory, 'cache'))).toEqual([]);
  });

  test('that brings too old a server is told', async () => {
    const environment = { PATH: await debian('touch redis-tools.deb', version('Redis server v=6.0.16 sha=0')) };
    await expect(findRedisServer({ environment, cacheDirectory })).rejects.toThrow(
      /fetched with apt-get into .*: its version 6\.0\.16 is too old/,
    );
  });
});

test('startRedis passes the error of a broken REDIS_SERVER_BIN on', async () => {
  const before = process.env.REDIS_SERVER_BIN;
  process.env.REDIS_SERVER_BIN = join(directory, 'missing');
  try {
    await expect(startRedis()).rejects.toThrow(
      `REDIS_SERVER_BIN is set to ${join(directory, 'missing')}, but it does not run`,
    );
  } finally {
    if (before === undefined) delete process.env.REDIS_SERVER_BIN;
    else process.env.REDIS_SERVER_BIN = before;
  }
  expect(existsSync(join(directory, 'missing'))).toBe(false);
});
