import {
  EventConsumer,
  EventPublisher,
  type GroupLoss,
  type Janitor,
  keepUnread,
  maxLength,
  type TrimOrder,
} from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const signs = '{orders}:groups';
const hourMs = 3_600_000;
const unbounded: Omit<TrimOrder, 'bound'> = { limit: null, isExact: true, keepUnread: null };
const kept = { released: [], silentMs: hourMs };

/** How streams are kept within bounds, and groups and consumers removed. */
export function janitorSuite(kit: TransportKit): void {
  describe(`${kit.name}, keeping order`, () => {
    const laboratory = new Laboratory(kit);

    async function started(): Promise<{ server: RedisServer; janitor: Janitor; another(): Janitor }> {
      const server = await laboratory.server();
      const another = () => laboratory.transport({ url: server.url }).janitor();
      return { server, janitor: another(), another };
    }

    test('a publisher keeps its stream short, and loses nothing for a group that stands still meanwhile', async () => {
      const { server } = await started();
      const transport = laboratory.transport({ url: server.url });
      const source = { transport, source: 'suite', defaultStream: stream };
      const publishers = [1, 2].map(
        () => new EventPublisher({ ...source, trimStrategy: keepUnread(maxLength(2_000), { maxGroupIdleMs: 60_000 }) }),
      );
      let lost = 0;
      let removed = 0;
      for (const publisher of publishers) {
        publisher.on('trimmed', (trimmed) => {
          removed += trimmed.removed;
          lost += trimmed.lost.length;
        });
      }
      const handled = { quick: new Set<unknown>(), slow: new Set<unknown>() };
      const consumerOf = (group: 'quick' | 'slow') =>
        new EventConsumer({ transport, stream, group, prefetch: 1_000 }).subscribe('*', ({ data }) => {
          handled[group].add(data);
        });
      const quick = consumerOf('quick');
      await quick.start();
      const first = consumerOf('slow');
      await first.start();
      const publish = async (from: number, to: number) => {
        for (let number = from; number < to; number += 100) {
          const numbers = Array.from({ length: 100 }, (_, index) => number + index);
          await Promise.all(numbers.map((data) => publishers[data % 2]?.publish('numbered', data)));
        }
      };
      await publish(0, 5_000);
      await first.stop();
      const stoppedAt = handled.slow.size;
      await publish(5_000, 15_000);
      const length = async () => Number(await server.command('XLEN', stream));
      expect(await length()).toBeGreaterThanOrEqual(15_000 - Math.max(5_000, stoppedAt));
      const second = consumerOf('slow');
      await second.start();
      await until(async () => handled.slow.size === 15_000 && handled.quick.size === 15_000, { timeoutMs: 20_000 });
      await until(async () => (await length()) <= 2_100, { timeoutMs: 15_000 });
      // a pass tells of all its steps when it is over
      await until(async () => removed === 15_000 - (await length()), { timeoutMs: 15_000 });
      expect(lost).toBe(0);
      await Promise.all([quick.stop(), second.stop(), ...publishers.map((publisher) => publisher.close())]);
    }, 60_000);

    test('publishers wait for room in a stream that a slow group keeps full, and store everything in the end', async () => {
      const { server } = await started();
      const transport = laboratory.transport({ url: server.url });
      const trimStrategy = { maxLength: 1_000, overflow: 'block' } as const;
      const publishers = [1, 2].map(
        () =>
          new EventPublisher({ transport, source: 'suite', defaultStream: stream, trimStrategy, timeoutMs: 30_000 }),
      );
      const full: unknown[] = [];
      for (const publisher of publishers) publisher.on('backpressure', ({ reason }) => full.push(reason));
      const handled: unknown[] = [];
      const consumer = new EventConsumer({ transport, stream, group: 'slow', concurrency: 4 });
      consumer.subscribe('*', async ({ data }) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        handled.push(data);
      });
      await consumer.start();
      consumer.pause();
      const stored = Promise.all(
        Array.from({ length: 4_000 }, (_, number) => publishers[number % 2]?.publish('numbered', number)),
      );
      const length = async () => Number(await server.command('XLEN', stream));
      await until(async () => full.length === 2);
      // by what the other one had on its way
      expect(await length()).toBeGreaterThanOrEqual(1_000);
      expect(await length()).toBeLessThanOrEqual(1_250);
      consumer.resume();
      await stored;
      await until(async () => handled.length >= 4_000, { timeoutMs: 20_000 });
      expect(new Set(handled).size).toBe(4_000);
      expect(full).toEqual(['stream', 'stream']);
      await Promise.all([consumer.stop(), ...publishers.map((publisher) => publisher.close())]);
    }, 60_000);

    test('what groups lose is counted exactly, limits and bounds hold, whatever the ids', async () => {
      const { server, janitor } = await started();
      const random = randomFrom(4_711);
      const below = (most: number) => Math.floor(random() * most);
      let unread = 0;
      let pending = 0;
      for (let round = 0; round < 40; round += 1) {
        await server.command('DEL', stream);
        const ids = idsOf(round, 150 + below(400));
        await fill(server, ids);
        for (const group of ['one', 'two', 'three'].slice(0, below(4))) await consumeSome(server, group, ids, below);
        const bound = [{ maxLength: below(ids.length) }, { minId: ids[below(ids.length)] }][round % 2] ?? {};
        const limit = [null, 1 + below(ids.length)][below(2)] ?? null;
        const order: TrimOrder = { ...unbounded, bound, limit, isExact: below(2) === 0 };
        const before = await stateOf(server);
        const trimmed = await janitor.trim(stream, order);
        const after = await stateOf(server);
        const gone = before.ids.slice(0, before.ids.length - after.ids.length);
        expect(after.ids).toEqual(before.ids.slice(gone.length));
        const beyond = bound.minId === undefined ? ids.length - (bound.maxLength ?? 0) : ids.indexOf(bound.minId);
        const expected = Math.min(beyond, limit ?? beyond);
        if (order.isExact) expect(gone).toHaveLength(expected);
        else expect(gone.length).toBeLessThanOrEqual(expected);
        if (!order.isExact) expect(expected - gone.length).toBeLessThanOrEqual(100);
        const lost = lossesIn(before, gone);
        expect(trimmed).toEqual({
          ...{ removed: gone.length, length: after.ids.length, firstEntryId: after.ids[0] ?? null },
          ...{ groups: before.groups.length, lost: expect.arrayContaining(lost) },
        });
        expect(trimmed.lost).toHaveLength(lost.length);
        for (const loss of lost) {
          unread += loss.unread;
          pending += loss.pending;
        }
      }
      expect(unread).toBeGreaterThan(500);
      expect(pending).toBeGreaterThan(500);
    });

    test('keepUnread: what a live group has pending or was not given stays, to the last entry', async () => {
      const { server, janitor } = await started();
      const random = randomFrom(815);
      const below = (most: number) => Math.floor(random() * most);
      for (let round = 0; round < 20; round += 1) {
        await server.command('DEL', stream);
        const ids = idsOf(round, 300);
        await fill(server, ids);
        for (const group of ['one', 'two']) await consumeSome(server, group, ids, below);
        const before = await stateOf(server);
        const needed = ids.findIndex((id) => lossesIn(before, [id]).length > 0);
        const floor = needed === -1 ? ids.length : needed;
        const order = { ...unbounded, keepUnread: kept, limit: 1_000, isExact: round % 2 === 0 };
        const { removed, lost } = await janitor.trim(stream, { ...order, bound: { maxLength: 20 } });
        expect(lost).toEqual([]);
        if (order.isExact) expect(removed).toBe(Math.min(floor, 280));
        else expect(removed).toBeLessThanOrEqual(Math.min(floor, 280));
      }
    });

    test('what follows the last id of a millisecond is the first of the next', async () => {
      const { server, janitor } = await started();
      const ids = idsOf(3, 200);
      await fill(server, ids);
      await server.command('XGROUP', 'CREATE', stream, 'one', ids[119] ?? '');
      expect(ids[119]).toBe('8-18446744073709551615');
      expect((await janitor.survey(stream))?.groups[0]?.floor).toBe('9-0');
      const order = { ...unbounded, keepUnread: kept, bound: { maxLength: 0 } };
      expect(await janitor.trim(stream, order)).toMatchObject({ removed: 120, firstEntryId: '9-0' });
    });

    test('a released group holds nothing back while it is silent, and all of it when it is alive again', async () => {
      const { server, janitor } = await started();
      await fill(server, idsOf(0, 10));
      await server.command('XGROUP', 'CREATE', stream, 'gone', '0');
      const order = { ...unbounded, bound: { maxLength: 4 }, keepUnread: { released: ['gone'], silentMs: 60_000 } };
      // without a record it is live
      expect(await janitor.trim(stream, order)).toMatchObject({ removed: 0 });
      await server.command('HSET', signs, 'gone', String(Date.now() - 30_000));
      expect(await janitor.trim(stream, order)).toMatchObject({ removed: 0 });
      await server.command('HSET', signs, 'gone', String(Date.now() - 90_000));
      expect(await janitor.trim(stream, { ...order, keepUnread: kept })).toMatchObject({ removed: 0 });
      expect(await janitor.trim(stream, { ...order, limit: 4 })).toMatchObject({
        ...{ removed: 4, lost: [{ group: 'gone', unread: 4, pending: 0 }] },
      });
      const subscription = laboratory
        .transport({ url: server.url })
        .subscription({ stream, group: 'gone', consumer: 'back' });
      expect(await subscription.register(hourMs)).toBe(true);
      expect(await janitor.trim(stream, order)).toMatchObject({ removed: 0, length: 6 });
      expect(await subscription.progress()).toMatchObject({
        oldestUnreadId: '5-1',
        lastDeliveredId: '0-0',
        missed: null,
      });
    });

    test('progress says what went unread, and a group that is not there is lost', async () => {
      const { server, janitor } = await started();
      const transport = laboratory.transport({ url: server.url });
      const one = transport.subscription({ stream, group: 'one', consumer: 'a' });
      const lost = await one.progress().catch((error: unknown) => error);
      expect(transport.classify(lost).kind).toBe('group-lost');
      await one.ensureGroup('beginning');
      await fill(server, idsOf(0, 10));
      expect(await one.read(2, 0)).toHaveLength(2);
      expect(await one.progress()).toMatchObject({ missed: 0, pending: 2, oldestUnreadId: '3-1', consumers: 1 });
      await janitor.trim(stream, { ...unbounded, bound: { maxLength: 3 } });
      expect(await one.progress()).toMatchObject({ missed: 5, oldestUnreadId: '8-1', oldestPendingId: '1-1' });
      await janitor.trim(stream, { ...unbounded, bound: { maxLength: 0 } });
      expect(await one.progress()).toMatchObject({ missed: 8, oldestUnreadId: null, lastDeliveredId: '2-1' });
    });

    test('of twenty that remove a group, one does; one that has work, or whose consumer came alive, stays', async () => {
      const { server, janitor, another } = await started();
      const janitors = [janitor, ...Array.from({ length: 19 }, another)];
      const removals = () => Promise.all(janitors.map((each) => each.removeGroup(stream, 'old', 60_000)));
      const age = () => server.command('HSET', signs, 'old', '1', 'old a', '1', 'older', '1', 'older b', '1');
      await fill(server, idsOf(0, 3));
      await server.command('XGROUP', 'CREATE', stream, 'old', '0');
      expect(await janitor.removeGroup(stream, 'old', 60_000)).toBe('alive'); // seen for the first time
      await age();
      expect(new Set(await removals())).toEqual(new Set(['in-use']));
      await server.command('XREADGROUP', 'GROUP', 'old', 'a', 'COUNT', '3', 'STREAMS', stream, '>');
      expect(new Set(await removals())).toEqual(new Set(['in-use']));
      expect(await janitor.removeConsumer(stream, 'old', 'a', 60_000)).toBe('in-use');
      await server.command('XACK', stream, 'old', '1-1', '2-1', '3-1');
      await server.command('HSET', '{orders}:retry:old', '1-1', 'record');
      expect((await removals()).sort()).toEqual([...new Array(19).fill('missing'), 'removed']);
      expect(await server.command('HGETALL', signs)).toEqual(['older', '1', 'older b', '1']);
      expect(await server.command('EXISTS', '{orders}:retry:old')).toBe(0);

      for (let round = 0; round < 20; round += 1) {
        await server.command('XGROUP', 'CREATE', stream, 'old', '$');
        await age();
        const member = laboratory.transport({ url: server.url }).subscription({ stream, group: 'old', consumer: 'a' });
        const registered = member.register(hourMs).then(
          () => true,
          () => false,
        );
        const removed = (await removals()).includes('removed');
        expect(await registered).toBe(!removed);
        await server.command('XGROUP', 'DESTROY', stream, 'old');
        await server.command('DEL', '{orders}:consumers:old:a');
      }
    });

    test('a survey stamps what it sees first, and forgets what is gone', async () => {
      const { server, janitor } = await started();
      await fill(server, idsOf(0, 2));
      await server.command('XGROUP', 'CREATE', stream, 'one', '0');
      await server.command('XGROUP', 'CREATECONSUMER', stream, 'one', 'a');
      await server.command('HSET', signs, 'gone', '1', 'one b', '1', 'one a', '1');
      const state = await janitor.survey(stream);
      expect(state?.groups[0]).toMatchObject({ silentMs: 0, floor: '0-1', lowestPendingId: null });
      expect(state?.groups[0]?.consumers).toEqual([{ name: 'a', pending: 0, silentMs: expect.any(Number) }]);
      expect(state?.groups[0]?.consumers[0]?.silentMs).toBeGreaterThan(hourMs);
      expect(await server.command('HGETALL', signs)).toEqual(['one a', '1', 'one', String(state?.nowMs)]);
      expect(await janitor.removeConsumer(stream, 'one', 'a', hourMs)).toBe('removed');
      expect(await server.command('HEXISTS', signs, 'one a')).toBe(0);
    });

    test('a step of 1,000 entries does not hold the server up for a millisecond', async () => {
      const { server, janitor } = await started();
      const text = "for i = 1, 5000 do redis.call('XADD', KEYS[1], '*', 'data', ARGV[1]) end";
      for (let part = 0; part < 20; part += 1) await server.command('EVAL', text, '1', stream, 'x'.repeat(1_024));
      await server.command('XGROUP', 'CREATE', stream, 'reads', '$');
      await server.command('XGROUP', 'CREATE', stream, 'lost', '0');
      await server.command('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
      await server.command('CONFIG', 'SET', 'slowlog-max-len', '1000');
      for (const keepUnread of [null, { released: ['lost'], silentMs: 0 }]) {
        await server.command('HSET', signs, 'lost', '1');
        await server.command('SLOWLOG', 'RESET');
        for (let step = 0; step < 15; step += 1) {
          const order = { bound: { maxLength: 10 }, limit: 1_000, isExact: false, keepUnread };
          expect((await janitor.trim(stream, order)).removed).toBeGreaterThan(990);
        }
        const log = (await server.command('SLOWLOG', 'GET', '-1')) as unknown as [number, number, number, string[]][];
        const took = log.filter(([, , , command]) => /^evalsha$/i.test(command[0] ?? '')).map(([, , micros]) => micros);
        expect(took.length).toBeGreaterThanOrEqual(15);
        // the median: what else runs on this machine must not decide
        expect(took.sort((a, b) => a - b)[Math.floor(took.length / 2)]).toBeLessThan(1_000);
      }
    }, 60_000);
  });
}

