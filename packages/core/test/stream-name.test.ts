import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { companionKey } from '../src/index.js';
import { checkMemberName, checkPrefix, streamKey } from '../src/stream-name.js';
import { clusterSlot } from './support/cluster-slot.js';

const reserved = ['dlq', 'retry', 'dedup', 'seal', 'consumers', 'partitions', 'groups'];

/** What may stand anywhere in a name: `p` and a number names a partition. */
const segment = fc
  .stringMatching(/^[A-Za-z0-9._-]{1,6}$/)
  .filter((text) => !reserved.includes(text) && !/^p\d+$/.test(text));
const tagged = fc.tuple(segment, segment).map(([head, tag]) => `${head}{${tag}}`);
const streamName = fc.oneof(
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join(':')),
  fc.tuple(tagged, segment).map(([head, tail]) => `${head}:${tail}`),
);

describe('a stream name', () => {
  test.each([
    'orders',
    'orders:eu:2026',
    'a.b_c-d',
    'x{tag}',
    '{tag}:x',
    'prod{eu}:orders',
    'x{a:b}y',
    'dlq:orders',
    'Retry',
    'x'.repeat(256),
  ])('%s is allowed', (name) => {
    expect(streamKey(name, undefined, true)).toBe(name);
  });

  test.each([
    ['', 'is empty'],
    ['x'.repeat(257), 'has 257 characters; 256 are allowed'],
    ['my orders', 'may hold only letters'],
    ['bestellungen-ä', 'may hold only letters'],
    ['orders\n', 'may hold only letters'],
    ['orders/eu', 'may hold only letters'],
    [':orders', 'empty segment'],
    ['orders:', 'empty segment'],
    ['orders::eu', 'empty segment'],
    ['a{}b', 'at most one non-empty {hash tag}'],
    ['a{b', 'at most one non-empty {hash tag}'],
    ['a}b', 'at most one non-empty {hash tag}'],
    ['a}b{c', 'at most one non-empty {hash tag}'],
    ['{a}{b}', 'at most one non-empty {hash tag}'],
    ['{orders}', "keys would be those that belong to 'orders'"],
    ['{a{b}}', 'at most one non-empty {hash tag}'],
    ...reserved.map((name) => [name, 'which companion keys use'] as const),
    ...reserved.map((name) => [`orders:${name}`, 'which companion keys use'] as const),
    ['{orders}:dlq', 'which companion keys use'],
  ])('%j is refused, and told why', (name, reason) => {
    expect(() => streamKey(name, undefined, true)).toThrow(
      expect.objectContaining({ code: 'EVENTS_STREAM_NAME', message: expect.stringContaining(reason) }),
    );
    expect(() => streamKey(name, undefined, true)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(JSON.stringify(name)) }),
    );
  });

  test.each([undefined, null, 7, {}, ['orders']])('%j is refused because it is no text', (name) => {
    expect(() => streamKey(name as unknown as string, undefined, true)).toThrow(
      expect.objectContaining({ code: 'EVENTS_STREAM_NAME', message: expect.stringContaining('is not a string') }),
    );
  });

  test('stands behind its prefix and a colon', () => {
    expect(streamKey('orders', 'prod', true)).toBe('prod:orders');
  });

  test('may hold anything but stray braces and reserved ends when validation is off', () => {
    expect(streamKey('my orders/ä', undefined, false)).toBe('my orders/ä');
    expect(streamKey('a::b', undefined, false)).toBe('a::b');
    for (const name of ['', 'a{b', '{a}{b}', 'orders:dlq', 'x'.repeat(257)]) {
      expect(() => streamKey(name, undefined, false)).toThrow(expect.objectContaining({ code: 'EVENTS_STREAM_NAME' }));
    }
  });

  test('is shown to a pattern of the user, which does not remember where it was', () => {
    const pattern = /^shop\./g;
    for (let round = 0; round < 3; round += 1) expect(streamKey('shop.orders', undefined, pattern)).toBe('shop.orders');
    expect(() => streamKey('orders', undefined, pattern)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('does not match /^shop\\./g') }),
    );
    expect(() => streamKey('shop.ä', undefined, pattern)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('may hold only letters') }),
    );
  });

  test('is shown to a predicate of the user, whose answer must be true and nothing like it', () => {
    expect(streamKey('orders', undefined, (name) => name === 'orders')).toBe('orders');
    for (const answer of [false, undefined, 1, 'yes']) {
      expect(() => streamKey('orders', undefined, (() => answer) as unknown as () => boolean)).toThrow(
        expect.objectContaining({ message: expect.stringContaining('is refused by streamValidation') }),
      );
    }
  });
});

