import assert from 'node:assert/strict';
import { decodeFields, EventsError } from '@events/core';
import { later, within } from '../patience.js';
import type { Scenario } from '../scenario.js';
import { numbersBelow, publisherTo, publishNumbers } from './actors.js';

export const publishingScenarios: readonly Scenario[] = [
  {
    name: 'publish: resolves with the id under which the event is stored',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      const data = { text: 'ünï "quoted" 😀\r\n', nested: [1, null, { deep: true }] };
      const options = { id: 'event-1', key: 'key', headers: { trace: 'abc' }, time: new Date(1_700_000_000_123) };
      const receipt = await publisher.publish('order.placed', data, options);
      const [entry] = await (await stage.transport()).inspector().range(stream, '-', '+', 10);
      assert.deepEqual(receipt, { id: 'event-1', type: 'order.placed', stream, entryId: entry?.id, status: 'stored' });
      const { timeMs, headers, ...event } = decodeFields(entry?.id ?? '', entry?.fields ?? []);
      assert.deepEqual(event, { id: 'event-1', type: 'order.placed', source: 'suite', key: 'key', version: 1, data });
      assert.deepEqual([timeMs, { ...headers }], [1_700_000_000_123, { trace: 'abc' }]);
    },
  },
  {
    name: 'publish: stores the events of one key in the order of the calls',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      await Promise.all(
        numbersBelow(600).map(async (number) => {
          // calls of three turns, so that they go in several batches
          for (let turn = 0; turn < Math.floor(number / 200); turn += 1) await new Promise(setImmediate);
          return publisher.publish('number.drawn', { number }, { key: `key ${number % 3}` });
        }),
      );
      const entries = await (await stage.transport()).inspector().range(stream, '-', '+', 1_000);
      const stored = entries.map(({ id, fields }) => decodeFields(id, fields ?? []).data as { number: number });
      for (const key of [0, 1, 2]) {
        const numbers = stored.map(({ number }) => number).filter((number) => number % 3 === key);
        assert.deepEqual(
          numbers,
          numbersBelow(200).map((index) => index * 3 + key),
        );
      }
    },
  },
  {
    name: 'publishBatch: tells of each event at its index what became of it',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream, { maxPayloadBytes: 100 });
      const outcomes = await publisher.publishBatch([
        { type: 'number.drawn', data: 0 },
        { type: 'number.drawn', data: 'x'.repeat(200) },
        { type: 'number.drawn', data: 1 },
        { type: 'number.drawn', data: 1n },
        { type: 'number.drawn', data: 2 },
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['stored', 'failed', 'stored', 'failed', 'stored'],
      );
      const codes = outcomes.map((outcome) => (outcome.status === 'failed' ? outcome.error.code : outcome.entryId));
      const entries = await (await stage.transport()).inspector().range(stream, '-', '+', 10);
      const [first, second, third] = entries.map(({ id }) => id);
      assert.deepEqual(codes, [first, 'EVENTS_PAYLOAD_TOO_LARGE', second, 'EVENTS_SERIALIZATION', third]);
    },
  },
  {
    name: 'publish: to a server that says nothing ends in time, as unknown or not stored, and is stored at most once',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream, { timeoutMs: 600 });
      await publishNumbers(publisher, 1);
      await stage.faults.freeze();
      const failures = await within(
        3_000,
        'publishing with timeoutMs 600',
        Promise.all(numbersBelow(5).map((number) => rejectionOf(publisher.publish('lost', { number })))),
      ).finally(() => stage.faults.thaw());
      for (const { outcome, retryable } of failures) {
        assert.ok(outcome === 'unknown' || outcome === 'not-stored', `outcome: ${outcome}`);
        assert.equal(typeof retryable, 'boolean');
      }
      await stage.persist(() => stage.append(stream, ['any', 'entry']));
      const entries = await stage.persist(async () =>
        (await stage.transport()).inspector().range(stream, '-', '+', 100),
      );
      const lost = entries.filter(({ fields }) => fields?.[3] === 'lost').map(({ fields }) => fields?.[7]);
      assert.equal(new Set(lost).size, lost.length, 'nothing is stored twice');
    },
  },
  {
    name: 'publisher.close: settles what is under way, and refuses what comes after',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      const underWay = later(publishNumbers(publisher, 300));
      await publisher.flush();
      assert.equal((await stage.describe(stream)).length, 300);
      const last = later(publisher.publish('number.drawn', { number: 300 }));
      await publisher.close();
      assert.equal((await Promise.all([...(await underWay), await last])).length, 301);
      const { code, outcome } = await rejectionOf(publisher.publish('number.drawn', {}));
      assert.deepEqual([code, outcome], ['EVENTS_CLOSED', 'not-stored']);
      assert.equal((await stage.describe(stream)).length, 301);
    },
  },
];

async function rejectionOf(promise: Promise<unknown>): Promise<EventsError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof EventsError, 'it rejects with an error of this library');
  return outcome;
}
