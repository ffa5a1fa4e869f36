import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type FaultProxy, type RedisServer, startFaultProxy, startRedis, until } from '../src/index.js';

/** What a client sees of its connection. */
interface Client {
  readonly socket: Socket;
  readonly received: () => string;
  readonly end: Promise<'closed' | 'reset'>;
}

let server: RedisServer;
let proxy: FaultProxy;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await startRedis({ tls: true });
});
afterAll(() => server.stop());
beforeEach(async () => {
  await server.command('FLUSHALL');
  proxy = await startFaultProxy({ target: server });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
});

async function client(): Promise<Client> {
  const socket = connect(proxy.port, proxy.host);
  sockets.push(socket);
  let text = '';
  let reset = false;
  socket.on('data', (bytes) => (text += bytes.toString('latin1')));
  socket.on('error', (error: NodeJS.ErrnoException) => (reset = error.code === 'ECONNRESET'));
  const end = new Promise<'closed' | 'reset'>((resolve) =>
    socket.once('close', () => resolve(reset ? 'reset' : 'closed')),
  );
  await once(socket, 'connect');
  return { socket, received: () => text, end };
}

/** A client whose connection reaches through to the server. */
async function greeted(): Promise<Client> {
  const one = await client();
  one.socket.write('PING\r\n');
  await until(() => one.received() === '+PONG\r\n');
  return one;
}

const serverHolds = (key: string) =>
  until(async () => (await server.command('EXISTS', key)) === 1, { message: `${key} on the server` });

