import { plainAppending } from '@events/conformance';
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
        expect([
          await inspector.trim(stream, { maxLength: 2 }),
          await inspector.trim(stream, { minId: fourth }),
        ]).toEqual([2, 1]);

        const reading = one.read(1, 10_000);
        await one.interruptRead();
        expect(await reading).toEqual([]);
        await Promise.all([one.close(), other.close(), inspector.close(), appender.close()]);
        expect(await server.command('XINFO', 'CONSUMERS', stream, 'group')).toEqual([expect.arrayContaining(['one'])]);
      },
    );
  });
}