interface Snapshot {
  readonly ids: readonly string[];
  readonly groups: readonly { readonly name: string; readonly last: string; readonly pending: readonly string[] }[];
}

/** Ids that begin at the edges of 53 and 64 bits, or at 1. */
function idsOf(round: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    if (round % 4 === 1) return `${9_007_199_254_740_990n + BigInt(index)}-1`;
    if (round % 4 === 2) return `7-${18_446_744_073_709_551_000n + BigInt(index)}`;
    if (round % 4 === 3) return index < 120 ? `8-${18_446_744_073_709_551_496n + BigInt(index)}` : `9-${index - 120}`;
    return `${index + 1}-1`;
  });
}

async function fill(server: RedisServer, ids: readonly string[]): Promise<void> {
  const text = "for i = 1, #ARGV do redis.call('XADD', KEYS[1], ARGV[i], 'a', 'b') end";
  await server.command('EVAL', text, '1', stream, ...ids);
}

/** Lets a group read a part of the entries, and acknowledge a part of those. */
async function consumeSome(
  server: RedisServer,
  group: string,
  ids: readonly string[],
  below: (most: number) => number,
): Promise<void> {
  await server.command('XGROUP', 'CREATE', stream, group, '0');
  const read = below(ids.length + 1);
  if (read === 0) return;
  await server.command('XREADGROUP', 'GROUP', group, 'a', 'COUNT', String(read), 'STREAMS', stream, '>');
  const done = ids.slice(0, read).filter((_, index) => index < below(read + 1) || below(3) === 0);
  if (done.length > 0) await server.command('XACK', stream, group, ...done);
}

