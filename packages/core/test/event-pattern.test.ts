import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkEventType, PatternMap } from '../src/event-pattern.js';

function mapOf(...patterns: string[]): PatternMap<string> {
  const map = new PatternMap<string>();
  for (const pattern of patterns) map.set(pattern, pattern);
  return map;
}

describe('an event type', () => {
  test.each(['order.placed', 'Order', '_internal', '9lives', 'com.example/order:placed-v2', 'x'.repeat(255)])(
    '%s is allowed',
    (type) => {
      expect(() => checkEventType(type)).not.toThrow();
    },
  );

  test.each([
    '',
    '.order',
    '-order',
    'order placed',
    'order*',
    '*',
    'bestellung.ä',
    'order\n',
    'x'.repeat(256),
    undefined,
    null,
    7,
    {},
  ])('%j is refused', (type) => {
    expect(() => checkEventType(type as string)).toThrow(expect.objectContaining({ code: 'EVENTS_EVENT_TYPE' }));
  });
});

describe('of several patterns', () => {
  test.each([
    ['order.placed', 'order.placed'],
    ['order.paid', 'order.*'],
    ['order.eu.placed', 'order.eu.*'],
    ['order.eu.de.placed', 'order.eu.*'],
    ['order.us.ca.placed', 'order.*'],
    ['customer.created', '*'],
    ['order', '*'],
    ['orders.placed', '*'],
  ])('%s is handled by %s', (type, pattern) => {
    const map = mapOf('*', 'order.*', 'order.placed', 'order.eu.*');
    expect(map.get(type)).toBe(pattern);
    expect(map.get(type)).toBe(pattern);
  });

  test('the exact type wins, then the longest wildcard, then *, in whatever order they were set', () => {
    const patterns = ['*', 'a.*', 'a.b.*', 'a.b.c.*', 'a.b.c', 'a.b.c.d'];
    fc.assert(
      fc.property(fc.shuffledSubarray(patterns, { minLength: 6 }), (shuffled) => {
        const map = mapOf(...shuffled);
        const found = ['a.b.c', 'a.b.c.d', 'a.b.c.e', 'a.b.x', 'a.x', 'x'].map((type) => map.get(type));
        expect(found).toEqual(['a.b.c', 'a.b.c.d', 'a.b.c.*', 'a.b.*', 'a.*', '*']);
      }),
    );
  });

  test('none may match', () => {
    expect(mapOf('order.*', 'customer').get('payment.made')).toBeUndefined();
    expect(mapOf().get('payment.made')).toBeUndefined();
  });

  test('a pattern set later is seen by types that were looked up before', () => {
    const map = mapOf('*');
    expect(map.get('order.placed')).toBe('*');
    map.set('order.*', 'order.*');
    expect(map.get('order.placed')).toBe('order.*');
  });
});

describe('a pattern', () => {
  test.each(['order.placed', 'order.*', '*'])('%s may be set once only', (pattern) => {
    const map = mapOf(pattern);
    expect(() => map.set(pattern, 'again')).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(pattern) }),
    );
    expect(map.size).toBe(1);
  });

  test.each(['', '.*', 'order*', '*.placed', 'order.*.placed', '**', 'order.**', 7])('%j is refused', (pattern) => {
    expect(() => mapOf().set(pattern as string, 'x')).toThrow(expect.objectContaining({ code: 'EVENTS_EVENT_TYPE' }));
  });
});

test('more types than are remembered are found all the same', () => {
  const map = mapOf('*', 'type.*');
  const types = Array.from({ length: 20_000 }, (_, index) => `type.${index}`);
  expect(types.filter((type) => map.get(type) !== 'type.*')).toEqual([]);
});
