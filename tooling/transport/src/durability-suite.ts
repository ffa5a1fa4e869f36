import type { AppendAnswer, AppenderOptions, NewEntry, Stored } from '@events/core';
import { type ReplicatedRedis, startReplicated, until } from '@events/tooling-redis';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const entry: NewEntry = { stream, id: 'event', fields: ['a', 'b'] };
/** What a busy machine may add to a deadline. */
const slackMs = 1_500;

/** What is said of durability while replicas are there, stand still, or are cut off. */
export function durabilitySuite(kit: TransportKit): void {
  describe(`${kit.name}, waiting for replicas`, () => {
    const laboratory = new Laboratory(kit);
    let redis: ReplicatedRedis;

    beforeAll(async () => {
      redis = await startReplicated({ replicas: 2, sentinels: 0 });
      await redis.waitUntilSettled();
    }, 30_000);
    afterAll(() => redis.stop());

    const master = () => redis.servers[0] as (typeof redis.servers)[number];
    const open = (level: AppenderOptions) => laboratory.transport({ url: master().url }).appender(level);

    test('as many as there are: durable at once', async () => {
      const appender = open(waitingFor(2, 5_000));
      const startedAt = performance.now();
      expect(await appender.append([entry, entry], 10_000)).toEqual([durable(2), durable(2)]);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });

    test('a frozen replica: a shortfall after the time given, with the entry ids, and the connection stays', async () => {
      const transport = laboratory.transport({ url: master().url });
      const appender = transport.appender(waitingFor(2, 400));
      expect(await appender.append([entry], 2_400)).toEqual([durable(2)]);
      let disconnected = 0;
      transport.on('disconnected', () => {
        disconnected += 1;
      });
      const [frozen] = await redis.replicas();
      await frozen?.freeze();
      try {
        const startedAt = performance.now();
        // two under way, as a publisher has them: the second waits for the first one's replicas too
        const calls = [appender.append([entry, entry], 2_400), appender.append([entry], 2_400)];
        expect((await Promise.all(calls)).flat()).toEqual([short(1), short(1), short(1)]);
        expect(performance.now() - startedAt).toBeGreaterThanOrEqual(390);
        expect(performance.now() - startedAt).toBeLessThan(800 + slackMs);
        const one = transport.appender(waitingFor(1, 2_000));
        expect(await one.append([entry], 4_000)).toEqual([durable(1)]);
        await one.close();
      } finally {
        await frozen?.thaw();
      }
      await until(async () => (await appender.append([entry], 2_400)).every(isDurable));
      expect(disconnected).toBe(1);
    });

    test('a replica that nothing reaches any more: a shortfall, also for a duplicate on a connection of its own', async () => {
      const [first, second] = await redis.replicas();
      if (first === undefined || second === undefined) throw new Error('there should be two replicas');
      const proxies = [await redis.proxyReplication(first), await redis.proxyReplication(second)];
      await redis.waitUntilSettled();
      const options: AppenderOptions = {
        ...waitingFor(1, 300),
        idempotency: { windowMs: 60_000, maxEntries: 100, onShortened: () => {} },
      };
      const once = { ...entry, id: 'cut off' };
      const appender = open(options);
      for (const proxy of proxies) proxy.setMode('blackhole');
      try {
        const [stored] = await appender.append([once], 2_300);
        expect(stored).toEqual(short(0));
        // nothing is written, and no write was sent on this connection before
        const [again] = await open(options).append([once], 2_300);
        expect(again).toEqual({ ...short(0), isDuplicate: true, entryId: (stored as Stored).entryId });
      } finally {
        for (const proxy of proxies) {
          proxy.setMode('pass');
          // what was swallowed is asked for again over a new link
          proxy.cut();
        }
      }
      await redis.waitUntilSettled();
      await until(async () => (await appender.append([once], 2_300)).every(isDurable));
    }, 30_000);

    test('an answer to WAIT that is lost: stored, and nobody knows how far', async () => {
      const proxy = await laboratory.proxy(master());
      const appender = laboratory.transport({ url: proxy.url }).appender(waitingFor(3, 3_000));
      const before = Number(await master().command('XLEN', stream));
      const answers = appender.append([entry, entry], 6_000);
      // the ids come at once, the answer to WAIT after three seconds
      await until(async () => Number(await master().command('XLEN', stream)) === before + 2);
      await until(async () => String(await master().command('CLIENT', 'LIST')).includes('flags=b'));
      proxy.cut();
      expect(await answers).toEqual([
        { ...short(0), replicas: null },
        { ...short(0), replicas: null },
      ]);
      expect(await master().command('XLEN', stream)).toBe(before + 2);
    });

    test('fsync on a server without WAITAOF: nothing is sent, and the cause says why', async () => {
      const { commands } = await laboratory.transport({ url: master().url }).capabilities();
      const before = await master().command('XLEN', stream);
      const answers = await open({
        ...waitingFor(0, 100),
        durability: { level: 'fsync', replicas: 0, timeoutMs: 500 },
      }).append([entry], 2_500);
      if (commands.WAITAOF === true) {
        expect(answers).toEqual([expect.objectContaining({ entryId: expect.any(String) })]);
      } else {
        expect(answers).toMatchObject([
          { kind: 'unsupported', cause: { message: expect.stringMatching(/WAITAOF.*7\.2/) } },
        ]);
        expect(await master().command('XLEN', stream)).toBe(before);
      }
    });
  });
}

function waitingFor(replicas: number, timeoutMs: number): AppenderOptions {
  return { durability: { level: 'replicas', replicas, timeoutMs }, idempotency: undefined };
}

function durable(replicas: number): object {
  return { entryId: expect.any(String), isDuplicate: false, isDurable: true, replicas };
}

function short(replicas: number): object {
  return { entryId: expect.any(String), isDuplicate: false, isDurable: false, replicas };
}

function isDurable(answer: AppendAnswer): boolean {
  return typeof answer === 'object' && 'isDurable' in answer && answer.isDurable;
}
