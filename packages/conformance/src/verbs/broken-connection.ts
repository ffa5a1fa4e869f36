import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { companionKey, type Subscription } from '@events/core';
import { later, letPass, patienceMs, until, within } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { assertStoredOnce, outcomeOf, seenBy } from './outcome.js';

const hourMs = 3_600_000;

export const brokenConnectionScenarios: readonly Scenario[] = [
  {
    name: 'killed connections: handles find new ones by themselves',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const transport = await stage.transport();
      const appender = transport.appender(plainAppending);
      const inspector = transport.inspector();
      for (let round = 0; round < 3; round += 1) {
        await stage.faults.killConnections();
        assert.deepEqual(await stage.persist(() => subscription.keepAlive(ids)), ids);
        assert.equal((await stage.persist(() => inspector.describe(stream)))?.groups.length, 1);
        await until('the appender stores again', async () => {
          const [answer] = await appender.append([{ stream, id: 'any', fields: ['round', `${round}`] }], patienceMs);
          return typeof answer === 'string';
        });
        assert.equal((await stage.persist(() => subscription.read(1, 1_000))).length, 1);
      }
    },
  },
  {
    name: 'killed connections: a read that waits ends soon, and the next one has what comes',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      const ended = subscription.read(1, 20_000).then(
        (entries) => entries.length,
        () => 0,
      );
      await letPass(50);
      await stage.faults.killConnections();
      assert.equal(await within(3_000, 'the read', ended), 0);
      const reading = later(stage.persist(() => subscription.read(1, 5_000)));
      const [id] = await stage.persist(() => stage.fill(stream, 1));
      assert.deepEqual(
        (await reading).map((entry) => entry.id),
        [id],
      );
    },
  },
  {
    name: 'append: with connections breaking, what is answered with an id is stored once, and what was not sent is not stored',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(plainAppending);
      const appended: { number: string; outcome: string }[] = [];
      for (let round = 0; round < 6; round += 1) {
        const calls = Array.from({ length: 30 }, async (_, call) => {
          const number = `${round}.${call}`;
          const [answer] = await appender.append([{ stream, id: 'any', fields: ['number', number] }], 3_000);
          appended.push({ number, outcome: outcomeOf(answer) });
        });
        await Promise.all([...calls, stage.faults.killConnections()]);
      }
      await until('the appender stores again', async () => {
        const [answer] = await appender.append([{ stream, id: 'any', fields: ['number', 'last'] }], patienceMs);
        return typeof answer === 'string';
      });
      await assertStoredOnce(stage, stream, appended);
    },
  },
  {
    name: 'read: with connections breaking, owned finds whatever was not seen',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      const seen = new Set<string>();
      const ids: string[] = [];
      for (let round = 0; round < 6; round += 1) {
        const filling = stage.persist(() => stage.fill(stream, 1));
        const [read, stored] = await Promise.all([
          seenBy(subscription.read(10, 300)),
          filling,
          stage.faults.killConnections(),
        ]);
        for (const id of read) seen.add(id);
        ids.push(...stored);
      }
      await until('every entry is found', async () => {
        for (const { id } of await stage.persist(() => subscription.owned('0-0', 100))) seen.add(id);
        for (const { id } of await stage.persist(() => subscription.read(100, 0))) seen.add(id);
        return ids.every((id) => seen.has(id));
      });
    },
  },
  {
    name: 'deadLetter: with connections breaking, an entry is moved as a whole or stays as it was',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(200);
      const target = companionKey(stream, 'dlq');
      const outcomes = await moveWhileBreaking(stage, subscription, ids, target);
      const pending = await pendingOf(stage, subscription);
      const moved = await originsIn(stage, target);
      for (const id of ids) {
        assert.equal(moved.filter((each) => each === id).length, pending.has(id) ? 0 : 1, `${id}: ${outcomes.get(id)}`);
        if (outcomes.get(id) === 'moved') assert.ok(!pending.has(id), `${id} was said to be moved`);
      }
    },
  },
  {
    name: 'deadLetter: to a stream of any name, with connections breaking, repeating it leaves one copy of each entry',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(200);
      const target = `${stream}:rejected`;
      const outcomes = await moveWhileBreaking(stage, subscription, ids, target);
      const pending = await pendingOf(stage, subscription);
      const copied = new Set(await originsIn(stage, target));
      for (const id of ids) {
        if (outcomes.get(id) === 'moved') assert.ok(!pending.has(id), `${id} was said to be moved`);
        assert.ok(pending.has(id) || copied.has(id), `${id} is neither here nor there`);
      }
      for (const id of pending) {
        assert.equal(await stage.persist(() => subscription.deadLetter(id, target, ['origin', id])), 'moved');
      }
      assert.equal((await pendingOf(stage, subscription)).size, 0);
      assert.deepEqual([...(await originsIn(stage, target))].sort(), [...ids].sort());
    },
  },
  {
    name: 'restart: with its data kept, the server has everything that was answered, and handles come back by themselves',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(3);
      await subscription.start(ids[0] ?? '', 3);
      await subscription.postpone(ids[1] ?? '', 'record');
      await subscription.release(ids.slice(2));
      await subscription.acknowledge({
        ids: [],
        postponed: [],
        marks: { eventIds: ['event'], windowMs: hourMs, maxEntries: 10 },
      });
      const before = await stage.describe(stream);
      await stage.faults.restart();
      assert.deepEqual(await stage.persist(() => subscription.owned('0-0', 10)), [
        { id: ids[0], deliveries: 3, released: false, record: null },
        { id: ids[1], deliveries: 1, released: false, record: 'record' },
        { id: ids[2], deliveries: 1, released: true, record: null },
      ]);
      assert.deepEqual(await stage.persist(() => stage.describe(stream)), before);
      assert.deepEqual(await stage.persist(() => subscription.handled(['event'], hourMs)), [true]);
      const [next] = await stage.persist(() => stage.fill(stream, 1));
      assert.deepEqual(
        (await stage.persist(() => subscription.read(10, 1_000))).map(({ id }) => id),
        [next],
      );
    },
  },
];

/** Moves twenty entries at a time while connections break. Resolves with what became of each. */
async function moveWhileBreaking(
  stage: Stage,
  subscription: Subscription,
  ids: readonly string[],
  target: string,
): Promise<ReadonlyMap<string, string>> {
  const transport = await stage.transport();
  const outcomes = new Map<string, string>();
  for (let round = 0; round * 20 < ids.length; round += 1) {
    const moves = ids.slice(round * 20, round * 20 + 20).map(async (id) => {
      const move = subscription.deadLetter(id, target, ['origin', id]);
      outcomes.set(id, await move.catch((error: unknown) => transport.classify(error).kind));
    });
    // a little later in each round, so that a move in several steps is cut between any two of them
    for (let turn = 0; turn < round; turn += 1) await nextTurn();
    await stage.faults.killConnections();
    await Promise.all(moves);
  }
  return outcomes;
}

async function pendingOf(stage: Stage, subscription: Subscription): Promise<ReadonlySet<string>> {
  return new Set((await stage.persist(() => subscription.owned('0-0', 1_000))).map(({ id }) => id));
}

/** Which entries the letters of a stream were made of, by what `moveWhileBreaking` added to them. */
async function originsIn(stage: Stage, stream: string): Promise<readonly unknown[]> {
  const transport = await stage.transport();
  const letters = await stage.persist(() => transport.inspector().range(stream, '-', '+', 1_000));
  return letters.map(({ fields }) => fields?.at(-1));
}
