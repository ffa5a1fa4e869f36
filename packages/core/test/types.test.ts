// What the compiler promises. `tsc -b` checks this file; Jest runs it too, so that compiler and library agree.
import { describe, expect, test } from '@jest/globals';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import {
  type BatchEvent,
  type ConsumedEvent,
  type ConsumerEvents,
  defineEvents,
  EventConsumer,
  type EventHandler,
  type EventInput,
  type EventOutput,
  type EventPattern,
  EventPublisher,
  type EventType,
  type HandlerContext,
  type MatchingEvent,
  type PublishReceipt,
  type StopReport,
} from '../src/index.js';
import { publishing } from './support/publishing.js';
import { StubTransport } from './support/stub-transport.js';

type Same<Left, Right> =
  (<Probe>() => Probe extends Left ? 1 : 2) extends <Probe>() => Probe extends Right ? 1 : 2 ? true : false;

/** Compiles only if both types are the same. */
function same<_IsSame extends true>(): void {}

const contracts = defineEvents({
  'order.placed': z.object({
    orderId: z.string(),
    total: z.number().default(0),
    at: z.string().transform((text) => new Date(text)),
  }),
  'order.eu.paid': v.object({ orderId: v.string(), method: v.optional(v.picklist(['card', 'cash']), 'card') }),
  'customer.created': type({ name: 'string', 'nick?': 'string' }),
});
type Contracts = typeof contracts;

function typedPublisher() {
  const { publisher, appender } = publishing<Contracts>({ events: contracts });
  appender.storeAll();
  return publisher;
}

function typedConsumer() {
  return new EventConsumer({ transport: new StubTransport(), stream: 'orders', group: 'billing', events: contracts });
}

interface Order {
  readonly orderId: string;
}

describe('contracts of zod, valibot and arktype give', () => {
  test('event types and patterns', () => {
    same<Same<EventType<Contracts>, 'order.placed' | 'order.eu.paid' | 'customer.created'>>();
    same<Same<EventPattern<Contracts>, EventType<Contracts> | '*' | 'order.*' | 'order.eu.*' | 'customer.*'>>();
    expect(Object.keys(contracts)).toEqual(['order.placed', 'order.eu.paid', 'customer.created']);
    expect(Object.isFrozen(contracts)).toBe(true);
  });

  test('what publish takes: the input of the schema', () => {
    same<Same<EventInput<Contracts, 'order.placed'>, { orderId: string; at: string; total?: number | undefined }>>();
    same<Same<EventInput<Contracts, 'customer.created'>, { name: string; nick?: string }>>();
    type Paid = EventInput<Contracts, 'order.eu.paid'>;
    same<Same<Paid['orderId'], string>>();
    same<Same<Paid['method'], 'card' | 'cash' | undefined>>();
  });

  test('what handlers get: the output of the schema', () => {
    same<Same<EventOutput<Contracts, 'order.placed'>, { orderId: string; total: number; at: Date }>>();
    same<Same<EventOutput<Contracts, 'order.eu.paid'>['method'], 'card' | 'cash'>>();
    same<Same<EventOutput<Contracts, 'customer.created'>, { name: string; nick?: string }>>();
  });
});

describe('a typed publisher', () => {
  test('takes what matches', async () => {
    const publisher = typedPublisher();
    const receipt = await publisher.publish('order.placed', { orderId: 'o-1', at: '2026-01-02' }, { key: 'o-1' });
    same<Same<typeof receipt, PublishReceipt>>();
    const outcomes = await publisher.publishBatch([
      { type: 'order.placed', data: { orderId: 'o-1', total: 5, at: '2026-01-02' } },
      { type: 'order.eu.paid', data: { orderId: 'o-1', method: 'cash' }, stream: 'paid' },
      { type: 'customer.created', data: { name: 'Ada' } },
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === 'failed') expect(outcome.error.code).toBeUndefined();
      else expect(outcome.entryId).toEqual(expect.any(String));
    }
  });

  test('refuses unknown types and other data, as the compiler does', async () => {
    const publisher = typedPublisher();
    const calls = [
      // @ts-expect-error: no such type
      publisher.publish('order.lost', {}),
      // @ts-expect-error: a pattern is no type
      publisher.publish('order.*', {}),
      // @ts-expect-error: a property is missing
      publisher.publish('order.placed', { total: 1 }),
      // @ts-expect-error: publish takes the input, not the output
      publisher.publish('order.placed', { orderId: 'o-1', total: 1, at: new Date() }),
      // @ts-expect-error: another literal
      publisher.publish('order.eu.paid', { orderId: 'o-1', method: 'cheque' }),
      // @ts-expect-error: the data of another type
      publisher.publish('customer.created', { orderId: 'o-1' }),
      // @ts-expect-error: no such option
      publisher.publish('customer.created', { name: 'Ada' }, { partition: 1 }),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ outcome: 'not-stored' });
    // @ts-expect-error: type and data of different contracts
    const mixed: BatchEvent<Contracts> = { type: 'customer.created', data: { orderId: 'o-1', at: '' } };
    await expect(publisher.publishBatch([mixed])).resolves.toEqual([expect.objectContaining({ status: 'failed' })]);
  });

  test('is no publisher for other contracts', () => {
    const publisher: EventPublisher<Contracts> = typedPublisher();
    expect(publisher).toBeInstanceOf(EventPublisher);
    // @ts-expect-error: an option of a later version
    expect(() => new EventPublisher({ transport: new StubTransport(), source: 'x', trimStrategy: true })).toThrow(
      'trimStrategy',
    );
    // @ts-expect-error: source is missing
    expect(() => new EventPublisher({ transport: new StubTransport() })).toThrow('source');
  });
});

