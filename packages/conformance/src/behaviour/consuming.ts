import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { letPass, until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import {
  consumerOf,
  groupOf,
  numberOf,
  numbersBelow,
  publisherTo,
  publishNumbers,
  untilGiven,
  untilSettled,
  witness,
} from './actors.js';

export const consumingScenarios: readonly Scenario[] = [
  {
    name: 'consume: a handler is given the event as it was published',
    async run(stage) {
      const stream = stage.stream();
      const { events } = await witness(stage, stream);
      const publisher = await publisherTo(stage, stream);
      const data = { text: 'ünï "quoted" 😀', nested: [1, null, { deep: true }] };
      const options = { id: 'event-1', key: 'key', headers: { trace: 'abc' }, time: new Date(1_700_000_000_123) };
      const { entryId } = await publisher.publish('order.placed', data, options);
      await untilGiven(events, 1);
      const [event] = events;
      assert.ok(event !== undefined);
      const { headers, ...rest } = event;
      assert.deepEqual({ ...headers }, { trace: 'abc' });
      assert.deepEqual(rest, {
        id: 'event-1',
        type: 'order.placed',
        source: 'suite',
        time: new Date(1_700_000_000_123),
        key: 'key',
        data,
        stream,
        entryId,
        attempt: 1,
        redelivered: false,
      });
    },
  },
  {
    name: 'consume: every group is given every event once, and its consumers share them',
    async run(stage) {
      const stream = stage.stream();
      const members = await Promise.all(
        ['billing', 'billing', 'shipping'].map(async (group) =>
          witness(stage, stream, { group, prefetch: 10, transport: await stage.open() }),
        ),
      );
      await publishNumbers(await publisherTo(stage, stream), 400);
      for (const group of ['billing', 'shipping']) await untilSettled(stage, stream, group);
      const [first = [], second = [], alone = []] = members.map(({ events }) => events.map(numberOf));
      assert.deepEqual(
        [...first, ...second].sort((left, right) => left - right),
        numbersBelow(400),
      );
      assert.deepEqual(
        [...alone].sort((left, right) => left - right),
        numbersBelow(400),
      );
      assert.ok(first.length > 0 && second.length > 0, `they shared ${first.length} to ${second.length}`);
    },
  },
  {
    name: 'consume: success acknowledges, and nothing before it does',
    async run(stage) {
      const stream = stage.stream();
      let finish = () => {};
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const { events } = await witness(stage, stream, {}, () => finished);
      await publishNumbers(await publisherTo(stage, stream), 3);
      await untilGiven(events, 3);
      await letPass(100);
      assert.equal((await groupOf(stage, stream)).pending, 3);
      finish();
      await untilSettled(stage, stream);
    },
  },
  {
    name: 'consume: ack() resolves once the server knows, before the handler ends',
    async run(stage) {
      const stream = stage.stream();
      const pending: number[] = [];
      const { events } = await witness(stage, stream, {}, async (_event, context) => {
        await context.ack();
        pending.push((await groupOf(stage, stream)).pending);
      });
      await publishNumbers(await publisherTo(stage, stream), 1);
      await until('the handler ended', () => pending.length === 1);
      assert.deepEqual([pending, events.length], [[0], 1]);
    },
  },
  {
    name: 'consume: startFrom decides where a new group begins',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      const receipts = await publishNumbers(publisher, 3);
      const after = receipts[0]?.entryId ?? '';
      const members = {
        all: await witness(stage, stream, { group: 'all' }),
        none: await witness(stage, stream, { group: 'none', startFrom: 'latest' }),
        some: await witness(stage, stream, { group: 'some', startFrom: { entryId: after } }),
        old: await witness(stage, stream, { group: 'old', startFrom: { time: 1 } }),
      };
      await publisher.publish('number.drawn', { number: 3 });
      for (const group of ['all', 'none', 'some', 'old']) await untilSettled(stage, stream, group);
      const seen = Object.values(members).map(({ events }) => events.map(numberOf).sort());
      assert.deepEqual(seen, [[0, 1, 2, 3], [3], [1, 2, 3], [0, 1, 2, 3]]);
    },
  },
  {
    name: 'consume: one consumer reads several streams',
    async run(stage) {
      const streams = [stage.stream(), stage.stream()];
      const consumer = await consumerOf(stage, '', { stream: undefined, streams });
      const seen: string[] = [];
      consumer.subscribe('*', ({ stream }) => void seen.push(stream));
      await consumer.start();
      for (const stream of streams) await publishNumbers(await publisherTo(stage, stream), 5);
      for (const stream of streams) await untilSettled(stage, stream);
      assert.deepEqual(seen.sort(), streams.flatMap((stream) => Array.from({ length: 5 }, () => stream)).sort());
    },
  },
  {
    name: 'consume: as many handlers run at once as concurrency allows',
    async run(stage) {
      const stream = stage.stream();
      let running = 0;
      let most = 0;
      await publishNumbers(await publisherTo(stage, stream), 40);
      await witness(stage, stream, { concurrency: 4 }, async () => {
        running += 1;
        most = Math.max(most, running);
        await delay(10);
        running -= 1;
      });
      await untilSettled(stage, stream);
      assert.equal(most, 4);
    },
  },
  {
    name: 'consume: with ordering key, the events of a key run one after another, in order, retries included',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      const keys = ['a', 'b', 'c', 'd'];
      await Promise.all(
        numbersBelow(60).map((number) => publisher.publish('number.drawn', { number }, { key: keys[number % 4] })),
      );
      const running = new Set<string>();
      const succeeded = new Map<string, number[]>(keys.map((key) => [key, []]));
      const settings = { ordering: 'key', concurrency: 8, recoveryStrategy: () => 20 } as const;
      const { events } = await witness(stage, stream, settings, async (event) => {
        const key = event.key ?? '';
        assert.ok(!running.has(key), `two events of ${key} run at once`);
        running.add(key);
        await delay(1);
        running.delete(key);
        if (numberOf(event) % 10 === 3 && event.attempt < 3) throw new Error('try again');
        succeeded.get(key)?.push(numberOf(event));
      });
      await untilSettled(stage, stream);
      for (const [index, key] of keys.entries()) {
        assert.deepEqual(
          succeeded.get(key),
          numbersBelow(15).map((number) => number * 4 + index),
          key,
        );
      }
      assert.equal(events.length, 60 + 2 * 6);
    },
  },
  {
    name: 'pause: no handler begins until resume, and nothing is lost',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream);
      const { consumer, events } = await witness(stage, stream);
      await publishNumbers(publisher, 5);
      await untilSettled(stage, stream);
      consumer.pause();
      await publishNumbers(publisher, 20);
      await letPass(150);
      assert.equal(events.length, 5);
      consumer.resume();
      await untilSettled(stage, stream);
      assert.deepEqual(events.map(numberOf), [...numbersBelow(5), ...numbersBelow(20)]);
    },
  },
];
