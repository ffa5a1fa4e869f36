import { randomBytes } from 'node:crypto';
import type { AppendAnswer, AppenderOptions, Idempotency, NewEntry } from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const hourMs = 3_600_000;

/** What publishing idempotently leaves in a server, and what becomes of it when the server refuses. */
export function idempotencySuite(kit: TransportKit): void {
  describe(`${kit.name}, publishing idempotently`, () => {
    const laboratory = new Laboratory(kit);

    test('a key of the wrong type: refused without a mark, and stored once it is put right', async () => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url }).appender(once());
      await server.command('SET', stream, 'no stream');
      expect(kindsOf(await appender.append(numbered(0, 3), 2_000))).toEqual(['invalid', 'invalid', 'invalid']);
      expect(await markKeys(server)).toEqual([]);
      await server.command('DEL', stream);
      expect(kindsOf(await appender.append(numbered(0, 3), 2_000))).toEqual(['stored', 'stored', 'stored']);
      expect(await server.command('XLEN', stream)).toBe(3);
    });

    test('marks that are none: refused before anything is stored', async () => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url }).appender(once());
      await appender.append(numbered(0, 1), 2_000);
      const [bucket] = await buckets(server);
      await server.command('SET', bucket ?? '', 'no hash');
      expect(kindsOf(await appender.append(numbered(1, 3), 2_000))).toEqual(['invalid', 'invalid']);
      expect(await server.command('XLEN', stream)).toBe(1);
    });

    test('scripts that the server forgets change nothing', async () => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url }).appender(once());
      for (let round = 0; round < 5; round += 1) {
        const calls = [appender.append(numbered(round * 2, round * 2 + 1), 2_000)];
        await server.command('SCRIPT', 'FLUSH');
        calls.push(appender.append(numbered(round * 2 + 1, round * 2 + 2), 2_000));
        expect(kindsOf((await Promise.all(calls)).flat())).toEqual(['stored', 'stored']);
      }
      expect(await numbersIn(server)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    });

    test('without the right to use scripts everything is denied, and nothing is stored', async () => {
      const password = randomBytes(12).toString('hex');
      const server = await laboratory.server({
        users: [`publisher on >${password} ~orders ~{orders}:* +@all -eval -evalsha`],
      });
      const { host, port } = server;
      const appender = laboratory.transport({ host, port, username: 'publisher', password }).appender(once());
      expect(kindsOf(await appender.append(numbered(0, 2), 2_000))).toEqual(['denied', 'denied']);
      expect(await server.command('EXISTS', stream)).toBe(0);
    });

    test('without the right to the keys of the marks nothing is stored either', async () => {
      const password = randomBytes(12).toString('hex');
      const server = await laboratory.server({ users: [`publisher on >${password} ~orders +@all`] });
      const { host, port } = server;
      const appender = laboratory.transport({ host, port, username: 'publisher', password }).appender(once());
      expect(kindsOf(await appender.append(numbered(0, 2), 2_000))).toEqual(['denied', 'denied']);
      expect(await server.command('EXISTS', stream)).toBe(0);
    });

    test('a full server: refused without a mark, and stored when there is room', async () => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url }).appender(once());
      await appender.append(numbered(0, 1), 2_000);
      await server.command('CONFIG', 'SET', 'maxmemory', '1');
      const full = kindsOf(await appender.append(numbered(0, 5), 2_000));
      expect(full).toEqual(['duplicate', 'refused', 'refused', 'refused', 'refused']);
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      expect(kindsOf(await appender.append(numbered(0, 5), 2_000))).toEqual([
        'duplicate',
        'stored',
        'stored',
        'stored',
        'stored',
      ]);
    });

    test('a server that may not write: refused, and the connection is opened anew', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const appender = transport.appender(once());
      await appender.append(numbered(0, 1), 2_000);
      let connected = 0;
      transport.on('connected', () => {
        connected += 1;
      });
      await server.command('REPLICAOF', '127.0.0.1', '1');
      expect(kindsOf(await appender.append(numbered(1, 3), 2_000))).toEqual(['refused', 'refused']);
      await until(() => connected > 0);
      await server.command('REPLICAOF', 'NO', 'ONE');
      expect(kindsOf(await appender.append(numbered(1, 3), 2_000))).toEqual(['stored', 'stored']);
    });

    test('marks are few keys that end by themselves, and no more than maxEntries, whatever comes', async () => {
      const server = await laboratory.server();
      const notices: number[] = [];
      const onShortened = (_: string, leftMs: number) => notices.push(leftMs);
      const appender = laboratory
        .transport({ url: server.url })
        .appender(once({ windowMs: 2_000, maxEntries: 130, onShortened }));
      const endsAt = Date.now() + 3_000;
      let number = 0;
      while (Date.now() < endsAt) {
        const size = [1, 7, 60, 200][number % 4] as number;
        const entries = numbered(number, number + size);
        number += size;
        expect(new Set(kindsOf(await appender.append(entries, 2_000)))).toEqual(new Set(['stored']));
        const latest = entries.slice(-30);
        expect(new Set(kindsOf(await appender.append(latest, 2_000)))).toEqual(new Set(['duplicate']));
        let marks = 0;
        for (const bucket of await buckets(server)) marks += Number(await server.command('HLEN', bucket));
        expect(marks).toBeLessThanOrEqual(130);
        for (const key of await markKeys(server)) {
          const endsInMs = Number(await server.command('PTTL', key));
          expect(endsInMs === -2 || (endsInMs >= 0 && endsInMs <= 2_500)).toBe(true);
        }
      }
      expect(notices).toHaveLength(1);
      expect(await server.command('XLEN', stream)).toBe(number);
      await until(async () => (await markKeys(server)).length === 0);
    });

    test('what is remembered are the newest, without a gap', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      for (const maxEntries of [1, 3, 10, 49, 51, 200, 1_000]) {
        await server.command('FLUSHALL');
        const appender = transport.appender(once({ maxEntries }));
        const count = maxEntries * 2 + 75;
        for (let from = 0; from < count; from += 64)
          await appender.append(numbered(from, Math.min(count, from + 64)), 2_000);
        const known = new Set<string>();
        for (const bucket of await buckets(server))
          for (const id of (await server.command('HKEYS', bucket)) as string[]) known.add(id);
        expect(known.size).toBeLessThanOrEqual(maxEntries);
        expect(known.size).toBeGreaterThanOrEqual(Math.min(Math.ceil(maxEntries / 2), maxEntries));
        const newest = numbered(count - known.size, count).map(({ id }) => id);
        expect([...known].sort()).toEqual([...newest].sort());
      }
    });
  });
}

