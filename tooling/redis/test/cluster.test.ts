import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keySlot, type RedisCluster, type RedisServer, startCluster, until } from '../src/index.js';
import { watchRemains } from './support/remains.js';

const key = (number: number) => `{orders}:${number}`;
const slot = keySlot('orders');
const keysIn = (node: RedisServer) => node.command('CLUSTER', 'COUNTKEYSINSLOT', slot);

/** Resolves with the node that replaces the owner of the slot without anybody's command. */
function replacementOf(cluster: RedisCluster, old: RedisServer): Promise<RedisServer> {
  const replaced = async () => {
    const master = await cluster.masterOf(slot);
    return master === old ? undefined : master;
  };
  return until(replaced, { timeoutMs: 20_000, message: 'another node to own the slot' });
}

describe('one cluster that is made to fail again and again', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  async function anotherMaster(): Promise<RedisServer> {
    const owner = await cluster.masterOf(slot);
    return (await cluster.masters()).find((node) => node !== owner) as RedisServer;
  }

  test('starts with three masters that serve all slots, each with a replica that is linked', async () => {
    expect(await cluster.masters()).toEqual(cluster.nodes.slice(0, 3));
    expect(await cluster.replicas()).toEqual(cluster.nodes.slice(3));
    const owners = await Promise.all([0, 5_461, 5_462, 10_922, 10_923, 16_383].map((one) => cluster.masterOf(one)));
    expect(owners.map((owner) => cluster.nodes.indexOf(owner))).toEqual([0, 0, 1, 1, 2, 2]);
    const master = await cluster.masterOf('{orders}');
    for (let number = 0; number < 25; number += 1) await master.command('SET', key(number), number);
    expect(await master.command('WAIT', 1, 5_000)).toBe(1);
    expect(await keysIn(await cluster.replicaOf('{orders}'))).toBe(25);
    const stranger = await anotherMaster();
    await expect(stranger.command('GET', key(1))).rejects.toThrow(`MOVED ${slot} 127.0.0.1:${master.port}`);
  });

  test('moveSlot takes the keys along in steps', async () => {
    const source = await cluster.masterOf(slot);
    const target = await anotherMaster();
    const seen: unknown[] = [];
    await cluster.moveSlot('orders', target, {
      keysPerStep: 10,
      beforeStep: async () => seen.push(await keysIn(target)),
    });
    expect(seen).toEqual([0, 10, 20, 25]);
    expect(await cluster.masterOf(slot)).toBe(target);
    expect([await keysIn(source), await keysIn(target)]).toEqual([0, 25]);
    await expect(source.command('GET', key(1))).rejects.toThrow(`MOVED ${slot} 127.0.0.1:${target.port}`);
    await expect(cluster.moveSlot(slot, target)).rejects.toThrow('already');
  });

  test('startSlotMigration holds the time of ASK and TRYAGAIN open', async () => {
    const source = await cluster.masterOf(slot);
    const migration = await cluster.startSlotMigration(key(0), await anotherMaster());
    expect([migration.slot, migration.source]).toEqual([slot, source]);
    await expect(source.command('GET', '{orders}:none')).rejects.toThrow(
      `ASK ${slot} 127.0.0.1:${migration.target.port}`,
    );
    expect(await migration.moveKeys(5)).toBe(5);
    const all = Array.from({ length: 25 }, (_, number) => key(number));
    await expect(source.command('MGET', ...all)).rejects.toThrow('TRYAGAIN');
    await migration.finish();
    expect(await migration.target.command('MGET', ...all)).toEqual(all.map((_, number) => String(number)));
    expect(await cluster.masterOf(slot)).toBe(migration.target);
  });

  test('failover: a replica and its live master change their roles without a loss', async () => {
    const master = await cluster.masterOf(slot);
    const replica = await cluster.replicaOf(slot);
    expect(await cluster.failover(replica)).toBe(replica);
    expect(await cluster.masterOf(slot)).toBe(replica);
    expect(await cluster.replicaOf(slot)).toBe(master);
    expect(await cluster.failover(replica)).toBe(master);
    expect(await keysIn(master)).toBe(25);
  });

  test('a killed master is replaced, and comes back as a replica', async () => {
    const old = await cluster.masterOf(slot);
    await old.kill();
    const master = await replacementOf(cluster, old);
    await cluster.waitUntilSettled();
    await old.restart();
    await cluster.waitUntilSettled();
    expect(await cluster.replicaOf(slot)).toBe(old);
    expect([await keysIn(old), await keysIn(master)]).toEqual([25, 25]);
  });

  test('a frozen master is replaced, and comes back as a replica', async () => {
    const old = await cluster.masterOf(slot);
    await old.freeze();
    const master = await replacementOf(cluster, old);
    await cluster.waitUntilSettled();
    old.thaw();
    await cluster.waitUntilSettled();
    expect([await cluster.masterOf(slot), await cluster.replicaOf(slot)]).toEqual([master, old]);
  });

  test('failover does not wait until a dead master is found down; what its replica was cut off from is lost', async () => {
    const old = await cluster.masterOf(slot);
    const replica = await cluster.replicaOf(slot);
    await cluster.cutReplication(replica);
    await old.command('SET', key(25), 'unreplicated');
    expect(await old.command('WAIT', 1, 50)).toBe(0);
    await old.kill();
    expect(await cluster.failover(old)).toBe(replica);
    expect(await keysIn(replica)).toBe(25);
    await cluster.restoreReplication(replica);
    await old.restart();
    await cluster.waitUntilSettled();
    expect(await cluster.replicaOf(slot)).toBe(old);
  });

  test('a node that is added takes slots, and leaves when it has none', async () => {
    const node = await cluster.addNode();
    expect(cluster.nodes).toHaveLength(7);
    expect(await cluster.masters()).toContain(node);
    const before = await cluster.masterOf(slot);
    await cluster.moveSlot(slot, node);
    expect(await keysIn(node)).toBe(25);
    await expect(cluster.removeNode(node)).rejects.toThrow('owns slots');
    await cluster.moveSlot(slot, before);
    await cluster.removeNode(node);
    expect(node.running).toBe(false);
    expect(cluster.nodes).toHaveLength(6);
    expect(String(await before.command('CLUSTER', 'NODES'))).not.toContain(`:${node.port}@`);
  });

  test('stop leaves no process and no directory, whatever the state', async () => {
    const remains = await watchRemains(cluster.nodes);
    expect(await remains()).toHaveLength(12);
    const [first, second] = cluster.nodes as [RedisServer, RedisServer];
    await Promise.all([first.freeze(), second.kill()]);
    await cluster.stop();
    expect(await remains()).toEqual([]);
  });
});