describe('a typed consumer', () => {
  test('gives a handler the event of its type', () => {
    typedConsumer().subscribe('order.placed', (event, context) => {
      same<Same<typeof event, ConsumedEvent<{ orderId: string; total: number; at: Date }, 'order.placed'>>>();
      same<Same<typeof context, HandlerContext>>();
      // @ts-expect-error: an event is not the handler's to change
      event.id = 'x';
      // @ts-expect-error: no such property
      event.data.nick;
    });
  });

  test('gives a handler of a wildcard the union of what it matches, told apart by type', () => {
    typedConsumer()
      .subscribe('order.*', (event) => {
        same<Same<typeof event.type, 'order.placed' | 'order.eu.paid'>>();
        same<Same<typeof event, MatchingEvent<Contracts, 'order.*'>>>();
        if (event.type === 'order.placed') same<Same<typeof event.data.at, Date>>();
        else same<Same<typeof event.data.method, 'card' | 'cash'>>();
        // @ts-expect-error: not every one of them has it
        event.data.total;
      })
      .subscribe('order.eu.*', (event) => {
        same<Same<typeof event.type, 'order.eu.paid'>>();
      })
      .subscribe('*', (event) => {
        same<Same<typeof event.type, EventType<Contracts>>>();
        switch (event.type) {
          case 'customer.created':
            same<Same<typeof event.data.name, string>>();
            break;
          default:
            same<Same<typeof event.data.orderId, string>>();
        }
      });
  });

  test('refuses unknown types and patterns, as the compiler does', () => {
    const consumer = typedConsumer();
    const ignore = () => {};
    // @ts-expect-error: no such type
    expect(() => consumer.subscribe('order.lost', ignore)).toThrow(
      expect.objectContaining({ code: 'EVENTS_EVENT_TYPE' }),
    );
    // @ts-expect-error: no type has this prefix
    expect(() => consumer.subscribe('payment.*', ignore)).not.toThrow('order');
    // @ts-expect-error: no pattern at all
    expect(() => consumer.subscribe('order*', ignore)).toThrow();
  });

  test('refuses a handler for other data', () => {
    const handler = (event: ConsumedEvent<{ readonly nick: number }>) => event.data.nick;
    // @ts-expect-error: the data of this type has no such nick
    expect(typedConsumer().subscribe('customer.created', handler)).toBeInstanceOf(EventConsumer);
  });

  test('takes a handler that asks for less', () => {
    const handler = (event: ConsumedEvent<Order>) => event.data.orderId;
    const consumer = typedConsumer().subscribe('order.placed', handler).subscribe('order.eu.paid', handler);
    expect(consumer.state).toBe('idle');
  });
});

describe('without contracts', () => {
  test('any type and any data may be published', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const order: Order = { orderId: 'o-1' };
    await expect(publisher.publish('order.placed', order)).resolves.toMatchObject({ status: 'stored' });
    const batch: BatchEvent[] = [{ type: 'anything', data: 7, key: 'k' }];
    await expect(publisher.publishBatch(batch)).resolves.toHaveLength(1);
  });

  test('a handler gets unknown data, unless it says what it expects', () => {
    const consumer = new EventConsumer({ transport: new StubTransport(), stream: 'orders', group: 'billing' });
    consumer
      .subscribe('order.placed', (event) => {
        same<Same<typeof event, ConsumedEvent<unknown>>>();
        // @ts-expect-error: nothing is known of it
        event.data.orderId;
      })
      .subscribe('order.paid', (event: ConsumedEvent<Order>) => event.data.orderId)
      .subscribe('order.*', async ({ data }: ConsumedEvent<Order>, { signal }) => [data.orderId, signal.aborted])
      .subscribe('*', () => {});
    const handler: EventHandler = ({ type: name }) => name;
    expect(consumer.subscribe('payment.made', handler)).toBe(consumer);
  });

  test('patterns are still patterns', () => {
    same<Same<EventPattern<Record<string, never>>, string>>();
    expect(true).toBe(true);
  });
});

describe('what consumers emit and report is typed', () => {
  test('by name', async () => {
    const consumer = typedConsumer();
    consumer.on('deadLettered', ({ reason, attempts, event, deadLetterStream }) => {
      same<Same<typeof attempts, number>>();
      same<Same<typeof deadLetterStream, string>>();
      same<Same<typeof event, ConsumerEvents['deadLettered'][0]['event']>>();
      return reason === 'retries-exhausted';
    });
    consumer.on('error', ({ message }) => message);
    // @ts-expect-error: no such event
    consumer.on('failed', () => {});
    const report = await consumer.stop();
    same<Same<typeof report, StopReport>>();
    expect(report).toEqual({ finished: 0, released: 0, abandoned: 0 });
  });
});
