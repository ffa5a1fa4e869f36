import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type RedisServer, type StartRedisOptions, startRedis, until } from '../src/index.js';
import { processRuns } from './support/processes.js';

let server: RedisServer;
const clients: Socket[] = [];

beforeEach(async () => {
  server = await startRedis({ appendOnly: 'always' });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server.stop();
});

async function replaceServer(options: StartRedisOptions): Promise<void> {
  await server.stop();
  server = await startRedis(options);
}

/** A connection with a name, ready for use. */
async function client(name: string): Promise<Socket> {
  const socket = connect(server.port, server.host);
  clients.push(socket);
  socket.on('error', () => undefined); // a reset is a way to be closed
  socket.write(`CLIENT SETNAME ${name}\r\n`);
  await once(socket, 'data');
  return socket;
}

async function ping(socket: Socket): Promise<string> {
  socket.write('PING\r\n');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

describe('a server that fails', () => {
  test('restart keeps port and data with appendOnly', async () => {
    const { pid, port } = server;
    await server.command('SET', 'kept', 'yes');
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(await processRuns(pid)).toBe(false);
    expect(server.port).toBe(port);
    expect(await server.command('GET', 'kept')).toBe('yes');
  });

  test('kill ends it at once, and restart brings it back with its data', async () => {
    const socket = await client('any');
    await server.command('SET', 'kept', 'yes');
    const closed = once(socket, 'close');
    await server.kill();
    await closed;
    expect(server.running).toBe(false);
    await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED');
    await expect(server.waitUntilReady()).rejects.toThrow('does not run (signal SIGKILL)');
    await server.restart();
    expect(await server.command('GET', 'kept')).toBe('yes');
  });

  test('restart without appendOnly loses the data', async () => {
    const forgetful = await startRedis();
    await forgetful.command('SET', 'lost', 'yes');
    await forgetful.restart();
    expect(await forgetful.command('EXISTS', 'lost')).toBe(0);
    await forgetful.stop();
  });

  test('frozen it answers nothing, thawed it goes on with the same connections', async () => {
    await replaceServer({ commandTimeoutMs: 150 });
    const socket = await client('any');
    await server.freeze();
    let answered = false;
    const answer = ping(socket).finally(() => (answered = true));
    await expect(server.command('PING')).rejects.toThrow(
      `PING was not answered within 150 ms by 127.0.0.1:${server.port}`,
    );
    await expect(server.waitUntilReady(50)).rejects.toThrow('was not ready within 50 ms');
    expect(answered).toBe(false);
    expect(server.running).toBe(true);
    server.thaw();
    expect(await answer).toBe('+PONG\r\n');
    await server.waitUntilReady();
  });

  test('restart waits for its port when another holds it for the moment', async () => {
    await server.kill();
    const holder = createServer((socket) => socket.destroy()).listen(server.port, server.host);
    await once(holder, 'listening');
    const restarted = server.restart();
    await once(holder, 'connection');
    holder.close();
    await restarted;
    expect(await server.command('PING')).toBe('PONG');
  });

  test.each(['stop', 'restart', 'kill'] as const)('%s ends a frozen server', async (way) => {
    const { pid } = server;
    const [, directory] = (await server.command('CONFIG', 'GET', 'dir')) as [string, string];
    await server.freeze();
    await server[way]();
    expect(await processRuns(pid)).toBe(false);
    expect(existsSync(directory)).toBe(way !== 'stop');
  });

  test('stop ends a server that is busy with a script', async () => {
    await replaceServer({ commandTimeoutMs: 150 });
    const { pid } = server;
    const script = server.command('EVAL', 'while true do end', 0);
    await expect(script).rejects.toThrow('EVAL was not answered');
    await server.stop();
    expect(await processRuns(pid)).toBe(false);
  });

  test('dropConnections closes every client, subscribers too', async () => {
    const [normal, subscriber] = await Promise.all([client('normal'), client('subscriber')]);
    subscriber.write('SUBSCRIBE news\r\n');
    await once(subscriber, 'data');
    const closed = Promise.all([once(normal, 'close'), once(subscriber, 'close')]);
    expect(await server.dropConnections()).toBe(2);
    await closed;
  });

  test('dropConnection closes the client of that name or id alone', async () => {
    const [first, second, third] = await Promise.all([client('first'), client('second'), client('third')]);
    const firstClosed = once(first, 'close');
    expect(await server.dropConnection('first')).toBe(1);
    await firstClosed;

    second.write('CLIENT ID\r\n');
    const [answer] = (await once(second, 'data')) as [Buffer];
    const secondClosed = once(second, 'close');
    expect(await server.dropConnection(Number(answer.toString().slice(1)))).toBe(1);
    await secondClosed;

    expect(await server.dropConnection('nobody')).toBe(0);
    expect(await server.dropConnection('')).toBe(0);
    expect(await ping(third)).toBe('+PONG\r\n');
  });

  test('waitUntilReady waits for a restart that another has begun', async () => {
    await server.command('SET', 'kept', 'yes');
    await server.kill();
    const restarted = server.restart();
    await until(() => server.running);
    await server.waitUntilReady();
    expect(await server.command('GET', 'kept')).toBe('yes');
    await restarted;
  });
});
