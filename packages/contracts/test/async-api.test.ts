import { Parser } from '@asyncapi/parser';
import { describe, expect, test } from '@jest/globals';
import { type AsyncApiOptions, describeContracts, toAsyncApi } from '../src/index.js';
import { registry } from './support/registry.js';

const document = describeContracts(registry);
const options: AsyncApiOptions = {
  title: 'Shop',
  version: '1.2.3',
  description: 'What the services of the shop tell each other',
  streamPrefix: 'prod',
  streams: {
    orders: { types: ['order.*'], description: 'All about orders', groups: ['billing', 'mail'] },
    'shop:customers': { types: ['customer:created/eu', 'customer:created_eu'] },
    rest: { types: ['*'] },
  },
};

describe('the AsyncAPI document', () => {
  test.each(['publisher', 'consumer', 'both'] as const)(
    'of a %s is taken by the official parser without a word',
    async (role) => {
      const { document: parsed, diagnostics } = await new Parser().parse(
        JSON.stringify(toAsyncApi(document, { ...options, role })),
      );
      const complaints = diagnostics.filter(
        ({ severity, code }) => severity <= 1 && !ofNoConcern.includes(String(code)),
      );
      expect(complaints).toEqual([]);
      expect(parsed?.version()).toBe('3.0.0');
      expect(parsed?.info().title()).toBe('Shop');
      expect(
        parsed
          ?.channels()
          .all()
          .map((channel) => channel.address()),
      ).toEqual(['prod:orders', 'prod:shop:customers', 'prod:rest']);
      const messages = parsed?.components().messages().all() ?? [];
      expect(messages.map((message) => message.name())).toEqual(Object.keys(registry));
      const actions =
        parsed
          ?.operations()
          .all()
          .map((operation) => operation.action()) ?? [];
      const expected = { publisher: ['send'], consumer: ['receive'], both: ['receive', 'send'] };
      expect([...new Set(actions)].sort()).toEqual(expected[role]);
    },
  );

  test('says what AsyncAPI has no word for', () => {
    const { channels, components } = toAsyncApi(document, options);
    expect(channels.orders).toMatchObject({
      address: 'prod:orders',
      bindings: { redis: {} },
      'x-redis-stream': { key: 'prod:orders', deadLetters: '{prod:orders}:dlq', groups: ['billing', 'mail'] },
    });
    expect(components.messages['order.placed']).toMatchObject({
      name: 'order.placed',
      description: 'A customer has ordered <b>something</b>',
      'x-version': 2,
      'x-earlier-versions': [{ properties: { total: { type: 'number' } } }],
    });
  });

  test('tells apart what differs only in letters that AsyncAPI does not take', () => {
    const { components } = toAsyncApi(document, options);
    expect(Object.keys(components.messages)).toEqual(
      expect.arrayContaining(['customer_created_eu', 'customer_created_eu_2']),
    );
  });

  test.each<[string, object, string]>([
    ['no title', { title: '' }, 'title'],
    ['no version', { version: undefined }, 'version'],
    ['no streams', { streams: undefined }, 'streams'],
    ['a type that no stream carries', { streams: { orders: { types: ['order.*'] } } }, "'anything.happened'"],
    ['an unknown option', { servers: {} }, '"servers"'],
    ['an unknown option of a stream', { streams: { orders: { types: ['*'], keys: [] } } }, '"keys"'],
    ['a stream without types', { streams: { orders: {} } }, "streams['orders'] needs types"],
    ['an unknown role', { role: 'producer' }, "'publisher'"],
    ['a stream that may not be named so', { streams: { 'a b': { types: ['*'] } } }, 'a b'],
  ])('is not written of %s', (_name, given, message) => {
    expect(() => toAsyncApi(document, { ...options, ...given } as AsyncApiOptions)).toThrow(message);
  });
});

/** Recommendations of the parser's own that no document of one service can follow. */
const ofNoConcern = ['asyncapi-latest-version', 'asyncapi-defaultContentType', 'asyncapi-id', 'asyncapi3-tags'];