function once(changes: Partial<Idempotency> = {}): AppenderOptions {
  const idempotency = { windowMs: hourMs, maxEntries: 1_000, onShortened: () => {}, ...changes };
  return { durability: { level: 'leader' }, idempotency };
}

function numbered(from: number, to: number): readonly NewEntry[] {
  return Array.from({ length: to - from }, (_, index) => ({
    stream,
    id: `event ${from + index}`,
    fields: ['number', `${from + index}`],
  }));
}

function kindsOf(answers: readonly AppendAnswer[]): readonly string[] {
  return answers.map((answer) => {
    if (typeof answer === 'string') return 'stored';
    return 'kind' in answer ? answer.kind : answer.isDuplicate ? 'duplicate' : 'stored';
  });
}

async function markKeys(server: RedisServer): Promise<readonly string[]> {
  return (await server.command('KEYS', `{${stream}}:dedup*`)) as readonly string[];
}

async function buckets(server: RedisServer): Promise<readonly string[]> {
  return (await markKeys(server)).filter((key) => /:\d+:\d+$/.test(key));
}

async function numbersIn(server: RedisServer): Promise<readonly string[]> {
  const entries = (await server.command('XRANGE', stream, '-', '+')) as [string, string[]][];
  return entries.map(([, fields]) => fields[1] ?? '');
}
