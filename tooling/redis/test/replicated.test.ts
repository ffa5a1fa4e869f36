import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServer, type ReplicatedRedis, startReplicated, until } from '../src/index.js';
import { watchRemains } from './support/remains.js';

const role = async (server: RedisServer) => ((await server.command('ROLE')) as string[])[0];
const get = (server: RedisServer, key: string) => server.command('GET', key);

/** Resolves with the server that replaces this one without anybody's command. */
function replacementOf(set: ReplicatedRedis, old: RedisServer): Promise<RedisServer> {
  const replaced = async () => {
    const master = await set.master();
    return master === old ? undefined : master;
  };
  return until(replaced, { timeoutMs: 20_000, message: 'the sentinels to name another master' });
}

describe('one set that is made to fail again and again', () => {
  let set: ReplicatedRedis;
  beforeAll(async () => {
    set = await startReplicated();
  });
  afterAll(() => set.stop());

  test('starts with a master, two replicas that hold its data and three sentinels that know all', async () => {
    const [master, ...replicas] = set.servers as [RedisServer, ...RedisServer[]];
    expect([set.servers.length, set.sentinels.length]).toEqual([3, 3]);
    expect(await set.master()).toBe(master);
    expect(await set.replicas()).toEqual(replicas);
    expect(await Promise.all(set.servers.map(role))).toEqual(['master', 'slave', 'slave']);
    expect(set.nodeAddressMap).toEqual({});
    expect(set.sentinelAddresses).toEqual(set.sentinels.map(({ host, port }) => ({ host, port })));
    await master.command('SET', 'k', 'v');
    expect(await master.command('WAIT', 2, 5_000)).toBe(2);
    expect(await Promise.all(replicas.map((replica) => get(replica, 'k')))).toEqual(['v', 'v']);
    for (const sentinel of set.sentinels) {
      expect(await sentinel.command('SENTINEL', 'CKQUORUM', 'main')).toMatch(/^OK 3 usable Sentinels/);
    }
  });

  test('failover: a live master becomes a replica of another', async () => {
    const old = await set.master();
    const master = await set.failover();
    expect(master).not.toBe(old);
    expect(await set.master()).toBe(master);
    expect(await set.waitUntilSettled()).toBe(master);
    expect(await set.replicas()).toContain(old);
    expect(await get(master, 'k')).toBe('v');

    // Whom it follows stands in its configuration, so that a restart does not make it a master again.
    await Promise.all(set.sentinels.map((sentinel) => sentinel.freeze()));
    await old.restart();
    expect(await old.command('CONFIG', 'GET', 'replicaof')).toEqual(['replicaof', `127.0.0.1 ${master.port}`]);
    for (const sentinel of set.sentinels) sentinel.thaw();
    expect(await set.waitUntilSettled()).toBe(master);
  });

  test('a killed master is replaced, and comes back as a replica', async () => {
    const old = await set.master();
    await old.kill();
    const master = await replacementOf(set, old);
    expect(await set.waitUntilSettled()).toBe(master);
    expect(await set.replicas()).toHaveLength(1);
    await old.restart();
    expect(await set.waitUntilSettled()).toBe(master);
    expect(await role(old)).toBe('slave');
    expect(await get(old, 'k')).toBe('v');
  });

  test('a frozen master is replaced, acknowledges writes again when thawed, becomes a replica and loses them', async () => {
    const old = await set.master();
    await old.freeze();
    const master = await replacementOf(set, old);
    await set.waitUntilSettled();
    old.thaw();
    expect(await old.command('SET', 'split', 'brain')).toBe('OK');
    expect(await set.waitUntilSettled()).toBe(master);
    expect(await role(old)).toBe('slave');
    expect(await get(old, 'split')).toBeNull();
  });

  test('failover right after a death needs no majority that finds it down', async () => {
    const old = await set.master();
    await Promise.all([old.kill(), ...set.sentinels.slice(1).map((sentinel) => sentinel.kill())]);
    expect(await set.failover()).not.toBe(old);
    await Promise.all([old, ...set.sentinels.slice(1)].map((server) => server.restart()));
    await set.waitUntilSettled();
  });

  test('sentinels that were killed, frozen or dropped their connections come back', async () => {
    const [first, second, third] = set.sentinels as [RedisServer, RedisServer, RedisServer];
    const master = await set.master();
    await Promise.all([first.kill(), second.freeze()]);
    expect(await set.master()).toBe(master);
    await Promise.all([first.restart(), third.dropConnections()]);
    second.thaw();
    expect(await set.waitUntilSettled()).toBe(master);
  });

  test('a replica that was cut off stays behind, and catches up', async () => {
    const master = await set.master();
    const replicas = await set.replicas();
    for (const replica of replicas) await set.cutReplication(replica);
    await master.command('SET', 'late', 'yes');
    expect(await master.command('WAIT', 1, 50)).toBe(0);
    expect(await Promise.all(replicas.map((replica) => get(replica, 'late')))).toEqual([null, null]);
    for (const replica of replicas) await set.restoreReplication(replica);
    await set.waitUntilSettled();
    expect(await Promise.all(replicas.map((replica) => get(replica, 'late')))).toEqual(['yes', 'yes']);
  });

  test('a link in a black hole looks healthy, and what was written meanwhile dies with its master', async () => {
    const master = await set.master();
    const replicas = await set.replicas();
    for (const replica of replicas) (await set.proxyReplication(replica)).setMode('blackhole');
    expect(await set.waitUntilSettled()).toBe(master);
    await master.command('SET', 'unreplicated', 'yes');
    expect(await master.command('WAIT', 1, 50)).toBe(0);
    await master.kill();
    const promoted = await set.failover();
    expect(replicas).toContain(promoted);
    expect(await get(promoted, 'unreplicated')).toBeNull();
    for (const replica of replicas) await set.restoreReplication(replica);
    await master.restart();
    expect(await set.waitUntilSettled()).toBe(promoted);
    await promoted.command('SET', 'replicated', 'yes');
    expect(await promoted.command('WAIT', 2, 5_000)).toBe(2);
  });

  test('stop leaves no process and no directory, whatever the state', async () => {
    const remains = await watchRemains([...set.servers, ...set.sentinels]);
    expect(await remains()).toHaveLength(12);
    const [first, second] = set.servers as [RedisServer, RedisServer];
    await Promise.all([first.freeze(), second.kill()]);
    await set.stop();
    expect(await remains()).toEqual([]);
  });
});

