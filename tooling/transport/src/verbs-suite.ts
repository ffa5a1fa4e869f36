import { plainAppending } from '@events/conformance';
import type { KeyDescription } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const hourMs = 3_600_000;

/** Every verb once, over each protocol that the client speaks: replies have other shapes in each. */
export function verbsSuite(kit: TransportKit): void {
  describe.each(Object.entries(kit.protocols))(`${kit.name} over %s`, (_, clientOptions) => {
    const laboratory = new Laboratory(kit);

    test.each(['orders', '__proto__', 'tenant:{a}:orders'])(
      'keeps every verb on a stream called %s',
      async (stream) => {
        const server = await laboratory.server();
        const transport = laboratory.transport({ url: server.url, clientOptions });
        await transport.connect();
        expect(await transport.capabilities()).toMatchObject({
          evictionPolicy: 'noeviction',
          version: expect.any(String),
        });

        const appender = transport.appender(plainAppending);
        const awkward = [
          '__proto__',
          '1',
          'same',
          '2',
          'same',
          '3',
          'bytes',
          Uint8Array.of(0xff, 0),
          'mark',
          'a\uFFFDb',
        ];
        const entries = [
          { stream, id: 'any', fields: awkward },
          ...['1', '2', '3'].map((number) => ({ stream, id: 'any', fields: ['number', number] })),
        ];
        const ids = (await appender.append(entries, 2_000)) as readonly string[];
        expect(ids).toEqual(ids.map(() => expect.stringMatching(/^\d+-\d+$/)));

        const one = transport.subscription({ stream, group: 'group', consumer: 'one' });
        const other = transport.subscription({ stream, group: 'group', consumer: 'other' });
        expect([await one.ensureGroup('beginning'), await one.ensureGroup('latest')]).toEqual([true, false]);
        expect([await one.register(hourMs), await other.register(hourMs)]).toEqual([true, true]);
        const [first = '', second = '', third = '', fourth = ''] = ids;
        expect(await one.read(3, 1_000)).toEqual([
          { id: first, fields: awkward },
          { id: second, fields: ['number', '1'] },
          { id: third, fields: ['number', '2'] },
        ]);
        expect(await one.read(3, 0)).toEqual([{ id: fourth, fields: ['number', '3'] }]);
        expect([await one.read(3, 0), await one.read(3, 10)]).toEqual([[], []]);

        expect(await one.start(second, 7)).toBe(true);
        expect(await one.postpone(third, 'record')).toBe(true);
        expect(await one.keepAlive([first, '1-1'])).toEqual([first]);
        expect(await one.owned(first, 2)).toEqual([
          { id: second, deliveries: 7, released: false, record: null },
          { id: third, deliveries: 1, released: false, record: 'record' },
        ]);
        expect(await one.fetch([second, '1-1'])).toEqual([
          { id: second, fields: ['number', '1'] },
          { id: '1-1', fields: null },
        ]);

        expect(await other.claim(hourMs, 10)).toEqual({ entries: [], vanished: [] });
        expect(await one.release([third])).toBe(1);
        expect(await other.claim(hourMs, 10)).toEqual({
          entries: [{ id: third, deliveries: 1, released: true, record: 'record' }],
          vanished: [],
        });
        expect(await one.deadLetter(third, `${stream}:rejected`, ['reason', 'none'])).toBe('not-owned');
        expect(await one.deadLetter(first, `${stream}:rejected`, ['reason', 'none'])).toBe('moved');
        const marks = { eventIds: ['event'], windowMs: hourMs, maxEntries: 100 };
        expect(await other.acknowledge({ ids: [third], postponed: [third], marks })).toEqual({
          count: 1,
          effectiveWindowMs: null,
        });
        expect(await one.acknowledge({ ids: [second], postponed: [] })).toEqual({ count: 1, effectiveWindowMs: null });
        expect(await one.handled(['event', 'another'], hourMs)).toEqual([true, false]);

        const inspector = transport.inspector();
        expect(await inspector.range(`${stream}:rejected`, '-', '+', 10)).toEqual([
          { id: expect.any(String), fields: [...awkward, 'reason', 'none'] },
        ]);
        expect(await inspector.describe(stream)).toEqual({
          length: 4,
          firstEntryId: first,
          lastGeneratedId: fourth,
          removed: 0,
          groups: [{ name: 'group', consumers: 2, pending: 1, lastDeliveredId: fourth, lag: 0 }],
        });
        expect(await inspector.describe('missing')).toBeUndefined();
        expect(await inspector.count(stream, '-', '+')).toBe(4);
        expect(await inspector.count(stream, second, third)).toBe(2);
        const keys: KeyDescription[] = [];
        for await (const page of inspector.keys(stream)) keys.push(...page);
        expect(keys).toContainEqual({ key: stream, isStream: true });
        expect(await inspector.memory([stream, 'missing'])).toEqual([expect.any(Number), null]);
        expect(await inspector.pending(stream, 'group', '0-0', 10, undefined)).toEqual([
          { id: fourth, consumer: 'one', idleMs: expect.any(Number), deliveries: 1 },
        ]);
        expect(await inspector.pending(stream, 'group', fourth, 10, 'one')).toEqual([]);
        expect(await inspector.consumers(stream, 'group')).toEqual([
          { name: 'one', pending: 1, idleMs: expect.any(Number) },
          { name: 'other', pending: 0, idleMs: expect.any(Number) },
        ]);
        const missing = await inspector.consumers('missing', 'group').catch((error: unknown) => error);
        expect(transport.classify(missing).kind).toBe('group-lost');
        expect(await one.progress()).toEqual({
          ...{ nowMs: expect.any(Number), pending: 1, consumers: 2, oldestPendingId: fourth, oldestUnreadId: null },
          ...{ lastDeliveredId: fourth, missed: 0 },
        });

        const janitor = transport.janitor();
        const another = transport.janitor();
        expect([await janitor.takeTurn(stream, 'trim', 60_000), await another.takeTurn(stream, 'trim', 1)]).toEqual([
          true,
          false,
        ]);
        expect(await janitor.survey(stream)).toEqual({
          ...{ stream, nowMs: expect.any(Number), length: 4, bytes: expect.any(Number) },
          ...{ firstEntryId: first, lastGeneratedId: fourth },
          groups: [
            {
              ...{ name: 'group', pending: 1, lowestPendingId: fourth, lastDeliveredId: fourth, floor: fourth },
              silentMs: expect.any(Number),
              consumers: [
                { name: 'one', pending: 1, silentMs: expect.any(Number) },
                { name: 'other', pending: 0, silentMs: expect.any(Number) },
              ],
            },
          ],
        });
        expect(await janitor.survey('missing')).toBeUndefined();
        const order = { limit: null, isExact: true, keepUnread: null };
        expect(await janitor.trim(stream, { ...order, bound: { maxLength: 2 } })).toEqual({
          ...{ removed: 2, length: 2, firstEntryId: third, groups: 1, lost: [] },
        });
        const keepUnread = { released: [], silentMs: hourMs };
        expect(await janitor.trim(stream, { ...order, keepUnread, bound: { maxLength: 0 } })).toEqual({
          ...{ removed: 1, length: 1, firstEntryId: fourth, groups: 1, lost: [] },
        });
        expect(await janitor.trim(stream, { ...order, bound: { maxLength: 0 } })).toEqual({
          ...{ removed: 1, length: 0, firstEntryId: null, groups: 1 },
          lost: [{ group: 'group', unread: 0, pending: 1 }],
        });
        expect(await janitor.removeConsumer(stream, 'group', 'other', hourMs)).toBe('alive');
        expect(await janitor.removeConsumer(stream, 'group', 'other', 0)).toBe('removed');
        expect(await janitor.removeConsumer(stream, 'group', 'one', 0)).toBe('in-use');
        expect(await janitor.removeGroup(stream, 'group', 0)).toBe('in-use');
        expect(await janitor.removeGroup(stream, 'none', 0)).toBe('missing');
        expect([await janitor.seal('prod'), await janitor.seal('staging')]).toEqual([['prod'], ['prod']]);
        expect(await janitor.changeSeal(['staging'], ['prod'])).toEqual(['staging']);
        await janitor.close();
        expect(await another.takeTurn(stream, 'trim', 1)).toBe(true);

        const reading = one.read(1, 10_000);
        await one.interruptRead();
        expect(await reading).toEqual([]);
        await Promise.all([one.close(), other.close(), inspector.close(), appender.close()]);
        expect(await server.command('XINFO', 'CONSUMERS', stream, 'group')).toEqual([expect.arrayContaining(['one'])]);
      },
    );
  });
}
