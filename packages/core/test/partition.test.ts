import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { partitionOf, partitionStream } from '../src/index.js';
import { clusterSlot } from './support/cluster-slot.js';

describe('the partition of a key', () => {
  // from the tests of Kafka's own clients (UtilsTest.testMurmur2)
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is murmur2, as Kafka has it: %s', (key, hash) => {
    expect(partitionOf(key, 2 ** 31)).toBe(hash & 0x7fffffff);
  });

  test('is what apps/docs/wire-format.md says', () => {
    const page = readFileSync(new URL('../../../apps/docs/wire-format.md', import.meta.url), 'utf8');
    const section = page.slice(page.indexOf('## Partitions'), page.indexOf('## Dead letters'));
    const rows = [...section.matchAll(/^\| `([^`]+)` \| (\d+) \| (\d+) \| (\d+) \|$/gm)];
    expect(rows.length).toBeGreaterThan(4);
    for (const [, key = '', ...partitions] of rows) {
      expect([key, ...[2, 8, 1_000].map((count) => partitionOf(key, count))]).toEqual([key, ...partitions.map(Number)]);
    }
  });

  test('is one of those there are, and the same every time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1_024 }), (key, count) => {
        const partition = partitionOf(key, count);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(count);
        expect(partitionOf(key, count)).toBe(partition);
      }),
    );
  });

  test.each([2, 3, 8, 16])('spreads many keys evenly over %d', (count) => {
    const sizes = new Array<number>(count).fill(0);
    for (let number = 0; number < 20_000; number += 1) {
      const partition = partitionOf(`customer-${number}`, count);
      sizes[partition] = (sizes[partition] ?? 0) + 1;
    }
    for (const size of sizes) expect(Math.abs(size * count - 20_000)).toBeLessThan(2_000);
  });
});

test('the partitions of a stream lie in different slots of a cluster', () => {
  const slots = Array.from({ length: 64 }, (_, partition) => clusterSlot(partitionStream('prod:orders', partition)));
  expect(new Set(slots).size).toBeGreaterThan(60);
});