describe('startFaultProxy', () => {
  test('pass: carries any amount of bytes both ways', async () => {
    const value = Buffer.alloc(5_000_000, 'x');
    const one = await greeted();
    one.socket.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`);
    one.socket.write(value);
    one.socket.write('\r\nGET k\r\n');
    const expected = `+PONG\r\n+OK\r\n$${value.length}\r\n${value.toString()}\r\n`;
    await until(() => one.received().length >= expected.length);
    expect(one.received() === expected).toBe(true);
    expect(proxy.mode).toBe('pass');
    expect(proxy.connections).toBe(1);
  });

  test('pass: a slow reader holds up the server, and nothing is lost', async () => {
    await server.command('SET', 'k', Buffer.alloc(1_000_000, 'y'));
    const one = await greeted();
    one.socket.pause();
    one.socket.write('GET k\r\n'.repeat(20));
    await until(
      async () =>
        String(await server.command('CLIENT', 'LIST'))
          .split('\n')
          .some((line) => Number(/ omem=(\d+)/.exec(line)?.[1]) > 1_000_000),
      { message: 'replies to pile up in the server' },
    );
    one.socket.resume();
    const expected = 7 + 20 * (10 + 1_000_000 + 2);
    await until(() => one.received().length >= expected);
    expect(one.received().length).toBe(expected);
  });

  test('pass: the end of either side reaches the other', async () => {
    const one = await greeted();
    await server.dropConnections();
    expect(await one.end).toBe('closed');
    const two = await greeted();
    two.socket.end();
    expect(await two.end).toBe('closed');
    await until(() => proxy.connections === 0);
    await until(
      async () =>
        String(await server.command('CLIENT', 'LIST'))
          .trim()
          .split('\n').length === 1,
      { message: 'the server to see the end' },
    );
    expect(proxy.acceptedConnections).toBe(2);
  });

  test('pass: a server that is down closes the connection', async () => {
    const lost = await startRedis();
    const other = await startFaultProxy({ target: lost });
    await lost.stop();
    const socket = connect(other.port, other.host);
    socket.on('error', () => undefined); // reset or closed, both are an end
    await once(socket, 'close');
    await other.close();
  });

  test('dropReplies: the command is carried out and the client hears nothing of it, but sees the server close', async () => {
    const one = await greeted();
    proxy.setMode('dropReplies');
    one.socket.write('SET k v\r\n');
    await serverHolds('k');
    await server.dropConnections();
    expect(await one.end).toBe('closed');
    expect(one.received()).toBe('+PONG\r\n');
  });

  test('blackhole: nothing arrives, nobody sees the other close, new connections hang as well', async () => {
    const one = await greeted();
    proxy.setMode('blackhole');
    const late = await client();
    one.socket.write('SET k v\r\n');
    late.socket.write('SET l v\r\n');
    await server.dropConnections();
    await until(
      async () =>
        String(await server.command('CLIENT', 'LIST'))
          .trim()
          .split('\n').length <= 2,
    );
    expect(await server.command('EXISTS', 'k', 'l')).toBe(0);
    expect(proxy.connections).toBe(2);
    expect(one.socket.destroyed).toBe(false);

    proxy.setMode('pass');
    expect(await one.end).toBe('closed');
    expect(one.received()).toBe('+PONG\r\n');
    expect(await server.command('EXISTS', 'k')).toBe(0);
  });

  test('blackhole: a client that leaves is noticed by the server when the hole closes', async () => {
    const one = await greeted();
    proxy.setMode('blackhole');
    one.socket.destroy();
    await until(() => proxy.connections === 0);
    expect(
      String(await server.command('CLIENT', 'LIST'))
        .trim()
        .split('\n'),
    ).toHaveLength(2);
    proxy.setMode('pass');
    await until(
      async () =>
        String(await server.command('CLIENT', 'LIST'))
          .trim()
          .split('\n').length === 1,
    );
  });

  test('blackhole in one direction: commands arrive and replies vanish, or the other way round', async () => {
    const [one, two] = await Promise.all([greeted(), greeted()]);
    proxy.setMode('blackhole', 'toClient');
    one.socket.write('SET k v\r\n');
    await serverHolds('k');
    await server.dropConnections();
    const three = await client();
    three.socket.write('SET l v\r\n');
    await serverHolds('l');
    expect([one.received(), three.received()]).toEqual(['+PONG\r\n', '']);
    expect([one.socket.destroyed, two.socket.destroyed]).toEqual([false, false]);

    three.socket.write('SUBSCRIBE news\r\n');
    const subscribers = async () => Number(((await server.command('PUBSUB', 'NUMSUB', 'news')) as unknown[])[1]);
    await until(async () => (await subscribers()) === 1);
    proxy.setMode('blackhole', 'toServer');
    three.socket.write('UNSUBSCRIBE news\r\n');
    await server.command('PUBLISH', 'news', 'heard');
    await until(() => three.received().includes('heard'), { message: 'what the server says' });
    expect(await subscribers()).toBe(1);
  });

  test('slowRead: what is not read piles up at the server, what is read comes in order', async () => {
    await server.command('SET', 'k', Buffer.alloc(1_000_000, 'y'));
    const one = await greeted();
    proxy.slowRead(0);
    one.socket.write('GET k\r\n'.repeat(20));
    await until(
      async () =>
        String(await server.command('CLIENT', 'LIST'))
          .split('\n')
          .some((line) => Number(/ omem=(\d+)/.exec(line)?.[1]) > 1_000_000),
      { message: 'replies to pile up in the server' },
    );
    expect(one.received()).toBe('+PONG\r\n');

    const slowFrom = performance.now();
    proxy.slowRead(100_000);
    await until(() => one.received().length > 30_000);
    expect(performance.now() - slowFrom).toBeGreaterThan(200);
    proxy.slowRead(Number.POSITIVE_INFINITY);
    const expected = `+PONG\r\n${`$1000000\r\n${'y'.repeat(1_000_000)}\r\n`.repeat(20)}`;
    await until(() => one.received().length >= expected.length);
    expect(one.received() === expected).toBe(true);
  });

  test('refuse: resets what is open and what comes, until it passes again', async () => {
    const one = await greeted();
    proxy.setMode('refuse');
    expect(await one.end).toBe('reset');
    const refused = connect(proxy.port, proxy.host);
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect(proxy.acceptedConnections).toBe(2);
    expect(proxy.connections).toBe(0);
    proxy.setMode('pass');
    await greeted();
  });

  test('cut: closes every connection once', async () => {
    const [one, two] = await Promise.all([greeted(), greeted()]);
    expect(proxy.cut()).toBe(2);
    expect(await Promise.all([one.end, two.end])).toHaveLength(2);
    expect(proxy.connections).toBe(0);
    await greeted();
  });

  test.each([0, 1, 3, 7, 8, 20])('cutAfterBytes(%i, toClient): exactly so many arrive', async (bytes) => {
    const one = await greeted();
    const happened = proxy.cutAfterBytes(bytes, 'toClient');
    one.socket.write('PING\r\nPING\r\nPING\r\nPING\r\n');
    expect(await happened).toBe(true);
    expect(await one.end).toBe('closed');
    expect(one.received()).toBe(`+PONG\r\n${'+PONG\r\n'.repeat(4).slice(0, bytes)}`);
    await greeted();
  });

  test('cutAfterBytes(toServer): the server gets what came before, whole commands are carried out', async () => {
    const command = 'SET k v\r\n';
    const [one, untouched] = await Promise.all([greeted(), greeted()]);
    const happened = proxy.cutAfterBytes(command.length + 4, 'toServer');
    one.socket.write(`${command}SET l v\r\n`);
    expect(await happened).toBe(true);
    await one.end;
    await serverHolds('k');
    expect(await server.command('EXISTS', 'l')).toBe(0);
    untouched.socket.write('PING\r\n');
    await until(() => untouched.received() === '+PONG\r\n+PONG\r\n');
  });

  test('cutAfterBytes: tells when it will not happen any more', async () => {
    const first = proxy.cutAfterBytes(10, 'toServer');
    const second = proxy.cutAfterBytes(10, 'toServer');
    expect(await first).toBe(false);
    await proxy.close();
    expect(await second).toBe(false);
    await proxy.close();
  });

  test('latency: delays both ways and keeps the order', async () => {
    const one = await greeted();
    proxy.latency(60);
    const sentAt = performance.now();
    one.socket.write('ECHO 1\r\n');
    await until(() => one.received().includes('$1\r\n1\r\n'), { intervalMs: 1 });
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(120);
    expect(one.received()).toBe('+PONG\r\n$1\r\n1\r\n');

    let expected = one.received();
    for (let number = 1000; number < 1200; number += 1) {
      proxy.latency(number % 7);
      one.socket.write(`ECHO ${number}\r\n`);
      await turn();
      expected += `$4\r\n${number}\r\n`;
    }
    await until(() => one.received().length >= expected.length);
    expect(one.received()).toBe(expected);
  });

  test('the TLS side of a server is a target, and the url keeps protocol and password', async () => {
    const tls = server.tls;
    if (tls === undefined) throw new Error('The server has no TLS side');
    const secure = await startFaultProxy({ target: tls, mode: 'pass' });
    expect(secure.url).toBe(`rediss://127.0.0.1:${secure.port}`);
    const socket = connectTls({ host: '127.0.0.1', port: secure.port, ca: tls.ca });
    await once(socket, 'secureConnect');
    socket.write('PING\r\n');
    expect(String((await once(socket, 'data'))[0])).toBe('+PONG\r\n');
    const closed = once(socket, 'close');
    secure.cut();
    await closed;
    await secure.close();

    const named = await startFaultProxy({
      target: { port: server.port, url: 'redis://alice:p%40ss@example.test:1/2' },
    });
    expect(named.url).toBe(`redis://alice:p%40ss@127.0.0.1:${named.port}/2`);
    await named.close();
    expect(proxy.url).toBe(`redis://127.0.0.1:${proxy.port}`);
  });

  test('close: ends connections and listening', async () => {
    const one = await greeted();
    await proxy.close();
    await one.end;
    await expect(client()).rejects.toThrow('ECONNREFUSED');
  });
});