describe('other clusters', () => {
  test('password, users, TLS and proxies; a node that is added gets a proxy, too', async () => {
    const cluster = await startCluster({
      tls: true,
      password: 'p"ä',
      users: ['alice on >secret ~* +@all', 'default off'],
      proxied: true,
      minReplicasToWrite: 1,
      appendOnly: true,
    });
    try {
      const map = cluster.nodeAddressMap;
      expect(Object.keys(map).sort()).toEqual(cluster.nodes.map(({ tls }) => `127.0.0.1:${tls?.port}`).sort());
      expect(cluster.addresses[0]).toEqual({
        host: '127.0.0.1',
        port: cluster.proxyOf(cluster.nodes[0] as RedisServer).port,
      });
      const master = await cluster.masterOf(slot);
      expect(await master.command('SET', key(1), 'x')).toBe('OK');
      const node = await cluster.addNode();
      expect(map[`127.0.0.1:${node.tls?.port}`]?.port).toBe(cluster.proxyOf(node).port);
      const target = (await cluster.masters()).find((other) => other !== master && other !== node) as RedisServer;
      await cluster.moveSlot(slot, target);
      expect(await keysIn(target)).toBe(1);
      expect(await cluster.failover(target)).not.toBe(target);
    } finally {
      await cluster.stop();
    }
  });

  test.each([
    [1, 0, 1],
    [3, 2, 9],
    [2, 0, 2],
  ])('%i masters with %i replicas each', async (masters, replicasPerMaster, count) => {
    const cluster = await startCluster({ masters, replicasPerMaster });
    expect(cluster.nodes).toHaveLength(count);
    expect(await cluster.masters()).toEqual(cluster.nodes.slice(0, masters));
    await cluster.stop();
  });

  test('a cluster that cannot start leaves nothing behind', async () => {
    await expect(startCluster({ config: { 'no-such-directive': 'yes' } })).rejects.toThrow('no-such-directive');
  });
});
