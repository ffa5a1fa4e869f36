import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { NonRetryableError } from '@events/core';
import { letPass, until, within } from '../patience.js';
import type { Scenario } from '../scenario.js';
import {
  deadLetters,
  groupOf,
  numberOf,
  numbersBelow,
  publisherTo,
  publishNumbers,
  untilGiven,
  untilSettled,
  witness,
} from './actors.js';

export const failingScenarios: readonly Scenario[] = [
  {
    name: 'retry: is seen by the failing group alone, with the number of the attempt',
    async run(stage) {
      const stream = stage.stream();
      const failing = await witness(stage, stream, { group: 'failing', recoveryStrategy: () => 10 }, ({ attempt }) => {
        if (attempt < 4) throw new Error('try again');
      });
      const fine = await witness(stage, stream, { group: 'fine' });
      await publishNumbers(await publisherTo(stage, stream), 3);
      for (const group of ['failing', 'fine']) await untilSettled(stage, stream, group);
      assert.deepEqual(
        fine.events.map((event) => [numberOf(event), event.attempt]),
        [
          [0, 1],
          [1, 1],
          [2, 1],
        ],
      );
      for (const number of numbersBelow(3)) {
        const attempts = failing.events.filter((event) => numberOf(event) === number);
        assert.deepEqual(
          attempts.map(({ attempt }) => attempt),
          [1, 2, 3, 4],
        );
      }
      assert.equal((await stage.describe(stream)).length, 3, 'nothing is published again');
    },
  },
  {
    name: 'retry: one that waits holds no worker, and stays pending',
    async run(stage) {
      const stream = stage.stream();
      const settings = { concurrency: 1, recoveryStrategy: () => 600 };
      const { events } = await witness(stage, stream, settings, (event) => {
        if (numberOf(event) === 0 && event.attempt === 1) throw new Error('try again');
      });
      await publishNumbers(await publisherTo(stage, stream), 10);
      await untilGiven(events, 10);
      assert.deepEqual(events.map(numberOf), numbersBelow(10));
      assert.ok((await groupOf(stage, stream)).pending >= 1);
      await untilSettled(stage, stream);
      assert.equal(events.length, 11);
    },
  },
  {
    name: 'retry: nack({ delayMs }) waits as long, and counts as an attempt',
    async run(stage) {
      const stream = stage.stream();
      const times: number[] = [];
      const { events } = await witness(stage, stream, {}, async ({ attempt }, context) => {
        times.push(Date.now());
        if (attempt === 1) await context.nack({ delayMs: 200 });
      });
      await publishNumbers(await publisherTo(stage, stream), 1);
      await untilSettled(stage, stream);
      assert.deepEqual(
        events.map(({ attempt }) => attempt),
        [1, 2],
      );
      assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 190);
    },
  },
  {
    name: 'dead letter: after the last attempt, once, as it was, with its whole provenance',
    async run(stage) {
      const stream = stage.stream();
      const settings = { maxRetries: 2, recoveryStrategy: () => 10 };
      const { consumer, events } = await witness(stage, stream, settings, () => {
        throw new RangeError('out of range');
      });
      const startedAt = Date.now();
      const receipt = await (await publisherTo(stage, stream)).publish('order.placed', { total: 1 }, { id: 'one' });
      await untilSettled(stage, stream);
      assert.deepEqual(
        events.map(({ attempt }) => attempt),
        [1, 2, 3],
      );
      const letters = await deadLetters(stage, stream);
      assert.equal(letters.length, 1);
      const [{ fields, provenance } = assert.fail()] = letters;
      const [original] = await (await stage.transport()).inspector().range(stream, '-', '+', 1);
      assert.deepEqual(fields.slice(0, -2), original?.fields);
      const { error, firstFailureTime, lastFailureTime, ...rest } = provenance;
      assert.deepEqual(rest, {
        reason: 'retries-exhausted',
        attempts: 3,
        stream,
        entryId: receipt.entryId,
        group: 'group',
        consumer: consumer.name,
      });
      assert.deepEqual([error.name, error.message], ['RangeError', 'out of range']);
      assert.match(error.stack ?? '', /RangeError: out of range/);
      const [first, last] = [Date.parse(firstFailureTime), Date.parse(lastFailureTime)];
      assert.ok(startedAt <= first && first < last && last <= Date.now(), `${firstFailureTime} … ${lastFailureTime}`);
    },
  },
  {
    name: 'dead letter: NonRetryableError at once, and a reason of the handler',
    async run(stage) {
      const stream = stage.stream();
      const { events } = await witness(stage, stream, {}, async (event, context) => {
        if (numberOf(event) === 0) throw new NonRetryableError('hopeless');
        if (numberOf(event) === 1) await context.deadLetter('not wanted');
      });
      await publishNumbers(await publisherTo(stage, stream), 3);
      await untilSettled(stage, stream);
      assert.equal(events.length, 3);
      const letters = (await deadLetters(stage, stream)).map(({ provenance }) => [
        provenance.reason,
        provenance.attempts,
      ]);
      assert.deepEqual(letters.sort(), [
        ['non-retryable', 1],
        ['not wanted', 1],
      ]);
    },
  },
  {
    name: 'dead letter: in a stream of the user’s choice, and per group',
    async run(stage) {
      const [stream, rejected] = [stage.stream(), stage.stream()];
      const settings = { deadLetter: { stream: rejected }, recoveryStrategy: 'none' } as const;
      for (const group of ['one', 'two']) {
        await witness(stage, stream, { ...settings, group }, () => {
          throw new Error('no');
        });
      }
      await publishNumbers(await publisherTo(stage, stream), 1);
      for (const group of ['one', 'two']) await untilSettled(stage, stream, group);
      const groups = (await deadLetters(stage, stream, rejected)).map(({ provenance }) => provenance.group);
      assert.deepEqual(groups.sort(), ['one', 'two']);
    },
  },
  {
    name: 'dead letter: without dead letters the event stays pending, and others go on',
    async run(stage) {
      const stream = stage.stream();
      const settings = { deadLetter: false, recoveryStrategy: 'none', ordering: 'key' } as const;
      const stalled: string[] = [];
      const { consumer, events } = await witness(stage, stream, settings, (event) => {
        if (numberOf(event) === 0) throw new Error('no');
      });
      consumer.on('stalled', ({ entryId }) => stalled.push(entryId));
      const [first] = await publishNumbers(await publisherTo(stage, stream), 3, 'key');
      await untilGiven(events, 3);
      await until('one entry is pending', async () => (await groupOf(stage, stream)).pending === 1);
      await letPass(50);
      assert.deepEqual([stalled, events.length], [[first?.entryId], 3]);
      assert.equal((await groupOf(stage, stream)).pending, 1);
    },
  },
  {
    name: 'handlerTimeoutMs: aborts the signal and frees the slot, and the attempt counts as failed',
    async run(stage) {
      const stream = stage.stream();
      const aborted: number[] = [];
      const settings = { handlerTimeoutMs: 100, concurrency: 1, recoveryStrategy: () => 10 };
      const { events } = await witness(stage, stream, settings, async (event, { signal }) => {
        if (numberOf(event) > 0 || event.attempt > 1) return;
        await delay(30_000, undefined, { signal }).catch(() => aborted.push(numberOf(event)));
      });
      await publishNumbers(await publisherTo(stage, stream), 3);
      await untilSettled(stage, stream);
      assert.deepEqual(aborted, [0]);
      assert.deepEqual(events.map((event) => `${numberOf(event)}.${event.attempt}`).sort(), [
        '0.1',
        '0.2',
        '1.1',
        '2.1',
      ]);
    },
  },
  {
    name: 'handlerTimeoutMs: a handler that never settles ends in the dead letters',
    async run(stage) {
      const stream = stage.stream();
      const settings = { handlerTimeoutMs: 100, concurrency: 2, recoveryStrategy: () => 10 };
      const { events } = await witness(stage, stream, settings, (event) =>
        numberOf(event) === 0 ? new Promise(() => {}) : undefined,
      );
      await publishNumbers(await publisherTo(stage, stream), 5);
      await untilSettled(stage, stream);
      assert.equal(events.length, 5);
      const letters = (await deadLetters(stage, stream)).map(({ provenance }) => provenance.reason);
      assert.deepEqual(letters, ['handler-never-settled']);
    },
  },
  {
    name: 'retry: one that waited when its consumer stopped goes on elsewhere, with its attempt and its time',
    async run(stage) {
      const stream = stage.stream();
      const settings = { recoveryStrategy: () => 1_800, maxRetries: 3 };
      const fail = () => {
        throw new Error('try again');
      };
      const first = await witness(stage, stream, settings, fail);
      await publishNumbers(await publisherTo(stage, stream), 1);
      await untilGiven(first.events, 1);
      const failedAt = Date.now();
      const report = await within(5_000, 'stopping', first.consumer.stop({ timeoutMs: 1_000 }));
      assert.deepEqual([report.released, report.abandoned], [1, 0]);
      const second = await witness(stage, stream, { ...settings, transport: await stage.open() });
      await untilSettled(stage, stream);
      assert.ok(Date.now() - failedAt >= 1_700, 'it waited until it was due');
      assert.deepEqual(
        second.events.map(({ attempt, redelivered }) => [attempt, redelivered]),
        [[2, true]],
      );
    },
  },
];
