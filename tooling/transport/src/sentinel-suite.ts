import { plainAppending } from '@events/conformance';
import type { Failover } from '@events/core';
import type { RedisTransportOptions } from '@events/redis-streams';
import { type ReplicatedRedis, type StartReplicatedOptions, startReplicated, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';
import { awaitReplica, connectionsTo, entryOf, kindsOf, numbersIn, Writing } from './topology-kit.js';

const stream = 'orders';
const member = { stream, group: 'group', consumer: 'one' };

/** A master that sentinels watch, and what becomes of it. */
export function sentinelSuite(kit: TransportKit): void {
  describe(`${kit.name}, with sentinels`, () => {
    const laboratory = new Laboratory(kit);

    async function replicated(options: StartReplicatedOptions = {}): Promise<ReplicatedRedis> {
      return laboratory.keep(await startReplicated({ replicas: 1, ...options }), (it) => it.stop());
    }

    function transportFor(set: ReplicatedRedis, options: RedisTransportOptions = {}) {
      const { sentinelAddresses: sentinels, name, nodeAddressMap } = set;
      return laboratory.transport({ sentinels, name, nodeAddressMap, ...options });
    }

    test.each(['killed', 'frozen', 'demoted'])(
      'a master that is %s is left, and the next one is followed',
      async (fault) => {
        const set = await replicated();
        const transport = transportFor(set);
        await transport.connect();
        const failovers: Failover[] = [];
        const told: object[] = [];
        transport.onFailover((failover) => failovers.push(failover));
        transport.on('failover', (event) => told.push(event));
        const subscription = transport.subscription(member);
        await subscription.ensureGroup('beginning');
        const writing = new Writing(transport, stream);
        await writing.goesOn();
        const old = await set.master();
        await awaitReplica(old);
        if (fault === 'killed') await old.kill();
        if (fault === 'frozen') await old.freeze();
        const next = await set.failover();
        await writing.goesOn();
        const [from, to] = [old, next].map(({ host, port }) => `${host}:${port}`);
        expect(told).toEqual([{ from, to, reason: expect.stringMatching(/master/) }]);
        expect(failovers).toEqual([expect.objectContaining({ from, to })]);
        expect(failovers[0]?.concerns('anything')).toBe(true);
        // everything else goes on as well
        const entries = await until(async () => {
          const read = await subscription.read(10, 500);
          return read.length > 0 && read;
        });
        expect(await subscription.acknowledge({ ids: entries.map(({ id }) => id), postponed: [] })).toMatchObject({
          count: entries.length,
        });
        if (fault === 'frozen') {
          const before = writing.stored.length;
          old.thaw();
          await writing.goesOn();
          expect(await connectionsTo(old)).toBe(0);
          expect(writing.stored.length).toBeGreaterThan(before);
        }
        await writing.stop();
        const numbers = await numbersIn(next, stream);
        expect(new Set(numbers).size).toBe(numbers.length);
        expect([...numbers]).toEqual([...numbers].sort((a, b) => a - b));
        // what was stored a moment before may not have been replicated; what was stored since must be there
        const last = writing.stored.slice(-5);
        expect(numbers.slice(-30)).toEqual(expect.arrayContaining(last));
      },
    );

    test('a master that cannot be reached is left when the sentinels name another one', async () => {
      const set = await replicated({ proxied: true });
      const transport = transportFor(set);
      await transport.connect();
      const writing = new Writing(transport, stream);
      await writing.goesOn();
      const old = await set.master();
      set.proxyOf(old).setMode('blackhole');
      await until(() => writing.unknown.length > 0);
      await set.failover();
      await writing.goesOn();
      await writing.stop();
      const { port } = set.proxyOf(await set.master());
      expect(JSON.stringify(transport)).toContain(`'${set.name}'`);
      expect(port).toBeGreaterThan(0);
    });

    test('answers that are lost, and a connection that is cut: unknown, and nothing is stored twice', async () => {
      const set = await replicated({ proxied: true, sentinels: 1 });
      const appender = transportFor(set).appender(plainAppending);
      expect(kindsOf(await appender.append([entryOf(stream, 0)], 2_000))).toEqual(['stored']);
      const proxy = set.proxyOf(await set.master());
      proxy.setMode('dropReplies');
      expect(kindsOf(await appender.append([entryOf(stream, 1), entryOf(stream, 2)], 300))).toEqual([
        'unknown',
        'unknown',
      ]);
      proxy.setMode('pass');
      proxy.cut();
      expect(kindsOf(await appender.append([entryOf(stream, 3)], 2_000))).toEqual(['stored']);
      expect(await numbersIn(await set.master(), stream)).toEqual([0, 1, 2, 3]);
    });

    test('sentinels that are down at the start are named, and found when they are back', async () => {
      const set = await replicated();
      for (const sentinel of set.sentinels) await sentinel.kill();
      const transport = transportFor(set, { maxRetries: 1 });
      const errors: Error[] = [];
      transport.on('error', (error) => errors.push(error));
      await expect(transport.connect()).rejects.toMatchObject({
        code: 'EVENTS_TRANSPORT',
        message: expect.stringMatching(
          new RegExp(`none of the sentinels.*${set.sentinels[0]?.port}.*Check that the sentinels`),
        ),
      });
      expect(errors.length).toBeGreaterThan(0);
      const appender = transport.appender(plainAppending);
      const waiting = appender.append([entryOf(stream, 1)], 10_000);
      for (const sentinel of set.sentinels) await sentinel.restart();
      expect(kindsOf(await waiting)).toEqual(['stored']);
    });

    test('sentinels that go away interrupt nothing, and others may take their place', async () => {
      const set = await replicated();
      const transport = transportFor(set, { sentinels: set.sentinelAddresses.slice(0, 1) });
      await transport.connect();
      const [first, ...others] = set.sentinels;
      for (const sentinel of others) await until(async () => (await connectionsTo(sentinel)) > 0);
      const writing = new Writing(transport, stream);
      await writing.goesOn();
      for (const sentinel of set.sentinels) await sentinel.freeze();
      await writing.goesOn();
      // a new connection goes to the last known master
      const subscription = transport.subscription(member);
      await until(async () =>
        subscription.ensureGroup('beginning').then(
          () => true,
          () => false,
        ),
      );
      expect(writing.longestGapMs).toBeLessThan(1_500);
      for (const sentinel of others) sentinel.thaw();
      await first?.kill();
      await set.failover();
      await writing.goesOn();
      await writing.stop();
    });

    test('a name that they do not know is an error that says so', async () => {
      const set = await replicated({ replicas: 1, sentinels: 1 });
      const transport = transportFor(set, { name: 'other' });
      await expect(transport.connect()).rejects.toMatchObject({
        code: 'EVENTS_TRANSPORT',
        message: expect.stringContaining("no master named 'other'"),
        cause: expect.objectContaining({ code: 'UNKNOWN_MASTER' }),
      });
      expect(kindsOf(await transport.appender(plainAppending).append([entryOf(stream, 1)], 5_000))).toEqual([
        'invalid',
      ]);
    });

    test('TLS and passwords, of the servers and of the sentinels', async () => {
      const set = await replicated({
        tls: true,
        password: 'secret-of-servers',
        sentinelPassword: 'secret-of-sentinels',
      });
      const tls = { ca: set.ca ?? '' };
      const login = { tls, sentinelTls: tls, password: 'secret-of-servers' };
      const transport = transportFor(set, { ...login, sentinelPassword: 'secret-of-sentinels' });
      await transport.connect();
      expect(kindsOf(await transport.appender(plainAppending).append([entryOf(stream, 1)], 2_000))).toEqual(['stored']);
      await set.failover();
      await until(
        async () => kindsOf(await transport.appender(plainAppending).append([entryOf(stream, 2)], 500))[0] === 'stored',
      );
      const without = transportFor(set, login);
      await expect(without.connect()).rejects.toMatchObject({
        code: 'EVENTS_PERMISSION',
        message: expect.stringMatching(/sentinelPassword/),
      });
      expect(JSON.stringify([transport, without])).not.toContain('secret');
    });

    test('when it is closed, no connection stays', async () => {
      const set = await replicated();
      const transport = transportFor(set);
      await transport.connect();
      for (const sentinel of set.sentinels) await until(async () => (await connectionsTo(sentinel)) === 2);
      await transport.close();
      for (const server of [...set.servers, ...set.sentinels])
        await until(async () => (await connectionsTo(server)) === 0);
    });
  });
}
