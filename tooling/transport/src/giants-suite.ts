import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type ConsumerOptions, EventConsumer, EventPublisher } from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const group = 'group';
/** As of the conformance suite: everything with each client, however long that takes. */
const isThorough = process.env.EVENTS_CONFORMANCE === 'all';
const logger = { warn() {}, error() {} };
const giantBytes = 2_097_152;
/** ARGV: how many, bytes of data, from which number, key or none. Field values as a publisher stores them. */
const fill = `for i = 1, tonumber(ARGV[1]) do
  local n = tonumber(ARGV[3]) + i - 1
  redis.call('XADD', KEYS[1], '*', 'id', 'e' .. n, 'type', 'a',
    'meta', '{"source":"t","time":"2026-01-02T03:04:05.678Z"' .. ARGV[4] .. '}',
    'data', '"' .. string.rep('x', tonumber(ARGV[2])) .. '"')
end`;
const take =
  "return #redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1000, 'STREAMS', KEYS[1], '>')[1][2]";
/** The sizes of the data of all entries: the entries themselves are more than the server sends. */
const sizes = `local sizes = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do sizes[#sizes + 1] = #entry[2][8] end
return sizes`;

interface Line {
  readonly at: number;
  readonly stream?: string;
  readonly begun?: number;
  readonly peakHeap?: number;
  readonly [name: string]: unknown;
}

