import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { findRedisServer, type RedisServer, type StartRedisOptions, startRedis, until } from '../src/index.js';
import { sendCommand } from '../src/send-command.js';
import { processRuns } from './support/processes.js';

const started: RedisServer[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function start(options?: StartRedisOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  started.push(server);
  return server;
}

async function directoryOf(server: RedisServer): Promise<string> {
  const [, directory] = (await server.command('CONFIG', 'GET', 'dir')) as [string, string];
  return directory;
}

function commandAs(server: RedisServer, username: string, password: string, ...words: string[]) {
  return sendCommand({ host: server.host, port: server.port, username, password, timeoutMs: 5_000 }, words);
}

describe('startRedis', () => {
  test('the server answers on loopback alone, and stop leaves no process and no directory behind', async () => {
    const server = await start();
    const directory = await directoryOf(server);
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
    expect(await server.command('PING')).toBe('PONG');
    expect(await server.command('CONFIG', 'GET', 'bind')).toEqual(['bind', '127.0.0.1']);
    expect(await processRuns(server.pid)).toBe(true);
    expect(statSync(directory).mode & 0o077).toBe(0);

    await server.stop();
    await server.stop();
    expect(server.running).toBe(false);
    expect(await processRuns(server.pid)).toBe(false);
    expect(existsSync(directory)).toBe(false);
    await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED');
    await expect(server.restart()).rejects.toThrow('stopped');
    await expect(server.waitUntilReady()).rejects.toThrow('is not started');
  });

  test('many at once get ports and data of their own', async () => {
    const servers = await Promise.all(Array.from({ length: 8 }, () => start()));
    await Promise.all(servers.map((server, index) => server.command('SET', 'index', index)));
    const indexes = await Promise.all(servers.map((server) => server.command('GET', 'index')));
    expect(indexes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(new Set(servers.map((server) => server.port)).size).toBe(8);
  });

  test('persistence is off unless asked for', async () => {
    const server = await start();
    expect(await server.command('CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'no']);
    expect(await server.command('CONFIG', 'GET', 'save')).toEqual(['save', '']);
  });

  test.each([
    [true, 'everysec'],
    ['always', 'always'],
    ['everysec', 'everysec'],
  ] as const)('appendOnly %s', async (appendOnly, appendfsync) => {
    const server = await start({ appendOnly });
    expect(await server.command('CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    expect(await server.command('CONFIG', 'GET', 'appendfsync')).toEqual(['appendfsync', appendfsync]);
  });

  test('memory limit and further directives', async () => {
    const server = await start({
      maxMemory: '8mb',
      config: { 'stream-node-max-entries': 7, 'client-output-buffer-limit': 'normal 1mb 0 0' },
    });
    expect(await server.command('CONFIG', 'GET', 'stream-node-max-entries')).toEqual(['stream-node-max-entries', '7']);
    await expect(server.command('SET', 'small', 'x')).resolves.toBe('OK');
    await expect(server.command('SET', 'large', Buffer.alloc(8 * 1024 * 1024))).rejects.toMatchObject({
      name: 'RedisReplyError',
      message: /^OOM /,
    });
  });

  test('a password, however odd, is asked for and stands in the url', async () => {
    const password = 'p@ss/"\\ \'#$ä:';
    const server = await start({ password });
    expect(decodeURIComponent(new URL(server.url).password)).toBe(password);
    await expect(commandAs(server, 'default', password, 'PING')).resolves.toBe('PONG');
    await expect(commandAs(server, 'default', 'wrong', 'PING')).rejects.toThrow('WRONGPASS');
    await expect(server.command('PING')).resolves.toBe('PONG');
  });

  test('users have the rights of their rules, and the tooling gets in with the default user off', async () => {
    const server = await start({ users: ['alice on >secret ~orders:* +@all -flushall', 'default off'] });
    await expect(commandAs(server, 'alice', 'secret', 'SET', 'orders:1', 'x')).resolves.toBe('OK');
    await expect(commandAs(server, 'alice', 'secret', 'SET', 'payments:1', 'x')).rejects.toThrow('NOPERM');
    await expect(commandAs(server, 'alice', 'secret', 'FLUSHALL')).rejects.toThrow('NOPERM');
    await expect(commandAs(server, 'default', '', 'PING')).rejects.toThrow('WRONGPASS');
    await expect(server.command('GET', 'orders:1')).resolves.toBe('x');
  });

  test('TLS with a certificate that the given authority vouches for', async () => {
    const server = await start({ tls: true, password: 'secret' });
    const tls = server.tls;
    if (tls === undefined) throw new Error('The server has no TLS side');
    expect(tls.url).toBe(`rediss://:secret@127.0.0.1:${tls.port}`);
    for (const host of ['127.0.0.1', 'localhost']) {
      const socket = connect({
        host: '127.0.0.1',
        port: tls.port,
        ca: tls.ca,
        ...(host === 'localhost' ? { servername: host } : {}),
      });
      await once(socket, 'secureConnect');
      expect(socket.authorized).toBe(true);
      socket.write('AUTH secret\r\nPING\r\n');
      let answer = '';
      for await (const bytes of socket) {
        answer += String(bytes);
        if (answer.includes('PONG')) break;
      }
      expect(answer).toBe('+OK\r\n+PONG\r\n');
    }
    const stranger = connect({ host: '127.0.0.1', port: tls.port });
    const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
  });

  test('a directive that the server refuses is told with its log, and nothing is left behind', async () => {
    await expect(startRedis({ config: { 'no-such-directive': 'yes' } })).rejects.toThrow(
      /does not run \(exit code 1\)[\s\S]*no-such-directive/,
    );
    await expect(startRedis({ users: ['alice on\nport 1'] })).rejects.toThrow('must not hold a line break');
  });

  test('a port in use is an error when it was asked for', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    await expect(startRedis({ port })).rejects.toThrow(/does not run[\s\S]*Address already in use/);
    listener.close();
  });

  test('a wrapper script that does not exec is refused and its server ended', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'events-wrapper-'));
    const wrapper = join(directory, 'redis-server');
    await writeFile(wrapper, `#!/bin/sh\n"${await findRedisServer()}" "$@" &\necho $! >"${directory}/pid"\nwait\n`, {
      mode: 0o755,
    });
    const failure = await startRedis({ binary: wrapper }).catch((error: Error) => error.message);
    expect(failure).toMatch(/runs the server as a child .* must `exec` it/);
    const pid = Number(/child \((\d+)/.exec(String(failure))?.[1]);
    await until(async () => !(await processRuns(pid)), { message: 'the wrapped server to end' });
    await rm(directory, { recursive: true });
  });
});
