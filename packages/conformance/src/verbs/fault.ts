import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AppendAnswer, Entry, Transport } from '@events/core';
import { later, letPass, patienceMs, until, within } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const hourMs = 3_600_000;

export const faultScenarios: readonly Scenario[] = [
  {
    name: 'freeze: every verb settles within a deadline, and says that nothing is known or nothing was sent',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const transport = await stage.transport();
      const [id = ''] = ids;
      const inspector = transport.inspector();
      await inspector.describe(stream);
      await frozen(stage, async () => {
        const verbs = [
          transport.capabilities(),
          subscription.ensureGroup('beginning'),
          subscription.register(1_000),
          subscription.read(1, 100),
          subscription.claim(0, 1),
          subscription.owned('0-0', 1),
          subscription.fetch([id]),
          subscription.start(id, 1),
          subscription.keepAlive([id]),
          subscription.acknowledge({ ids: ['1-1'], postponed: ['1-1'] }),
          subscription.handled(['event'], 1_000),
          subscription.postpone(id, 'record'),
          subscription.deadLetter('1-1', `${stream}:rejected`, ['reason', 'none']),
          subscription.release(['1-1']),
          inspector.describe(stream),
          inspector.range(stream, '-', '+', 1),
          inspector.trim(stream, { maxLength: 10 }),
        ];
        const kinds = await Promise.all(verbs.map((verb) => kindOf(transport, verb)));
        assert.deepEqual(
          kinds.filter((kind) => kind !== 'unknown' && kind !== 'offline'),
          [],
        );
      });
      await stage.persist(() => subscription.owned('0-0', 1));
    },
  },
  {
    name: 'freeze: connecting and closing settle within a deadline',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      const transport = await stage.open();
      await frozen(stage, async () => {
        const connecting = later(kindOf(transport, transport.connect()));
        await Promise.all([within(patienceMs, 'closing', subscription.close()), connecting]);
        assert.notEqual(await connecting, 'resolved');
        await within(patienceMs, 'closing', transport.close());
      });
    },
  },
  {
    name: 'append: answers within the time given when the server says nothing, and sends no entry twice',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender();
      const [before] = await appender.append([{ stream, fields: ['number', 'before'] }], patienceMs);
      assert.equal(typeof before, 'string');
      await frozen(stage, async () => {
        const entries = [0, 1, 2].map((number) => ({ stream, fields: ['number', `${number}`] }));
        const answers = await within(300 + 1_500, 'append, given 300 ms,', appender.append(entries, 300));
        assert.deepEqual(answers.map(outcomeOf), ['unknown', 'unknown', 'unknown']);
      });
      await stage.persist(() => stage.append(stream, ['number', 'after']));
      await assertStoredOnce(stage, stream, [{ number: 'before', outcome: 'stored' }]);
    },
  },
  {
    name: 'read: an answer that was lost leaves its entries owned, where owned finds them, or unread',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await subscription.read(1, 0);
      const ids = await stage.fill(stream, 5);
      const seen = new Set<string>();
      await frozen(stage, async () => {
        for (const id of await within(patienceMs, 'the read', answered(subscription.read(3, 100)))) seen.add(id);
      });
      await until('every entry is found', async () => {
        for (const { id } of await stage.persist(() => subscription.owned('0-0', 10))) seen.add(id);
        for (const { id } of await stage.persist(() => subscription.read(10, 0))) seen.add(id);
        return seen.size === 5;
      });
      assert.deepEqual([...seen].sort(), [...ids].sort());
    },
  },
  {
    name: 'killed connections: handles find new ones by themselves',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const transport = await stage.transport();
      const appender = transport.appender();
      const inspector = transport.inspector();
      for (let round = 0; round < 3; round += 1) {
        await stage.faults.killConnections();
        assert.deepEqual(await stage.persist(() => subscription.keepAlive(ids)), ids);
        assert.equal((await stage.persist(() => inspector.describe(stream)))?.groups.length, 1);
        await until('the appender stores again', async () => {
          const [answer] = await appender.append([{ stream, fields: ['round', `${round}`] }], patienceMs);
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
      const appender = (await stage.transport()).appender();
      const appended: { number: string; outcome: string }[] = [];
      for (let round = 0; round < 6; round += 1) {
        const calls = Array.from({ length: 30 }, async (_, call) => {
          const number = `${round}.${call}`;
          const [answer] = await appender.append([{ stream, fields: ['number', number] }], 3_000);
          appended.push({ number, outcome: outcomeOf(answer) });
        });
        await Promise.all([...calls, stage.faults.killConnections()]);
      }
      await until('the appender stores again', async () => {
        const [answer] = await appender.append([{ stream, fields: ['number', 'last'] }], patienceMs);
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
          answered(subscription.read(10, 300)),
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
      const transport = await stage.transport();
      const outcomes = new Map<string, string>();
      for (let round = 0; round < 10; round += 1) {
        const moves = ids.slice(round * 20, round * 20 + 20).map(async (id) => {
          const move = subscription.deadLetter(id, `${stream}:rejected`, ['origin', id]);
          outcomes.set(id, await move.catch((error: unknown) => transport.classify(error).kind));
        });
        // a little later in each round, so that a move in several steps is cut between any two of them
        for (let turn = 0; turn < round; turn += 1) await nextTurn();
        await stage.faults.killConnections();
        await Promise.all(moves);
      }
      const pending = new Set((await stage.persist(() => subscription.owned('0-0', 1_000))).map(({ id }) => id));
      const letters = await stage.persist(() => transport.inspector().range(`${stream}:rejected`, '-', '+', 1_000));
      const moved = letters.map(({ fields }) => fields?.at(-1));
      for (const id of ids) {
        assert.equal(moved.filter((each) => each === id).length, pending.has(id) ? 0 : 1, `${id}: ${outcomes.get(id)}`);
        if (outcomes.get(id) === 'moved') assert.ok(!pending.has(id), `${id} was said to be moved`);
      }
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
  {
    name: 'everything lost: a read fails as group-lost, one that waits ends, and none resolves with []',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await stage.fill(stream, 1);
      await subscription.read(1, 0);
      const waiting = later(stage.failureOf(subscription.read(1, 4_000)));
      await letPass(50);
      await stage.faults.loseEverything();
      // a server may tell a read that waits only that it waits in vain; the next one learns why
      assert.ok(['group-lost', 'refused'].includes(await waiting), `the read that waited: ${await waiting}`);
      assert.equal(await stage.failureOf(subscription.read(1, 0)), 'group-lost');
      assert.equal(await stage.failureOf(subscription.read(1, 300)), 'group-lost');
    },
  },
  {
    name: 'everything lost: no verb pretends',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const [id = ''] = ids;
      const transport = await stage.transport();
      await subscription.register(hourMs);
      await subscription.acknowledge({
        ids: [],
        postponed: [],
        marks: { eventIds: ['event'], windowMs: hourMs, maxEntries: 10 },
      });
      await stage.faults.loseEverything();
      assert.equal(await kindOf(transport, subscription.claim(0, 10)), 'group-lost');
      assert.equal(await kindOf(transport, subscription.owned('0-0', 10)), 'group-lost');
      assert.equal(await kindOf(transport, subscription.register(hourMs)), 'group-lost');
      const answers = await Promise.all([
        answerOf(transport, subscription.start(id, 2)),
        answerOf(transport, subscription.keepAlive([id])),
        answerOf(transport, subscription.postpone(id, 'record')),
        answerOf(transport, subscription.deadLetter(id, `${stream}:rejected`, ['reason', 'none'])),
        answerOf(transport, subscription.release([id])),
      ]);
      const honest = [false, [], false, 'not-owned', 0];
      for (const [index, answer] of answers.entries()) {
        if (answer !== 'group-lost') assert.deepEqual(answer, honest[index]);
      }
      assert.deepEqual(await subscription.fetch([id]), [{ id, fields: null }]);
      const acknowledged = await answerOf(transport, subscription.acknowledge({ ids: [id], postponed: [id] }));
      if (acknowledged !== 'group-lost') assert.deepEqual(acknowledged, { count: 0, effectiveWindowMs: null });
      assert.equal(await transport.inspector().describe(stream), undefined);
    },
  },
  {
    name: 'everything lost: the same handles create the group again and go on',
    async run(stage) {
      const { stream, subscription } = await stage.own(3);
      await subscription.register(hourMs);
      await stage.faults.loseEverything();
      const appender = (await stage.transport()).appender();
      const [id] = await appender.append([{ stream, fields: ['a', 'b'] }], patienceMs);
      assert.equal(await subscription.ensureGroup('beginning'), true);
      assert.equal(await subscription.register(hourMs), true);
      assert.deepEqual(await subscription.read(10, 0), [{ id, fields: ['a', 'b'] }]);
      assert.deepEqual(await subscription.owned('0-0', 10), [{ id, deliveries: 1, released: false, record: null }]);
    },
  },
];

/** Plays while the server is frozen, and waits until it is back. */
async function frozen(stage: Stage, play: () => Promise<void>): Promise<void> {
  await stage.faults.freeze();
  try {
    await play();
  } finally {
    await stage.faults.thaw();
  }
  const transport = await stage.open();
  await stage.persist(() => transport.connect());
}

async function kindOf(transport: Transport, verb: Promise<unknown>): Promise<string> {
  const kind = verb.then(
    () => 'resolved',
    (error: unknown) => transport.classify(error).kind,
  );
  return within(patienceMs, 'a verb', kind);
}

/** The ids that a read answered with: none where the answer was lost, which is what happens to reads here. */
async function answered(read: Promise<readonly Entry[]>): Promise<readonly string[]> {
  return read.then(
    (entries) => entries.map(({ id }) => id),
    () => [],
  );
}

async function answerOf(transport: Transport, verb: Promise<unknown>): Promise<unknown> {
  return verb.catch((error: unknown) => transport.classify(error).kind);
}

function outcomeOf(answer: AppendAnswer | undefined): string {
  return typeof answer === 'object' ? answer.kind : 'stored';
}

async function assertStoredOnce(
  stage: Stage,
  stream: string,
  appended: readonly { readonly number: string; readonly outcome: string }[],
): Promise<void> {
  const inspector = (await stage.transport()).inspector();
  const stored = (await stage.persist(() => inspector.range(stream, '-', '+', 10_000))).map(
    ({ fields }) => fields?.[1],
  );
  const counts = new Map<unknown, number>();
  for (const number of stored) counts.set(number, (counts.get(number) ?? 0) + 1);
  for (const [number, count] of counts) assert.equal(count, 1, `entry ${number} is stored ${count} times`);
  for (const { number, outcome } of appended) {
    if (outcome === 'stored')
      assert.equal(counts.get(number), 1, `entry ${number} was answered with an id and is not stored`);
    else if (outcome !== 'unknown')
      assert.equal(counts.get(number), undefined, `entry ${number} is stored and was answered ${outcome}`);
  }
}
