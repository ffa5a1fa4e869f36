// What a server refuses is not stored, is said so in time, and goes on by itself once the server lets it.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, type StartRedisOptions, startRedis, until } from '@events/tooling-redis';
import { afterEach, describe, expect, test } from '@jest/globals';
import { clients } from '../src/transports.js';
import { outcomeOf, Station, stream } from './support/station.js';

let server: RedisServer;

afterEach(() => server.stop());

async function open(client: (typeof clients)[number], options: StartRedisOptions = {}): Promise<Station> {
  server = await startRedis(options);
  return new Station(client, { url: server.url });
}

const quick = { timeoutMs: 3_000 };

describe.each(clients)('%s', (client) => {
  test('F12 without enough replicas nothing is stored, and events that are in hand are acknowledged when it is possible again', async () => {
    const station = await open(client);
    const publisher = station.publisher(quick);
    let letGo = () => undefined as undefined;
    const held = new Promise<void>((resolve) => {
      letGo = () => void resolve() as undefined;
    });
    await station.consumer({}, () => held);
    await publisher.publish('a', 1, { id: 'before' });
    await until(async () => Number(((await server.command('XPENDING', stream, 'station')) as unknown[])[0]) === 1);
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    expect(await outcomeOf(publisher.publish('a', 2, { id: 'refused' }))).toBe('not-stored NOREPLICAS');
    letGo();
    await until(() => station.handled.includes('before'));
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
    await until(async () => Number(((await server.command('XPENDING', stream, 'station')) as unknown[])[0]) === 0);
    expect(await outcomeOf(publisher.publish('a', 3, { id: 'after' }))).toBe('stored');
    await until(() => station.handled.includes('after'));
    expect(station.handled).toEqual(['before', 'after']);
  });

  test('F13 without memory nothing is stored, and consumers go on draining', async () => {
    const station = await open(client);
    const publisher = station.publisher(quick);
    const ids = Array.from({ length: 500 }, (_, index) => `e${index}`);
    await Promise.all(ids.map((id) => publisher.publish('a', 'x'.repeat(100), { id })));
    const consumer = await station.consumer({ concurrency: 1 }, () => undefined);
    consumer.pause();
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    expect(await outcomeOf(publisher.publish('a', 1))).toBe('not-stored OOM');
    consumer.resume();
    await until(() => station.handled.length === ids.length);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await outcomeOf(publisher.publish('a', 1, { id: 'after' }))).toBe('stored');
    await until(() => station.handled.includes('after'));
  });

  test('F15 while the disk fails nothing is stored, and publishing goes on when it works again', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'events-disk-'));
    const config = { 'enable-protected-configs': 'yes', save: '3600 1', 'stop-writes-on-bgsave-error': 'yes' };
    const station = await open(client, { config });
    const publisher = station.publisher(quick);
    await publisher.publish('a', 1);
    await server.command('CONFIG', 'SET', 'dir', directory);
    await rm(directory, { recursive: true });
    await server.command('BGSAVE');
    const state = async () => String(await server.command('INFO', 'persistence'));
    await until(async () => (await state()).includes('rdb_last_bgsave_status:err'));
    expect(await outcomeOf(publisher.publish('a', 2))).toBe('not-stored MISCONF');
    await server.command('CONFIG', 'SET', 'dir', tmpdir());
    await server.command('CONFIG', 'SET', 'dbfilename', `events-${process.pid}-${client}.rdb`);
    await until(async () => {
      await server.command('BGSAVE');
      return (await state()).includes('rdb_last_bgsave_status:ok');
    });
    expect(await outcomeOf(publisher.publish('a', 3))).toBe('stored');
    await rm(join(tmpdir(), `events-${process.pid}-${client}.rdb`));
  });

  test('F16 a server that becomes a replica under its connections is not written to, and is used again when it is none', async () => {
    const station = await open(client);
    const publisher = station.publisher(quick);
    await publisher.publish('a', 1);
    await server.command('REPLICAOF', '127.0.0.1', '1');
    expect(await outcomeOf(publisher.publish('a', 2))).toMatch(/^not-stored /);
    await server.command('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await outcomeOf(publisher.publish('a', 3))) === 'stored');
    expect(await server.command('XLEN', stream)).toBe(2);
  });

  test('F17 while a server loads its data nothing is stored or confirmed, and all goes on when it has', async () => {
    // microseconds for each command that is loaded; clients are answered once in 1,024 of these
    const config = { 'key-load-delay': '150' };
    const station = await open(client, { appendOnly: true, config });
    const publisher = station.publisher({ timeoutMs: 15_000 });
    const count = 10_000;
    await Promise.all(Array.from({ length: count }, (_, index) => publisher.publish('a', index)));
    await server.kill();
    const restarting = server.restart();
    const isLoading = async () => /loading:1/.test(String(await server.command('INFO', 'persistence')));
    await until(isLoading);
    const outcome = await outcomeOf(station.publisher({ timeoutMs: 700 }).publish('a', 'early'));
    // what was sent and not answered while the server was busy loading may count as unknown: the length below tells
    expect([outcome === 'stored', await isLoading()]).toEqual([false, true]);
    const waiting = outcomeOf(publisher.publish('a', 'patient'));
    await restarting;
    // it is tried again until its time is over
    expect(await waiting).toBe('stored');
    expect(await outcomeOf(publisher.publish('a', 'late'))).toBe('stored');
    expect(await server.command('XLEN', stream)).toBe(count + 2);
  });

  test('F23 what is larger than the server takes is unknown at worst, and neither hangs nor takes others with it', async () => {
    const station = await open(client, { config: { 'proto-max-bulk-len': '1mb' } });
    const publisher = station.publisher({ maxPayloadBytes: 4 * 1_048_576 });
    await publisher.publish('a', 1);
    const large = outcomeOf(publisher.publish('a', 'x'.repeat(2 * 1_048_576)));
    expect(await large).toMatch(/^(not-stored|unknown) /);
    await until(async () => (await outcomeOf(publisher.publish('a', 2))) === 'stored');
    expect(await outcomeOf(station.publisher().publish('a', 'x'.repeat(2 * 1_048_576)))).toBe(
      'not-stored EVENTS_PAYLOAD_TOO_LARGE',
    );
  });

  test('F24 a stream whose ids are used up is told of at once, and other streams are not concerned', async () => {
    const station = await open(client);
    const publisher = station.publisher();
    await server.command('XADD', stream, '18446744073709551615-18446744073709551615', 'a', 'b');
    const begin = performance.now();
    expect(await outcomeOf(publisher.publish('a', 1))).toMatch(/^not-stored /);
    expect(performance.now() - begin).toBeLessThan(2_000);
    expect(await outcomeOf(publisher.publish('a', 1, { stream: 'another' }))).toBe('stored');
  });

  test('F25 a clock that jumped back gives events other ids, and no other times', async () => {
    const station = await open(client);
    const publisher = station.publisher();
    const ahead = Date.now() + 86_400_000;
    await server.command('XADD', stream, `${ahead}-0`, 'id', 'x', 'type', 'a', 'data', '1');
    const times: number[] = [];
    await station.consumer({ startFrom: 'latest', ordering: 'key' }, ({ time }) => times.push(time.getTime()));
    const ids = Array.from({ length: 20 }, (_, index) => `e${index}`);
    await Promise.all(ids.map((id) => publisher.publish('a', 1, { id, key: 'k' })));
    await until(() => station.handled.length === ids.length);
    expect(station.handled).toEqual(ids);
    expect(Math.max(...times)).toBeLessThan(ahead - 80_000_000);
  });

  test('F54 a server with no room for more connections is come back to with growing waits, and used when there is room', async () => {
    const station = await open(client);
    await server.command('CONFIG', 'SET', 'maxclients', '1');
    const attempts = async () =>
      Number(/rejected_connections:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1]);
    // every control command takes a place of its own: somebody else has to hold the only one
    const holder = connect(server.port, '127.0.0.1');
    await new Promise((resolve) => holder.once('connect', resolve));
    expect(await outcomeOf(station.publisher({ timeoutMs: 1_000 }).publish('a', 1))).not.toBe('stored');
    holder.destroy();
    await until(async () => (await outcomeOf(station.publisher(quick).publish('a', 2))) === 'stored');
    expect(await attempts().catch(() => 0)).toBeLessThan(40);
  });

  test('F55 rights that are revoked while everything runs are told of, hammer nobody, and are taken up when they are back', async () => {
    const station = await open(client, { users: ['app on >secret ~* &* +@all'] });
    const url = new URL(server.url);
    url.username = 'app';
    url.password = 'secret';
    const app = new Station(client, { url: url.href });
    const publisher = app.publisher(quick);
    await app.consumer();
    await publisher.publish('a', 1, { id: 'before' });
    await until(() => app.handled.includes('before'));
    await server.command('ACL', 'SETUSER', 'app', 'off');
    await server.command('CLIENT', 'KILL', 'USER', 'app');
    expect(await outcomeOf(publisher.publish('a', 2, { id: 'denied' }))).toMatch(/^(not-stored|unknown) /);
    await until(() => app.emitted.length > 0);
    const told = app.emitted.length;
    const failures = async () => (await server.command('ACL', 'LOG')) as unknown[];
    await server.command('ACL', 'SETUSER', 'app', 'on');
    await until(async () => (await outcomeOf(publisher.publish('a', 3, { id: 'after' }))) === 'stored');
    await until(() => app.handled.includes('after'), { timeoutMs: 20_000 });
    expect(told).toBeLessThan(20);
    expect((await failures()).length).toBeLessThan(40);
    expect(station.handled).toEqual([]);
  });
});