describe('a prefix', () => {
  test.each(['prod', 'prod-1.eu_west', 'x'.repeat(128)])('%s is allowed', (prefix) => {
    expect(() => checkPrefix(prefix)).not.toThrow();
  });

  test.each(['', 'prod:eu', '{prod}', 'prod eu', 'ä', 'prod\n', 'x'.repeat(129), 7, null])(
    '%j is refused',
    (prefix) => {
      expect(() => checkPrefix(prefix as string)).toThrow(
        expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining('streamPrefix') }),
      );
    },
  );
});

describe('the name of a group or consumer', () => {
  test.each(['billing', 'billing-service:v2', 'host.example-123-ab12', 'a@b', '0', 'x'.repeat(200)])(
    '%s is allowed',
    (name) => {
      expect(() => checkMemberName('group', name)).not.toThrow();
    },
  );

  test("holds no colon where it is a consumer's: group and consumer together name keys", () => {
    expect(() => checkMemberName('consumer', 'a:b')).toThrow(expect.objectContaining({ code: 'EVENTS_OPTIONS' }));
  });

  test.each(['', ' billing', '-billing', 'bill ing', '{billing}', 'ä', 'x'.repeat(201), undefined, 7])(
    '%j is refused',
    (name) => {
      expect(() => checkMemberName('consumer', name as string)).toThrow(
        expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining('consumer') }),
      );
    },
  );
});

describe('no two streams share a key', () => {
  test('whatever their names, under one prefix or none', () => {
    fc.assert(
      fc.property(fc.option(segment, { nil: undefined }), streamName, streamName, (prefix, left, right) => {
        fc.pre(left !== right);
        return streamKey(left, prefix, true) !== streamKey(right, prefix, true);
      }),
    );
  });

  test('whatever their prefixes', () => {
    fc.assert(
      fc.property(segment, streamName, segment, streamName, (prefix, left, other, right) => {
        fc.pre(prefix !== other || left !== right);
        return streamKey(left, prefix, true) !== streamKey(right, other, true);
      }),
    );
  });

  test('except a name that spells out a prefix itself, where no prefix is set', () => {
    expect(streamKey('prod:orders', undefined, true)).toBe(streamKey('orders', 'prod', true));
  });
});

describe('a companion key', () => {
  test.each([
    ['orders', '{orders}:dlq'],
    ['prod:orders', '{prod:orders}:dlq'],
    ['prod:{eu}:orders', 'prod:{eu}:orders:dlq'],
    ['{orders}', '{orders}:dlq'],
  ])('of %s is %s', (stream, companion) => {
    expect(companionKey(stream, 'dlq')).toBe(companion);
  });

  test('is in the slot of its stream', () => {
    fc.assert(
      fc.property(
        fc.option(segment, { nil: undefined }),
        streamName,
        fc.constantFrom(...reserved),
        (prefix, name, suffix) => {
          const stream = streamKey(name, prefix, true);
          expect(clusterSlot(companionKey(stream, suffix))).toBe(clusterSlot(stream));
          expect(clusterSlot(companionKey(stream, `${suffix}:billing`))).toBe(clusterSlot(stream));
        },
      ),
    );
  });

  test('is no key that a stream may have', () => {
    const suffix = fc.tuple(fc.constantFrom(...reserved), fc.array(segment, { maxLength: 2 }));
    fc.assert(
      fc.property(streamName, suffix, fc.boolean(), (name, [first, rest], validation) => {
        const companion = companionKey(name, [first, ...rest].join(':'));
        expect(() => streamKey(companion, undefined, validation)).toThrow(
          expect.objectContaining({ code: 'EVENTS_STREAM_NAME' }),
        );
      }),
    );
  });

  test('is shared by no two streams', () => {
    fc.assert(
      fc.property(streamName, streamName, (left, right) => {
        fc.pre(left !== right);
        return companionKey(left, 'dlq') !== companionKey(right, 'dlq');
      }),
    );
  });
});

test('the slots of this test are those of Redis', () => {
  // from the cluster specification, and CLUSTER KEYSLOT of a real server
  expect(clusterSlot('123456789')).toBe(0x31c3 % 16_384);
  expect(clusterSlot('{user1000}.following')).toBe(clusterSlot('{user1000}.followers'));
  expect(clusterSlot('foo{}{bar}')).not.toBe(clusterSlot('bar'));
  expect(clusterSlot('foo{{bar}}zap')).toBe(clusterSlot('{bar'));
});