describe('other sets', () => {
  test('passwords, users, TLS and proxies on servers and sentinels alike', async () => {
    const set = await startReplicated({
      name: 'orders.eu',
      replicas: 1,
      tls: true,
      password: 'p"ä',
      users: ['alice on >secret ~orders:* +@all', 'default off'],
      sentinelPassword: 's"ä',
      sentinelUsers: ['bob on >secret +sentinel'],
      minReplicasToWrite: 1,
      appendOnly: 'always',
      proxied: true,
    });
    const remains = await watchRemains([...set.servers, ...set.sentinels]);
    try {
      const servers = [...set.servers, ...set.sentinels];
      expect(set.ca).toBe(set.servers[0]?.tls?.ca);
      expect(Object.keys(set.nodeAddressMap).sort()).toEqual(servers.map(({ tls }) => `127.0.0.1:${tls?.port}`).sort());
      for (const server of servers) {
        const { host, port } = set.proxyOf(server);
        expect(set.nodeAddressMap[`127.0.0.1:${server.tls?.port}`]).toEqual({ host, port });
      }
      expect(set.addresses).toEqual(
        set.servers.map((server) => ({ host: '127.0.0.1', port: set.proxyOf(server).port })),
      );
      const told = await set.sentinels[0]?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders.eu');
      expect(told).toEqual(['127.0.0.1', String(set.servers[0]?.tls?.port)]);
      const others = (await set.sentinels[0]?.command('SENTINEL', 'SENTINELS', 'orders.eu')) as string[][];
      for (const other of others)
        expect(set.nodeAddressMap).toHaveProperty([`127.0.0.1:${other[other.indexOf('port') + 1]}`]);

      const master = await set.failover();
      await set.waitUntilSettled();
      expect(await master.command('SET', 'orders:1', 'x')).toBe('OK');
      for (const replica of await set.replicas()) await set.cutReplication(replica);
      const refused = () =>
        master.command('SET', 'orders:2', 'x').then(
          () => false,
          (error: Error) => error.message.startsWith('NOREPLICAS'),
        );
      await until(refused, { message: 'writes to be refused' });
    } finally {
      await set.stop();
    }
    expect(await remains()).toEqual([]);
    const closed = set.addresses.map(
      ({ host, port }) =>
        new Promise((resolve) =>
          createConnection({ host, port })
            .once('error', (error) => resolve(error.message))
            .once('connect', () => resolve('connected')),
        ),
    );
    for (const end of await Promise.all(closed)) expect(end).toMatch('ECONNREFUSED');
  });

  test('without sentinels the master is the one that says so', async () => {
    const set = await startReplicated({ sentinels: 0, replicas: 1 });
    expect(await set.master()).toBe(set.servers[0]);
    await set.waitUntilSettled();
    expect(() => set.proxyOf(set.servers[0] as RedisServer)).toThrow('No proxy');
    await set.stop();
  });

  test('a set that cannot start leaves nothing behind', async () => {
    await expect(startReplicated({ config: { 'no-such-directive': 'yes' } })).rejects.toThrow('no-such-directive');
    await expect(startReplicated({ sentinelUsers: ['bob what'] })).rejects.toThrow(/does not run/);
    await expect(startReplicated({ name: 'a b' })).rejects.toThrow('Not a name');
  });
});
