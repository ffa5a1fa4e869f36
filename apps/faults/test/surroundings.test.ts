// What happens around a server: nothing answers, names point elsewhere, everything restarts.
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type FaultProxy,
  type RedisServer,
  type ReplicatedRedis,
  startFaultProxy,
  startRedis,
  startReplicated,
  until,
} from '@events/tooling-redis';
import { afterEach, describe, expect, test } from '@jest/globals';
import { clients } from '../src/transports.js';
import { outcomeOf, Station, stream } from './support/station.js';

const closing: (() => unknown)[] = [];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the heap holds that somebody can still reach. */
function reachableBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function server(): Promise<RedisServer> {
  const started = await startRedis();
  closing.push(() => started.stop());
  return started;
}

async function replicated(): Promise<ReplicatedRedis> {
  const started = await startReplicated({ replicas: 1 });
  closing.push(() => started.stop());
  return started;
}

async function proxyOf(target: RedisServer): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target });
  closing.push(() => proxy.close());
  return proxy;
}

describe.each(clients)('%s', (client) => {
  test('F06 while nothing answers, what waits is bounded, the rest is refused, and memory does not grow', async () => {
    const proxy = await proxyOf(await server());
    const station = new Station(client, { url: proxy.url });
    const limits = { maxInFlight: 1_000, overflow: 'reject', timeoutMs: 1_000 } as const;
    const publisher = station.publisher(limits);
    await publisher.publish('a', 1);
    proxy.setMode('refuse');
    const outcomes = new Map<string, number>();
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const round = async () => {
      const payload = 'x'.repeat(1_024);
      for (let turn = 0; turn < 20; turn += 1) {
        await Promise.all(
          Array.from({ length: 100 }, () => Promise.race([outcomeOf(publisher.publish('a', payload)), turnOver()])),
        ).then((settled) => {
          for (const outcome of settled) count(outcome);
        });
      }
    };
    await round();
    const before = reachableBytes();
    for (let again = 0; again < 10; again += 1) await round();
    // what a turn under way still refers to goes with it
    await until(() => reachableBytes() - before < 64 * 1_048_576);
    expect(outcomes.get('not-stored EVENTS_OVERLOADED')).toBeGreaterThan(10_000);
    proxy.setMode('pass');
    await until(async () => (await outcomeOf(publisher.publish('a', 1))) === 'stored');
  });

  test('F07 a server that is busy for long: the call ends in time, and with idempotent the event is stored once', async () => {
    const redis = await startRedis({ config: { 'enable-debug-command': 'yes' } });
    closing.push(() => redis.stop());
    const station = new Station(client, { url: redis.url });
    const impatient = station.publisher({ timeoutMs: 800 });
    const insistent = station.publisher({ timeoutMs: 6_000, idempotent: true });
    await Promise.all([impatient.publish('a', 1), insistent.publish('a', 1)]);
    const busy = redis.command('DEBUG', 'SLEEP', '2.5');
    const isBusy = () => Promise.race([redis.command('PING').then(() => false), delay(100).then(() => true)]);
    await until(isBusy);
    const begin = performance.now();
    const [early, late] = [
      outcomeOf(impatient.publish('a', 2, { id: 'early' })),
      outcomeOf(insistent.publish('a', 2, { id: 'late' })),
    ];
    expect(await early).toMatch(/^unknown /);
    expect(performance.now() - begin).toBeLessThan(2_300);
    expect(await late).toBe('stored');
    await busy;
    const ids = ((await redis.command('XRANGE', stream, '-', '+')) as [string, string[]][]).map(
      ([, fields]) => fields[1],
    );
    expect(ids.filter((id) => id === 'late')).toHaveLength(1);
    expect(ids.filter((id) => id === 'early').length).toBeLessThanOrEqual(1);
  });

  test('F53 a name that points to another address is looked up anew with each connection', async () => {
    const [first, second] = [await server(), await server()];
    // the same port at another address of this machine leads to the second server
    const forwarder = createServer((socket) => {
      const target = connect(second.port, '127.0.0.1');
      socket.on('error', () => target.destroy());
      target.on('error', () => socket.destroy());
      socket.pipe(target).pipe(socket);
    });
    await new Promise<void>((resolve) => forwarder.listen(first.port, '127.0.0.2', resolve));
    closing.push(() => forwarder.close());
    let address = '127.0.0.1';
    const restore = lookUp('redis.faults.test', () => address);
    closing.push(restore);
    const station = new Station(client, { url: `redis://redis.faults.test:${first.port}` });
    const publisher = station.publisher();
    await publisher.publish('a', 1);
    address = '127.0.0.2';
    await first.kill();
    await until(async () => (await outcomeOf(publisher.publish('a', 2))) === 'stored');
    expect(Number(await second.command('XLEN', stream))).toBeGreaterThan(0);
  });

  test('F36 sentinels that are down at the start are waited for', async () => {
    const redis = await replicated();
    await Promise.all(redis.sentinels.map((sentinel) => sentinel.kill()));
    const { sentinelAddresses: sentinels, name, nodeAddressMap } = redis;
    const station = new Station(client, { sentinels, name, nodeAddressMap });
    const publisher = station.publisher({ timeoutMs: 1_000 });
    expect(await outcomeOf(publisher.publish('a', 1))).not.toBe('stored');
    const consuming = station.consumer();
    await Promise.all(redis.sentinels.map((sentinel) => sentinel.restart()));
    await until(async () => (await outcomeOf(publisher.publish('a', 2, { id: 'after' }))) === 'stored', {
      timeoutMs: 20_000,
    });
    await consuming;
    await until(() => station.handled.includes('after'));
  });

  test('F37 sentinels that are all gone for a while disturb nobody, and a failover is followed when they are back', async () => {
    const redis = await replicated();
    const { sentinelAddresses: sentinels, name, nodeAddressMap } = redis;
    const station = new Station(client, { sentinels, name, nodeAddressMap });
    const publisher = station.publisher({ timeoutMs: 1_000 });
    await station.consumer();
    await publisher.publish('a', 1, { id: 'before' });
    await Promise.all(redis.sentinels.map((sentinel) => sentinel.kill()));
    expect(await outcomeOf(publisher.publish('a', 2, { id: 'blind' }))).toBe('stored');
    await until(() => station.handled.includes('blind'));
    await Promise.all(redis.sentinels.map((sentinel) => sentinel.restart()));
    const master = await redis.waitUntilSettled({ timeoutMs: 20_000 });
    await master.kill();
    await redis.failover();
    await until(async () => (await outcomeOf(publisher.publish('a', 3, { id: 'after' }))) === 'stored', {
      timeoutMs: 20_000,
    });
    await until(() => station.handled.includes('after'), { timeoutMs: 20_000 });
  });

  test('F84 a master that restarts empty before anybody notices: the loss is told, and both go on', async () => {
    const redis = await replicated();
    const { sentinelAddresses: sentinels, name, nodeAddressMap } = redis;
    const station = new Station(client, { sentinels, name, nodeAddressMap });
    const publisher = station.publisher({ timeoutMs: 1_000 });
    await station.consumer();
    await publisher.publish('a', 1, { id: 'before' });
    await until(() => station.handled.includes('before'));
    const master = await redis.master();
    await master.kill();
    await master.restart();
    await until(async () => (await outcomeOf(publisher.publish('a', 2, { id: 'after' }))) === 'stored', {
      timeoutMs: 20_000,
    });
    await until(() => station.handled.includes('after'), { timeoutMs: 20_000 });
    const isEmpty = (await master.command('XLEN', stream)) === 1;
    // if the sentinels were quicker, a replica with everything was promoted, and there was nothing to tell
    expect(station.emitted.some((one) => one.name === 'groupLost')).toBe(isEmpty);
  });
});

function turnOver(): Promise<string> {
  return new Promise((resolve) => setImmediate(resolve, 'waiting'));
}

/** Answers look-ups of `host` until the returned function is called. */
function lookUp(host: string, address: () => string): () => void {
  const dns = createRequire(import.meta.url)('node:dns') as { lookup: (...words: unknown[]) => unknown };
  const original = dns.lookup;
  dns.lookup = (name, ...rest) => {
    if (name !== host) return original.call(dns, name, ...rest);
    const callback = rest.at(-1) as (error: null, found: unknown, family?: number) => void;
    const all = (rest[0] as { all?: boolean }).all === true;
    return setImmediate(() =>
      all ? callback(null, [{ address: address(), family: 4 }]) : callback(null, address(), 4),
    );
  };
  return () => {
    dns.lookup = original;
  };
}
