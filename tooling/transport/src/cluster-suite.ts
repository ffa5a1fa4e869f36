import { plainAppending } from '@events/conformance';
import { companionKey } from '@events/core';
import type { RedisTransportOptions } from '@events/redis-streams';
import { keySlot, type RedisCluster, type StartClusterOptions, startCluster, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';
import { awaitReplica, connectionsTo, entryOf, isStored, kindsOf, numbersIn, Writing } from './topology-kit.js';

const stream = 'orders';
const member = { stream, group: 'group', consumer: 'one' };

/** A cluster whose slots and masters move. */
export function clusterSuite(kit: TransportKit): void {
  describe(`${kit.name}, with a cluster`, () => {
    const laboratory = new Laboratory(kit);

    async function startedCluster(options: StartClusterOptions = {}): Promise<RedisCluster> {
      return laboratory.keep(await startCluster({ replicasPerMaster: 0, ...options }), (it) => it.stop());
    }

    function transportFor(cluster: RedisCluster, options: RedisTransportOptions = {}) {
      const { nodeAddressMap, addresses } = cluster;
      return laboratory.transport({ cluster: addresses.slice(0, 2), nodeAddressMap, ...options });
    }

    test('entries of one call go to the nodes that own their slots, and are answered at their place', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      await transport.connect();
      const streams = Array.from({ length: 12 }, (_, number) => `orders-${number}`);
      const entries = Array.from({ length: 120 }, (_, number) => entryOf(streams[number % 12] as string, number));
      const answers = await transport.appender(plainAppending).append(entries, 5_000);
      expect(kindsOf(answers)).toEqual(entries.map(() => 'stored'));
      const owners = new Set<number>();
      for (const [index, name] of streams.entries()) {
        const owner = await cluster.masterOf(name);
        owners.add(owner.port);
        const expected = entries.map((_, number) => number).filter((number) => number % 12 === index);
        expect(await numbersIn(owner, name)).toEqual(expected);
        const found = await transport.inspector().range(name, '-', '+', 100);
        expect(found.map(({ id }) => id)).toEqual(expected.map((number) => answers[number]));
      }
      expect(owners.size).toBe(3);
      // a connection of each kind to each node, and no more
      for (const node of cluster.nodes) expect(await connectionsTo(node)).toBeLessThanOrEqual(3);
      await transport.close();
      for (const node of cluster.nodes) await until(async () => (await connectionsTo(node)) === 0);
    });

    test('keys are found on every node, and a janitor and memory find the node of each stream', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      const streams = Array.from({ length: 12 }, (_, number) => `a*b:orders-${number}`);
      const others = ['axb:orders', 'c:orders'];
      const entries = [...streams, ...others].map((name) => entryOf(name, 0));
      expect(kindsOf(await transport.appender(plainAppending).append(entries, 2_000))).toEqual(
        entries.map(() => 'stored'),
      );
      const janitor = transport.janitor();
      for (const name of streams) {
        expect(await janitor.takeTurn(name, 'trim', 60_000)).toBe(true);
        await transport.subscription({ ...member, stream: name }).ensureGroup('beginning');
        expect(await janitor.survey(name)).toMatchObject({ length: 1, bytes: expect.any(Number) });
      }
      const found = new Map<string, boolean>();
      const inspector = transport.inspector();
      for await (const page of inspector.keys('a*b:')) for (const { key, isStream } of page) found.set(key, isStream);
      const companions = streams.flatMap((name) => [`{${name}}:groups`, `{${name}}:groups:turn:trim`]);
      expect([...found.keys()].sort()).toEqual([...streams, ...companions].sort());
      expect(
        [...found]
          .filter(([, isStream]) => isStream)
          .map(([key]) => key)
          .sort(),
      ).toEqual([...streams].sort());
      expect(await inspector.memory([...streams, 'missing'])).toEqual([...streams.map(() => expect.any(Number)), null]);
      for (const name of streams) {
        const order = { bound: { maxLength: 0 }, limit: null, isExact: true, keepUnread: null };
        expect(await janitor.trim(name, order)).toMatchObject({
          ...{ removed: 1, lost: [{ group: 'group', unread: 1, pending: 0 }] },
        });
        expect(await janitor.removeGroup(name, 'group', 0)).toBe('removed');
      }
      expect([await janitor.seal('prod'), await janitor.changeSeal([], ['prod'])]).toEqual([['prod'], []]);
    });

    test('a slot that moves while entries are stored: none is lost, doubled, or out of order', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      const other = { stream: neighbourOf(stream), numbers: [] as number[] };
      const appender = transport.appender(plainAppending);
      const source = await cluster.masterOf(stream);
      const target = cluster.nodes.find((node) => node !== source) ?? source;
      const answers: Promise<boolean>[] = [];
      let count = 0;
      const send = () => {
        const [one, two] = [count, count + 1];
        count += 2;
        const entries = [entryOf(stream, one), entryOf(other.stream, one), entryOf(stream, two)];
        answers.push(appender.append(entries, 5_000).then((given) => given.every(isStored)));
      };
      const pump = setInterval(send, 2);
      await until(() => count > 100);
      const migration = await cluster.startSlotMigration(stream, target);
      await until(() => count > 200);
      await migration.moveKeys();
      await until(() => count > 400);
      await migration.finish();
      await until(() => count > 600);
      clearInterval(pump);
      expect(await Promise.all(answers)).toEqual(answers.map(() => true));
      expect(await numbersIn(target, stream)).toEqual(Array.from({ length: count }, (_, number) => number));
      expect(await numbersIn(target, other.stream)).toHaveLength(count / 2);
    });

    test('a slot that moves under a consumer: it goes on, and its group is not lost', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      const subscription = transport.subscription(member);
      await subscription.ensureGroup('beginning');
      await subscription.register(60_000);
      const appender = transport.appender(plainAppending);
      await appender.append([entryOf(stream, 0)], 2_000);
      const [first] = await subscription.read(1, 100);
      const reading = subscription.read(1, 5_000).then(
        () => 'resolved',
        (error: unknown) => transport.classify(error).kind,
      );
      const source = await cluster.masterOf(stream);
      const target = cluster.nodes.find((node) => node !== source) ?? source;
      await cluster.moveSlot(stream, target);
      expect(['resolved', 'refused']).toContain(await reading);
      await appender.append([entryOf(stream, 1)], 2_000);
      const [second] = await until(async () => {
        const entries = await subscription.read(1, 500);
        return entries.length > 0 && entries;
      });
      expect(second?.fields).toEqual(['number', '1']);
      const ids = [first?.id ?? '', second?.id ?? ''];
      expect(await subscription.owned('0-0', 10)).toHaveLength(2);
      expect(await subscription.acknowledge({ ids, postponed: [] })).toMatchObject({ count: 2 });
      await until(async () => (await readersOf(source)) === 0);
      // the one that is asked to wake up is the one that waits
      const waiting = subscription.read(1, 5_000);
      const startedAt = performance.now();
      await subscription.interruptRead();
      expect(await waiting).toEqual([]);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
    });

    test.each(['killed', 'frozen', 'replaced in good order'])('a master that is %s', async (fault) => {
      const cluster = await startedCluster({ replicasPerMaster: 1 });
      const transport = transportFor(cluster);
      await transport.connect();
      const failovers: [string, string, boolean, boolean][] = [];
      const old = await cluster.masterOf(stream);
      const elsewhere = await cluster.masters().then((masters) => masters.find((master) => master !== old));
      const away = await nameOn(cluster, elsewhere?.port ?? 0);
      transport.onFailover(({ from, to, concerns }) => failovers.push([from, to, concerns(stream), concerns(away)]));
      const subscription = transport.subscription(member);
      await subscription.ensureGroup('beginning');
      const writing = new Writing(transport, stream);
      const undisturbed = new Writing(transport, away);
      await writing.goesOn();
      await awaitReplica(old);
      if (fault === 'killed') await old.kill();
      if (fault === 'frozen') await old.freeze();
      const next = await cluster.failover(old);
      await writing.goesOn();
      expect(failovers).toEqual([[`127.0.0.1:${old.port}`, `127.0.0.1:${next.port}`, true, false]]);
      const entries = await until(async () => {
        const read = await subscription.read(10, 500);
        return read.length > 0 && read;
      });
      expect(await subscription.acknowledge({ ids: entries.map(({ id }) => id), postponed: [] })).toMatchObject({
        count: entries.length,
      });
      if (fault === 'frozen') {
        old.thaw();
        await writing.goesOn();
        expect(await connectionsTo(old)).toBeLessThanOrEqual(1);
      }
      await Promise.all([writing.stop(), undisturbed.stop()]);
      const numbers = await numbersIn(next, stream);
      expect(new Set(numbers).size).toBe(numbers.length);
      expect([...numbers]).toEqual([...numbers].sort((a, b) => a - b));
      expect(numbers).toEqual(expect.arrayContaining(writing.stored.slice(-5)));
      if (fault === 'replaced in good order') expect(numbers).toEqual(expect.arrayContaining(writing.stored));
      expect(undisturbed.unknown).toEqual([]);
      expect(undisturbed.longestGapMs).toBeLessThan(1_500);
    });

    test('a slot without an owner is refused, until it has one again', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      const appender = transport.appender(plainAppending);
      expect(kindsOf(await appender.append([entryOf(stream, 0)], 2_000))).toEqual(['stored']);
      const owner = await cluster.masterOf(stream);
      const others = cluster.nodes.filter((node) => node !== owner);
      for (const node of others) await node.kill();
      await until(async () => {
        const [answer] = await appender.append([entryOf(stream, 1)], 500);
        return typeof answer === 'object' && 'cause' in answer && answer.cause.message.startsWith('CLUSTERDOWN');
      });
      for (const node of others) await node.restart();
      await until(async () => isStored((await appender.append([entryOf(stream, 2)], 500))[0]));
    });

    test('a node that is added is used, and one that is removed is left', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      const writing = new Writing(transport, stream);
      await writing.goesOn();
      const added = await cluster.addNode();
      await cluster.moveSlot(stream, added);
      await writing.goesOn();
      expect(await connectionsTo(added)).toBeGreaterThan(0);
      const home = cluster.nodes[0] ?? added;
      await cluster.moveSlot(stream, home);
      await writing.goesOn();
      await cluster.removeNode(added);
      await writing.goesOn();
      await writing.stop();
      expect(writing.unknown).toEqual([]);
      expect(await numbersIn(home, stream)).toEqual(writing.stored);
    });

    test('dead letters in another slot are stored before the entry is acknowledged', async () => {
      const cluster = await startedCluster();
      const transport = transportFor(cluster);
      const letters = await nameElsewhere(cluster, stream);
      const appender = transport.appender(plainAppending);
      await appender.append([entryOf(stream, 0), entryOf(stream, 1)], 2_000);
      const subscription = transport.subscription(member);
      await subscription.ensureGroup('beginning');
      const [one, two] = await subscription.read(2, 100);
      expect(await subscription.deadLetter(one?.id ?? '', letters, ['reason', 'none'])).toBe('moved');
      expect(await subscription.deadLetter(one?.id ?? '', letters, ['reason', 'none'])).toBe('not-owned');
      expect(await subscription.deadLetter(two?.id ?? '', companionKey(stream, 'dlq'), ['reason', 'none'])).toBe(
        'moved',
      );
      const found = await transport.inspector().range(letters, '-', '+', 10);
      expect(found.map(({ fields }) => fields)).toEqual([['number', '0', 'reason', 'none']]);
      expect(await subscription.owned('0-0', 10)).toEqual([]);
    });

    test('answers that are lost: unknown, and nothing is stored twice', async () => {
      const cluster = await startedCluster({ proxied: true });
      const appender = transportFor(cluster).appender(plainAppending);
      expect(kindsOf(await appender.append([entryOf(stream, 0)], 2_000))).toEqual(['stored']);
      const owner = await cluster.masterOf(stream);
      const proxy = cluster.proxyOf(owner);
      proxy.setMode('dropReplies');
      expect(kindsOf(await appender.append([entryOf(stream, 1), entryOf(stream, 2)], 300))).toEqual([
        'unknown',
        'unknown',
      ]);
      proxy.setMode('pass');
      proxy.cut();
      await until(async () => isStored((await appender.append([entryOf(stream, 3)], 2_000))[0]));
      expect(await numbersIn(owner, stream)).toEqual([0, 1, 2, 3]);
    });

    test('TLS and passwords', async () => {
      const cluster = await startedCluster({ tls: true, password: 'secret-of-nodes' });
      const login = { tls: { ca: cluster.ca ?? '' }, password: 'secret-of-nodes' };
      const transport = transportFor(cluster, login);
      await transport.connect();
      expect(kindsOf(await transport.appender(plainAppending).append([entryOf(stream, 1)], 2_000))).toEqual(['stored']);
      const without = transportFor(cluster, { tls: login.tls });
      await expect(without.connect()).rejects.toMatchObject({ code: 'EVENTS_PERMISSION' });
      expect(JSON.stringify([transport, without])).not.toContain('secret');
    });

    test('nodes that cannot be reached are named, and found when they are there', async () => {
      const cluster = await startedCluster();
      for (const node of cluster.nodes) await node.kill();
      const transport = transportFor(cluster, { maxRetries: 1 });
      await expect(transport.connect()).rejects.toMatchObject({
        code: 'EVENTS_TRANSPORT',
        message: expect.stringMatching(new RegExp(`no node of the cluster.*${cluster.nodes[0]?.port}`)),
      });
      const appender = transport.appender(plainAppending);
      expect(kindsOf(await appender.append([entryOf(stream, 1)], 300))).toEqual(['offline']);
      for (const node of cluster.nodes) await node.restart();
      await until(async () => isStored((await appender.append([entryOf(stream, 2)], 1_000))[0]));
      const hasty = transportFor(cluster, { failoverStrategy: 'failfast' });
      await hasty.connect();
    });
  });
}

/** Another stream of the same slot. */
function neighbourOf(name: string): string {
  return `{${name}}:neighbour`;
}

/** A stream that another node keeps. */
async function nameElsewhere(cluster: RedisCluster, name: string): Promise<string> {
  const owner = await cluster.masterOf(name);
  for (let number = 0; ; number += 1) {
    const other = `${name}-${number}`;
    if (keySlot(other) !== keySlot(name) && (await cluster.masterOf(other)) !== owner) return other;
  }
}

/** A stream that the node at `port` keeps. */
async function nameOn(cluster: RedisCluster, port: number): Promise<string> {
  for (let number = 0; ; number += 1) {
    if ((await cluster.masterOf(`away-${number}`)).port === port) return `away-${number}`;
  }
}

async function readersOf(node: RedisCluster['nodes'][number]): Promise<number> {
  return String(await node.command('CLIENT', 'LIST')).split('name=events:reader').length - 1;
}