/** What is too large, too much at once, or too slow. */
export function giantsSuite(kit: TransportKit): void {
  describe(`${kit.name}, with giants`, () => {
    const laboratory = new Laboratory(kit);

    function consumerOn(server: RedisServer, options: Partial<ConsumerOptions>): EventConsumer {
      const transport = laboratory.transport({ url: server.url });
      const consumer = new EventConsumer({ transport, group, logger, ...options });
      return laboratory.keep(consumer, () => consumer.stop({ timeoutMs: 0 }));
    }

    function publisherOn(server: RedisServer, options: object): EventPublisher {
      const transport = laboratory.transport({ url: server.url });
      const publisher = new EventPublisher({ transport, source: 'suite', logger, ...options });
      return laboratory.keep(publisher, () => publisher.close());
    }

    async function add(server: RedisServer, stream: string, count: number, bytes: number, from = 0, key = '') {
      const meta = key === '' ? '' : `,"key":"${key}"`;
      await server.command('EVAL', fill, '1', stream, String(count), String(bytes), String(from), meta);
    }

    /** Entries that nobody is sent, among others: 3, 1 giant, 30, 1 giant, 3. */
    async function addGiants(server: RedisServer, stream: string, key = ''): Promise<readonly string[]> {
      await server.command('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 1mb 1mb 0');
      await add(server, stream, 3, 10, 0, key);
      await add(server, stream, 1, giantBytes, 3, key);
      await add(server, stream, 30, 10, 4, key);
      await add(server, stream, 1, giantBytes, 34, key);
      await add(server, stream, 3, 10, 35, key);
      return Array.from({ length: 38 }, (_, number) => `e${number}`).filter((id) => id !== 'e3' && id !== 'e34');
    }

    interface Case {
      readonly name: string;
      readonly keyed: boolean;
      readonly owned: boolean;
    }
    const everyCase: Case[] = [
      { name: 'new', keyed: false, owned: false },
      { name: 'left by another consumer', keyed: false, owned: true },
      { name: 'left by another consumer, on a partition', keyed: true, owned: true },
    ];
    // what a client does with a reply that breaks its connection, each shows; the rest is core's, and takes long
    const cases = everyCase.filter(
      ({ owned, keyed }) => isThorough || (kit.name === 'ioredis' ? !owned || keyed : !keyed),
    );
    test.each(cases)(
      'entries larger than the server sends end in the dead letters, unread: $name',
      async ({ keyed, owned }) => {
        const server = await laboratory.server();
        const options: Partial<ConsumerOptions> = keyed
          ? { stream: 'orders', partitions: 1, ordering: 'key', partitionLeaseMs: 3_000 }
          : { stream: 'orders' };
        const publisher = publisherOn(server, keyed ? { partitions: 1 } : {});
        const receipt = await publisher.publish('first', null, { stream: 'orders', key: 'k' });
        const stream = receipt.stream;
        const small = await addGiants(server, stream, 'k');
        if (owned) {
          await server.command('XGROUP', 'CREATE', stream, group, '0');
          expect(await server.command('EVAL', take, '1', stream, group, 'gone')).toBe(39);
        }
        const consumer = consumerOn(server, { ...options, claimIdleMs: 1_000 });
        const handled: string[] = [];
        const letters: { reason: string; deadLetterStream: string }[] = [];
        consumer.on('deadLettered', (letter) => void letters.push(letter));
        await consumer.subscribe('*', ({ id }) => void handled.push(id)).start();
        await until(() => letters.length === 2 && handled.length >= 37, { timeoutMs: 40_000 });
        expect(letters.map(({ reason }) => reason)).toEqual(['unreadable', 'unreadable']);
        const deadLetterStream = letters[0]?.deadLetterStream ?? '';
        expect(await server.command('EVAL', sizes, '1', deadLetterStream)).toEqual([giantBytes + 2, giantBytes + 2]);
        const stored = handled.filter((id) => id !== receipt.id);
        expect(keyed ? stored : stored.sort()).toEqual(keyed ? small : [...small].sort());
        await publisher.publish('last', null, { stream: 'orders', key: 'k' });
        await until(() => handled.length === 38);
        await consumer.stop();
        expect(await server.command('XPENDING', stream, group)).toEqual([0, null, null, null]);
      },
      60_000,
    );

    test('an entry larger than the server sends is stalled where nothing is dead-lettered', async () => {
      const server = await laboratory.server();
      const small = await addGiants(server, 'orders');
      const consumer = consumerOn(server, { stream: 'orders', deadLetter: false });
      const handled: string[] = [];
      const stalled: string[] = [];
      consumer.on('stalled', ({ reason }) => void stalled.push(reason));
      await consumer.subscribe('*', ({ id }) => void handled.push(id)).start();
      await until(() => stalled.length === 2 && handled.length === small.length, { timeoutMs: 40_000 });
      expect(stalled).toEqual(['unreadable', 'unreadable']);
      await add(server, 'orders', 1, 10, 50);
      await until(() => handled.includes('e50'));
    }, 60_000);

    test('a thousand entries of 1 MB go through a heap of 256 MB, before and after a hundred thousand small ones', async () => {
      const server = await laboratory.server();
      const addLarge = async (first: number) => {
        for (let from = 0; from < 500; from += 50) await add(server, 'orders', 50, 1_048_570, first + from);
      };
      await addLarge(0);
      for (let from = 0; from < 100_000; from += 10_000) await add(server, 'orders', 10_000, 10, 500 + from);
      await addLarge(100_500);
      const child = start(server, ['count', '101000'], ['--max-old-space-size=256']);
      laboratory.keep(child.process, (process) => process.kill('SIGKILL'));
      const [code] = await once(child.process, 'close');
      const last = child.lines.at(-1);
      expect([code, last]).toEqual([0, expect.objectContaining({ distinct: 101_000, handled: 101_000 })]);
      expect(last?.peakHeap).toBeLessThan(256 * 1_048_576);
      expect(await server.command('XPENDING', 'orders', group)).toEqual([0, null, null, null]);
    }, 120_000);

    test.each([0, 300])(
      'handlers that never settle hold up nothing else: handlerTimeoutMs %i',
      async (handlerTimeoutMs) => {
        const server = await laboratory.server();
        await add(server, 'orders', 40, 10);
        const consumer = consumerOn(server, {
          stream: 'orders',
          concurrency: 4,
          handlerTimeoutMs,
          claimIdleMs: 1_500,
          maxRetries: 0,
        });
        const handled: string[] = [];
        const letters: string[] = [];
        let running = 0;
        let most = 0;
        consumer.on('deadLettered', ({ reason }) => void letters.push(reason));
        consumer.subscribe('*', async ({ id }) => {
          running += 1;
          most = Math.max(most, running);
          if (id === 'e1' || id === 'e5') await new Promise(() => {});
          await new Promise((resolve) => setTimeout(resolve, 5));
          running -= 1;
          handled.push(id);
        });
        await consumer.start();
        await until(() => handled.length === 38 && (handlerTimeoutMs === 0 || letters.length === 2));
        expect(most).toBeLessThanOrEqual(4 + (handlerTimeoutMs === 0 ? 0 : 2));
        const stoppedAt = Date.now();
        await consumer.stop({ timeoutMs: 300 });
        expect(Date.now() - stoppedAt).toBeLessThan(5_000);
        if (handlerTimeoutMs > 0) {
          expect(letters).toEqual(['handler-never-settled', 'handler-never-settled']);
          return;
        }
        const other = consumerOn(server, { stream: 'orders', claimIdleMs: 1_500 });
        const taken: string[] = [];
        await other.subscribe('*', ({ id }) => void taken.push(id)).start();
        await until(() => taken.length === 2);
        expect(taken.sort()).toEqual(['e1', 'e5']);
      },
      30_000,
    );

    test('a handler that blocks the loop for ten seconds loses what it holds, learns of it, and goes on', async () => {
      const server = await laboratory.server();
      const publisher = publisherOn(server, {});
      const parted = publisherOn(server, { partitions: 1 });
      const publish = async (from: number, count: number) => {
        for (let number = from; number < from + count; number += 1) {
          const data = { number, blocks: number === 3 };
          await publisher.publish('a', data, { stream: 'plain' });
          await parted.publish('a', data, { stream: 'parted', key: 'k' });
        }
      };
      await publish(0, 20);
      const child = start(server, ['block', '10000'], []);
      laboratory.keep(child.process, (process) => process.kill('SIGKILL'));
      await until(() => child.lines.some(({ blocking }) => blocking), { timeoutMs: 15_000 });
      const here: Line[] = [];
      const rescuers = (['plain', 'parted'] as const).map((stream) => {
        const more = stream === 'parted' ? ({ partitions: 1, ordering: 'key', partitionLeaseMs: 3_000 } as const) : {};
        const rescuer = consumerOn(server, { stream, claimIdleMs: 2_000, ...more });
        rescuer.subscribe(
          '*',
          ({ data }) => void here.push({ at: Date.now(), stream, begun: (data as { number: number }).number }),
        );
        return rescuer;
      });
      await Promise.all(rescuers.map((rescuer) => rescuer.start()));
      const begunHere = (stream: string) => here.filter((line) => line.stream === stream).map(({ begun }) => begun);
      await until(() => begunHere('parted').includes(19) && begunHere('plain').includes(3), { timeoutMs: 20_000 });
      const isAwake = () => child.lines.some(({ awake }) => awake);
      expect(isAwake()).toBe(false);
      await until(isAwake, { timeoutMs: 20_000 });
      await until(() => child.lines.some(({ leaseLost }) => leaseLost) && child.lines.some(({ revoked }) => revoked));
      expect(child.lines.find(({ revoked }) => revoked)).toMatchObject({ revoked: 'lost', stream: 'parted' });
      await publish(20, 5);
      const all = (stream: string) =>
        [...here, ...child.lines].filter((line) => line.stream === stream && line.begun !== undefined);
      const seen = (stream: string, count: number) => new Set(all(stream).map(({ begun }) => begun)).size === count;
      await until(() => seen('plain', 25) && seen('parted', 25), { timeoutMs: 20_000 });
      await Promise.all(rescuers.map((rescuer) => rescuer.stop()));
      await publish(25, 5);
      await until(() => seen('plain', 30) && seen('parted', 30), { timeoutMs: 20_000 });
      // in the order in which they began for the first time, wherever that was
      const firsts = [
        ...new Set(
          all('parted')
            .sort((one, other) => one.at - other.at)
            .map(({ begun }) => begun),
        ),
      ];
      expect(firsts).toEqual(Array.from({ length: 30 }, (_, number) => number));
      const copies = ['plain', 'parted'].map((stream) => all(stream).length - 30);
      // the one at work, and what was handled and not acknowledged when the loop stopped
      for (const count of copies) expect(count).toBeLessThanOrEqual(20);
      expect(child.process.exitCode).toBe(null);
      const none = [0, null, null, null];
      await until(async () => ((await server.command('XPENDING', 'plain', group)) as unknown[])[0] === 0);
      expect(await server.command('XPENDING', 'plain', group)).toEqual(none);
    }, 90_000);

    function start(server: RedisServer, words: readonly string[], flags: readonly string[]) {
      const program = new URL('giants-program.ts', import.meta.url);
      const loader = new URL('../../redis/test/support/typescript-loader.mjs', import.meta.url);
      const args = ['--conditions=@events/source', '--import', loader.href, ...flags, program.pathname, kit.entry.href];
      const child: ChildProcess = spawn(process.execPath, [...args, JSON.stringify({ url: server.url }), ...words], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      const lines: Line[] = [];
      if (child.stdout !== null)
        createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
      return { process: child, lines };
    }
  });
}
