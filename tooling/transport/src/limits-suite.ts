import { plainAppending } from '@events/conformance';
import type { RedisServer } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const group = 'group';
const hourMs = 3_600_000;

/** What is large: entries, pending lists, groups. */
export function limitsSuite(kit: TransportKit): void {
  describe(`${kit.name}, with much to do`, () => {
    const laboratory = new Laboratory(kit);

    test.each([3_900, 3_949, 3_950, 20_000])(
      'dead-letters an entry of %i names and values, with what is added',
      async (pairs) => {
        const server = await laboratory.server();
        const transport = laboratory.transport({ url: server.url, append: 'script' });
        const fields = Array.from({ length: pairs * 2 }, (_, index) =>
          index === 1 ? Uint8Array.of(0xff) : String(index),
        );
        const [id] = await transport.appender(plainAppending).append([{ stream, id: 'any', fields }], 2_000);
        const subscription = transport.subscription({ stream, group, consumer: 'one' });
        await subscription.ensureGroup('beginning');
        await subscription.read(1, 0);
        expect(await subscription.deadLetter(id as string, 'dead', ['reason', 'large'])).toBe('moved');
        expect(await subscription.deadLetter(id as string, 'dead', ['reason', 'large'])).toBe('not-owned');
        const letters = await transport.inspector().range('dead', '-', '+', 2);
        expect(letters.map((letter) => letter.fields)).toEqual([[...fields, 'reason', 'large']]);
        expect(await subscription.owned('0-0', 1)).toEqual([]);
      },
    );

    test('finds what one of many consumers handed back, within a few calls', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const subscriptions = Array.from({ length: 30 }, (_, index) =>
        transport.subscription({ stream, group, consumer: `consumer-${index}` }),
      );
      await subscriptions[0]?.ensureGroup('beginning');
      await fill(server, 3_000);
      const owned = await Promise.all(subscriptions.map((subscription) => subscription.read(100, 0)));
      const claimer = transport.subscription({ stream, group, consumer: 'claimer' });
      for (const index of [29, 0, 13]) {
        const id = owned[index]?.[99]?.id ?? '';
        await subscriptions[index]?.release([id]);
        let calls = 0;
        for (let found = false; !found; calls += 1) {
          expect(calls).toBeLessThan(12);
          const { entries } = await claimer.claim(hourMs, 10);
          found = entries.some((entry) => entry.id === id);
        }
      }
    });
  });
}

async function fill(server: RedisServer, count: number): Promise<void> {
  const script = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'number', i) end";
  await server.command('EVAL', script, '1', stream, String(count));
}
