import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerOptions } from '@events/core';
import { letPass, until, within } from '../patience.js';
import type { Scenario } from '../scenario.js';
import {
  deadLetters,
  numberOf,
  numbersBelow,
  publisherTo,
  publishNumbers,
  untilGiven,
  untilSettled,
  witness,
} from './actors.js';

/** Long enough for a busy machine to keep its entries alive. */
const claimIdleMs = 600;

export const survivingScenarios: readonly Scenario[] = [
  {
    name: 'crash: what a dead consumer owned is claimed by another one',
    async run(stage) {
      const stream = stage.stream();
      await publishNumbers(await publisherTo(stage, stream), 20);
      const dead = await stage.join(stream, { consumer: 'dead', transport: await stage.open() });
      assert.equal((await dead.read(15, 0)).length, 15);
      const { events } = await witness(stage, stream, { claimIdleMs });
      await untilSettled(stage, stream);
      assert.deepEqual(
        events.map(numberOf).sort((left, right) => left - right),
        numbersBelow(20),
      );
      const redelivered = events.filter((event) => event.redelivered).map(numberOf);
      assert.deepEqual(
        redelivered.sort((left, right) => left - right),
        numbersBelow(15),
      );
    },
  },
  {
    name: 'crash: a consumer that loses its transport in the middle loses no event',
    async run(stage) {
      const stream = stage.stream();
      await publishNumbers(await publisherTo(stage, stream), 60);
      const transport = await stage.open();
      const settings = { claimIdleMs, concurrency: 5, prefetch: 30 };
      const victim = await witness(stage, stream, { ...settings, transport }, () => delay(20));
      await untilGiven(victim.events, 12);
      await transport.close();
      const heir = await witness(stage, stream, settings);
      await untilSettled(stage, stream);
      const seen = new Set([...victim.events, ...heir.events].map(numberOf));
      assert.equal(seen.size, 60);
      assert.equal(victim.consumer.state, 'failed', 'the victim says that it ended');
    },
  },
  {
    name: 'crash: a consumer of the same name has at once what its predecessor owned',
    async run(stage) {
      const stream = stage.stream();
      await publishNumbers(await publisherTo(stage, stream), 5);
      const dead = await stage.join(stream, { consumer: 'worker-1', transport: await stage.open() });
      await dead.read(5, 0);
      const startedAt = Date.now();
      const { events } = await witness(stage, stream, { consumer: 'worker-1', claimIdleMs: 60_000 });
      await untilSettled(stage, stream);
      assert.deepEqual(events.map(numberOf), numbersBelow(5));
      assert.ok(Date.now() - startedAt < 3_000, 'without waiting for claimIdleMs');
    },
  },
  {
    name: 'poison: the event that crashed its consumers ends in the dead letters, and its neighbours do not',
    async run(stage) {
      const stream = stage.stream();
      const receipts = await publishNumbers(await publisherTo(stage, stream), 30);
      const poison = receipts[7]?.entryId ?? '';
      const dead = await stage.join(stream, { consumer: 'dead', transport: await stage.open() });
      await dead.read(30, 0);
      await dead.start(poison, 3);
      const { events } = await witness(stage, stream, { claimIdleMs, maxRetries: 2 });
      await untilSettled(stage, stream);
      const healthy = numbersBelow(30).filter((number) => number !== 7);
      assert.deepEqual(
        events.map(numberOf).sort((left, right) => left - right),
        healthy,
      );
      const letters = (await deadLetters(stage, stream)).map(({ provenance }) => provenance);
      assert.deepEqual(
        letters.map(({ reason, entryId, attempts }) => [reason, entryId, attempts]),
        [['consumer-vanished', poison, 3]],
      );
    },
  },
  {
    name: 'keep-alive: an event whose handler runs longer than claimIdleMs is taken by nobody',
    async run(stage) {
      const stream = stage.stream();
      const settings = { claimIdleMs, concurrency: 2, prefetch: 4 };
      const slow = (event: { readonly data: unknown }) =>
        (event.data as { number: number }).number < 2 ? delay(1_400) : undefined;
      const members = [
        await witness(stage, stream, settings, slow),
        await witness(stage, stream, { ...settings, transport: await stage.open() }, slow),
      ];
      await publishNumbers(await publisherTo(stage, stream), 8);
      await untilSettled(stage, stream);
      const seen = members.flatMap(({ events }) => events.map((event) => `${numberOf(event)}.${event.attempt}`));
      assert.deepEqual(
        seen.sort(),
        numbersBelow(8).map((number) => `${number}.1`),
      );
    },
  },
  {
    name: 'stop: finishes what runs, and hands the rest back so that another consumer has it within two seconds',
    async run(stage) {
      const stream = stage.stream();
      await publishNumbers(await publisherTo(stage, stream), 30);
      const settings = { claimIdleMs: 60_000, concurrency: 2, prefetch: 30 };
      const first = await witness(stage, stream, settings, () => delay(150));
      const second = await witness(stage, stream, { ...settings, transport: await stage.open() });
      await untilGiven(first.events, 2);
      const report = await within(4_000, 'stopping', first.consumer.stop({ timeoutMs: 2_000 }));
      const stoppedAt = Date.now();
      assert.deepEqual([report.finished, report.abandoned], [2, 0]);
      await untilSettled(stage, stream);
      assert.ok(Date.now() - stoppedAt < 2_500, `it took ${Date.now() - stoppedAt} ms`);
      const numbers = [...first.events, ...second.events].map(numberOf);
      assert.deepEqual(
        numbers.sort((left, right) => left - right),
        numbersBelow(30),
        'each ran once',
      );
    },
  },
  {
    name: 'stop: hands back a handler’s event when its time is over, and ends in time',
    async run(stage) {
      const stream = stage.stream();
      const settings = { claimIdleMs: 60_000, concurrency: 1 };
      let aborted = false;
      const first = await witness(stage, stream, settings, (_event, { signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      });
      await publishNumbers(await publisherTo(stage, stream), 3);
      await untilGiven(first.events, 1);
      const report = await within(2_200, 'stopping', first.consumer.stop({ timeoutMs: 100 }));
      assert.deepEqual([report, aborted], [{ finished: 0, released: 3, abandoned: 1 }, true]);
      const second = await witness(stage, stream, { ...settings, transport: await stage.open() });
      await untilSettled(stage, stream);
      assert.deepEqual(second.events.map(numberOf).sort(), numbersBelow(3));
    },
  },
  {
    name: 'stop: ends within two seconds more than it was given, also while the server says nothing',
    async run(stage) {
      const stream = stage.stream();
      await publishNumbers(await publisherTo(stage, stream), 10);
      const { consumer, events } = await witness(stage, stream, { concurrency: 1 }, () => delay(50));
      await untilGiven(events, 2);
      await stage.faults.freeze();
      await within(2_500, 'stopping', consumer.stop({ timeoutMs: 300 })).finally(() => stage.faults.thaw());
      const heir = await stage.persist(() => witness(stage, stream, { claimIdleMs }));
      await untilSettled(stage, stream);
      assert.equal(new Set([...events, ...heir.events].map(numberOf)).size, 10);
    },
  },
  {
    name: 'group lost: begins again with everything, and says so',
    run: (stage) =>
      loseGroup(stage, { onGroupLost: 'beginning' }, async ({ events, publisher, losses, stream }) => {
        await publishNumbers(publisher, 3);
        await until('events arrive again', () => events.length >= 8);
        await untilSettled(stage, stream);
        assert.deepEqual([losses, events.map(numberOf)], [['beginning'], [...numbersBelow(5), ...numbersBelow(3)]]);
      }),
  },
  {
    name: 'group lost: begins after an entry id, if that is the policy',
    run: (stage) =>
      loseGroup(stage, { onGroupLost: { entryId: '1-1' } }, async ({ events, publisher, losses }) => {
        await publishNumbers(publisher, 2);
        await until('events arrive again', () => events.length >= 7);
        assert.deepEqual(losses, ['entryId']);
      }),
  },
  {
    name: 'group lost: ends the consumer loudly, if that is the policy',
    run: (stage) =>
      loseGroup(stage, { onGroupLost: 'fail' }, async ({ consumer, errors, losses, publisher }) => {
        await publisher.publish('number.drawn', { number: 5 });
        await until('the consumer has ended', () => consumer.state === 'failed');
        assert.deepEqual(losses, ['fail']);
        const codes = errors.map((error) => (error as { readonly code?: string }).code);
        assert.ok(codes.includes('EVENTS_GROUP_NOT_FOUND'), `errors: ${codes.join()}`);
      }),
  },
];

interface Loss {
  readonly stream: string;
  readonly consumer: Awaited<ReturnType<typeof witness>>['consumer'];
  readonly events: Awaited<ReturnType<typeof witness>>['events'];
  readonly errors: readonly Error[];
  readonly losses: readonly string[];
  readonly publisher: Awaited<ReturnType<typeof publisherTo>>;
}

/** Lets a consumer handle five events, and takes its group away. */
async function loseGroup(
  stage: Parameters<Scenario['run']>[0],
  options: Partial<ConsumerOptions>,
  then: (loss: Loss) => Promise<void>,
): Promise<void> {
  const stream = stage.stream();
  const publisher = await publisherTo(stage, stream);
  const { consumer, events, errors } = await witness(stage, stream, options);
  const losses: string[] = [];
  consumer.on('groupLost', ({ policy }) => losses.push(policy));
  await publishNumbers(publisher, 5);
  await untilSettled(stage, stream);
  await letPass(20);
  await stage.faults.loseEverything();
  await then({ stream, consumer, events, errors, losses, publisher });
}
