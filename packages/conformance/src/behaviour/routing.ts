import assert from 'node:assert/strict';
import { until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import { consumerOf, deadLetters, groupOf, publisherTo, publishNumbers, untilSettled, witness } from './actors.js';

export const routingScenarios: readonly Scenario[] = [
  {
    name: 'consume: exactly one handler runs, of the exact type, the longest wildcard, or *',
    async run(stage) {
      const stream = stage.stream();
      const consumer = await consumerOf(stage, stream);
      const calls: string[] = [];
      for (const pattern of ['*', 'order.*', 'order.item.*', 'order.placed']) {
        consumer.subscribe(pattern, ({ type }) => void calls.push(`${type} -> ${pattern}`));
      }
      await consumer.start();
      const publisher = await publisherTo(stage, stream);
      const types = [
        'order.placed',
        'order.paid',
        'order.item.added',
        'order.item.deep.down',
        'orders',
        'payment.made',
      ];
      for (const type of types) await publisher.publish(type, {});
      await untilSettled(stage, stream);
      assert.deepEqual(calls, [
        'order.placed -> order.placed',
        'order.paid -> order.*',
        'order.item.added -> order.item.*',
        'order.item.deep.down -> order.item.*',
        'orders -> *',
        'payment.made -> *',
      ]);
    },
  },
  {
    name: "onUnhandled 'skip': acknowledges a type without a handler, and says so",
    async run(stage) {
      const stream = stage.stream();
      const consumer = await consumerOf(stage, stream);
      const skipped: unknown[] = [];
      consumer.subscribe('known', () => undefined);
      consumer.on('skipped', ({ event, reason }) => skipped.push([event?.type, reason]));
      await consumer.start();
      const publisher = await publisherTo(stage, stream);
      for (const type of ['known', 'unknown']) await publisher.publish(type, {});
      await untilSettled(stage, stream);
      assert.deepEqual(skipped, [['unknown', 'unhandled']]);
    },
  },
  {
    name: "onUnhandled 'release': hands a type without a handler to a consumer that has one",
    async run(stage) {
      const stream = stage.stream();
      const settings = { onUnhandled: 'release', recoveryStrategy: () => 1, maxRetries: 50 } as const;
      const older = await consumerOf(stage, stream, settings);
      const newer = await consumerOf(stage, stream, { ...settings, transport: await stage.open() });
      const seen: string[] = [];
      older.subscribe('old', ({ type }) => void seen.push(type));
      newer.subscribe('new', ({ type }) => void seen.push(type));
      await older.start();
      const publisher = await publisherTo(stage, stream);
      await publisher.publish('new', {});
      await until('the older consumer has had it', async () => (await groupOf(stage, stream)).pending === 1);
      await newer.start();
      await untilSettled(stage, stream);
      assert.deepEqual(seen, ['new']);
    },
  },
  {
    name: "onUnhandled 'deadLetter': moves a type without a handler to the dead letters",
    async run(stage) {
      const stream = stage.stream();
      const consumer = await consumerOf(stage, stream, { onUnhandled: 'deadLetter' });
      consumer.subscribe('known', () => undefined);
      await consumer.start();
      await (await publisherTo(stage, stream)).publish('unknown', { number: 1 });
      await untilSettled(stage, stream);
      assert.deepEqual(
        (await deadLetters(stage, stream)).map(({ provenance }) => provenance.reason),
        ['unhandled'],
      );
    },
  },
  {
    name: 'deduplicate: an event id that the group has handled is skipped, by every consumer of the group',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      const settings = { deduplicate: { windowMs: 60_000 } };
      const first = await witness(stage, stream, settings);
      for (const id of ['one', 'two', 'one', 'one']) await publisher.publish('order.placed', {}, { id });
      await untilSettled(stage, stream);
      await first.consumer.stop();
      const second = await witness(stage, stream, { ...settings, transport: await stage.open() });
      const other = await witness(stage, stream, { ...settings, group: 'other' });
      for (const id of ['two', 'three']) await publisher.publish('order.placed', {}, { id });
      await untilSettled(stage, stream);
      await untilSettled(stage, stream, 'other');
      const seen = [first, second, other].map(({ events }) => events.map(({ id }) => id).sort());
      assert.deepEqual(seen, [['one', 'two'], ['three'], ['one', 'three', 'two']]);
    },
  },
  {
    name: 'deduplicate: a failure is no success, and its retry runs',
    async run(stage) {
      const stream = stage.stream();
      const settings = { deduplicate: true, recoveryStrategy: () => 10 };
      const { events } = await witness(stage, stream, settings, ({ attempt }) => {
        if (attempt === 1) throw new Error('try again');
      });
      await (await publisherTo(stage, stream)).publish('order.placed', {}, { id: 'one' });
      await untilSettled(stage, stream);
      assert.deepEqual(
        events.map(({ attempt }) => attempt),
        [1, 2],
      );
    },
  },
  {
    name: 'undecodable entries end in the dead letters as they are, and the loop goes on',
    async run(stage) {
      const stream = stage.stream();
      const foreign: (string | Uint8Array)[][] = [
        ['some', 'other format'],
        ['id', '1', 'type', 'order.placed', 'meta', '{}', 'data', '{not json'],
        ['id', '1', 'type', 'order.placed', 'meta', '[]', 'data', '{}'],
        ['id', Uint8Array.of(0xff, 0xfe), 'type', 'order.placed', 'data', '{}'],
        ['id', '1', 'type', 'order.placed', 'meta', '{}', 'data', '{"__proto__":{"polluted":true}}'],
      ];
      const { events } = await witness(stage, stream);
      const publisher = await publisherTo(stage, stream);
      await publishNumbers(publisher, 1);
      for (const fields of foreign) await stage.faults.putForeignEntry(stream, fields);
      await publishNumbers(publisher, 1);
      await untilSettled(stage, stream);
      assert.equal(events.length, 2);
      const letters = await deadLetters(stage, stream);
      assert.deepEqual(
        letters.map(({ provenance }) => provenance.reason),
        foreign.map(() => 'undecodable'),
      );
      const plain = (value: string | Uint8Array) => (typeof value === 'string' ? value : [...value]);
      const stored = letters.map(({ fields }) => fields.slice(0, -2).map(plain));
      assert.deepEqual(stored.map(String).sort(), foreign.map((fields) => String(fields.map(plain))).sort());
    },
  },
];