async function stateOf(server: RedisServer): Promise<Snapshot> {
  const entries = (await server.command('XRANGE', stream, '-', '+')) as unknown as [string][];
  const about = (await server.command('XINFO', 'GROUPS', stream)) as unknown as unknown[][];
  const groups = about.map(async (each) => {
    const name = String(each[each.indexOf('name') + 1]);
    const last = String(each[each.indexOf('last-delivered-id') + 1]);
    const rows = (await server.command('XPENDING', stream, name, '-', '+', '10000')) as unknown as [string][];
    return { name, last, pending: rows.map(([id]) => id) };
  });
  return { ids: entries.map(([id]) => id), groups: await Promise.all(groups) };
}

function lossesIn({ groups }: Snapshot, gone: readonly string[]): GroupLoss[] {
  return groups
    .map(({ name, last, pending }) => ({
      group: name,
      unread: gone.filter((id) => isAfter(id, last)).length,
      pending: gone.filter((id) => pending.includes(id)).length,
    }))
    .filter(({ unread, pending }) => unread + pending > 0);
}

function isAfter(one: string, other: string): boolean {
  const [time = 0n, number = 0n] = one.split('-').map(BigInt);
  const [otherTime = 0n, otherNumber = 0n] = other.split('-').map(BigInt);
  return time === otherTime ? number > otherNumber : time > otherTime;
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
