import assert from 'node:assert/strict';
import type { Subscription } from '@events/core';
import { later, letPass, until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

/** Short, and long enough for a busy machine. */
const leaseMs = 400;
const longMs = 60_000;

/** An owner of a stream, which owns `count` entries of it, and a second handle that wants to be the owner. */
async function ownerAndRival(stage: Stage, count: number, lease = longMs) {
  const stream = stage.stream();
  const ids = await stage.fill(stream, count);
  const owner = await stage.join(stream, { consumer: 'owner' });
  assert.equal(await owner.own(lease), true);
  assert.equal((await owner.read(count, 0)).length, count);
  const rival = await stage.join(stream, { consumer: 'rival', transport: await stage.open() });
  return { stream, ids, owner, rival };
}

/** The same, once the rival has taken over what the owner let go of. */
async function fencedOwner(stage: Stage, count: number) {
  const actors = await ownerAndRival(stage, count, leaseMs);
  await until('the lease is over', () => actors.rival.own(longMs));
  return actors;
}

/** What the owner may not do once it is the owner no more. Ids are those of entries that it owned. */
const fencedVerbs: readonly (readonly [string, (owner: Subscription, id: string, dead: string) => Promise<unknown>])[] =
  [
    ['own', (owner) => owner.own(longMs)],
    ['read', (owner) => owner.read(1, 0)],
    ['takeOver', (owner) => owner.takeOver('0-0', 10)],
    ['claim', (owner) => owner.claim(0, 10)],
    ['start', (owner, id) => owner.start(id, 7)],
    ['keepAlive', (owner, id) => owner.keepAlive([id])],
    ['acknowledge', (owner, id) => owner.acknowledge({ ids: [id], postponed: [] })],
    [
      'acknowledge, with marks,',
      (owner, id) =>
        owner.acknowledge({ ids: [id], postponed: [id], marks: { eventIds: ['e'], windowMs: 60_000, maxEntries: 10 } }),
    ],
    ['postpone', (owner, id) => owner.postpone(id, 'late')],
    ['deadLetter', (owner, id, dead) => owner.deadLetter(id, dead, ['late', 'yes'])],
    ['release', (owner, id) => owner.release([id])],
  ];

const fencedScenarios: readonly Scenario[] = fencedVerbs.map(([name, verb]) => ({
  name: `own: ${name} fails as fenced, and does nothing, once another handle has taken the lease`,
  async run(stage) {
    const { stream, ids, owner, rival } = await fencedOwner(stage, 2);
    const [id = ''] = ids;
    const dead = stage.stream();
    // there must be something to be claimed
    if (name === 'claim') await rival.takeOver('0-0', 10);
    assert.equal(await stage.failureOf(verb(owner, id, dead)), 'fenced');
    const { entries } = await rival.takeOver('0-0', 10);
    assert.deepEqual(
      entries,
      ids.map((each) => ({ id: each, deliveries: 1, released: false, record: null })),
    );
    assert.deepEqual(await rival.handled(['e'], 60_000), [false]);
    const inspector = (await stage.transport()).inspector();
    assert.equal(await inspector.describe(dead), undefined);
    await inspector.close();
    await stage.fill(stream, 1);
    assert.equal((await rival.read(10, 0)).length, 1, 'nothing was read');
  },
}));

export const owningScenarios: readonly Scenario[] = [
  {
    name: 'own: one handle has the lease, also against another of the same consumer',
    async run(stage) {
      const stream = stage.stream();
      const first = await stage.join(stream, { consumer: 'one' });
      const second = await stage.join(stream, { consumer: 'one', transport: await stage.open() });
      assert.deepEqual([await first.own(longMs), await second.own(longMs)], [true, false]);
      assert.deepEqual([await first.own(longMs), await second.own(longMs)], [true, false]);
    },
  },
  {
    name: 'own: concerns one group of one stream',
    async run(stage) {
      const stream = stage.stream();
      const one = await stage.join(stream, { consumer: 'one' });
      const ofOtherGroup = await stage.join(stream, { consumer: 'two', group: 'others' });
      const ofOtherStream = await stage.join(stage.stream(), { consumer: 'two' });
      const owned = [await one.own(longMs), await ofOtherGroup.own(longMs), await ofOtherStream.own(longMs)];
      assert.deepEqual(owned, [true, true, true]);
    },
  },
  {
    name: 'own: a lease ends by itself, and not while it is renewed',
    async run(stage) {
      const { owner, rival } = await ownerAndRival(stage, 0, leaseMs);
      const startedAt = Date.now();
      while (Date.now() - startedAt < 3 * leaseMs) {
        assert.equal(await owner.own(leaseMs), true);
        assert.equal(await rival.own(leaseMs), false);
      }
      await until('the lease is over', () => rival.own(longMs));
    },
  },
  {
    name: 'own: a lease that is over and that nobody took still lets its owner act, and can be renewed',
    async run(stage) {
      const { ids, owner, rival } = await ownerAndRival(stage, 2, leaseMs);
      await letPass(1.5 * leaseMs);
      const [first = '', second = ''] = ids;
      assert.equal(await owner.postpone(first, 'record'), true);
      assert.equal((await owner.acknowledge({ ids: [second], postponed: [] })).count, 1);
      assert.equal(await owner.own(longMs), true);
      assert.equal(await rival.own(longMs), false);
      assert.equal(await owner.start(first, 2), true);
    },
  },
  ...fencedScenarios,
  {
    name: 'own: a read that waits is given nothing once another handle has taken the lease',
    async run(stage) {
      const { stream, owner, rival } = await ownerAndRival(stage, 0, leaseMs);
      const waiting = later(owner.read(10, 3_000));
      await until('the lease is over', () => rival.own(longMs));
      const [id] = await stage.fill(stream, 1);
      assert.equal(await stage.failureOf(waiting), 'fenced');
      assert.deepEqual(
        (await rival.read(10, 0)).map((entry) => entry.id),
        [id],
      );
    },
  },
  {
    name: 'own: a read under it waits for entries, byte for byte, and can be interrupted',
    async run(stage) {
      const { stream, owner } = await ownerAndRival(stage, 1);
      const bytes = new Uint8Array([0, 255, 128, 10]);
      const waiting = later(owner.read(10, 5_000));
      await letPass(50);
      const [id = ''] = await stage.append(stream, ['bytes', bytes]);
      const [entry] = await waiting;
      assert.deepEqual([entry?.id, entry?.fields?.[0]], [id, 'bytes']);
      assert.deepEqual(Buffer.from(entry?.fields?.[1] as Uint8Array), Buffer.from(bytes));
      assert.deepEqual(await owner.read(10, 50), []);
      const startedAt = Date.now();
      const interrupted = later(owner.read(10, 5_000));
      await until('the read was interrupted', async () => {
        await owner.interruptRead();
        return Promise.race([interrupted.then(() => true), letPass(20).then(() => false)]);
      });
      assert.ok(Date.now() - startedAt < 4_000);
    },
  },
  {
    name: 'own: fails reads as group-lost where there is no group',
    async run(stage) {
      const { owner } = await ownerAndRival(stage, 1);
      await stage.faults.loseEverything();
      assert.equal(await stage.failureOf(owner.read(1, 0)), 'group-lost');
      assert.equal(await stage.failureOf(owner.takeOver('0-0', 1)), 'group-lost');
      assert.equal(await owner.own(longMs), true, 'what was lost was taken by nobody');
    },
  },
  {
    name: 'disown: others can take the lease at once, and what is sent after it fails as fenced',
    async run(stage) {
      const { ids, owner, rival } = await ownerAndRival(stage, 1);
      await owner.disown();
      await owner.disown();
      assert.equal(await stage.failureOf(owner.acknowledge({ ids, postponed: [] })), 'fenced');
      assert.equal(await rival.own(longMs), true);
      assert.equal((await rival.takeOver('0-0', 10)).entries.length, 1);
      await owner.disown();
      assert.equal(await rival.own(longMs), true, 'a late disown takes nothing from anybody');
    },
  },
  {
    name: 'disown: of a lease that another handle has taken takes it from nobody',
    async run(stage) {
      const { stream, owner, rival } = await fencedOwner(stage, 1);
      await owner.disown();
      const third = await stage.join(stream, { consumer: 'third', transport: await stage.open() });
      assert.deepEqual([await third.own(longMs), await rival.own(longMs)], [false, true]);
    },
  },
  {
    name: 'disown: the same handle may become the owner again, and who was the owner between is fenced',
    async run(stage) {
      const { ids, owner, rival } = await ownerAndRival(stage, 1);
      await owner.disown();
      assert.equal(await rival.own(longMs), true);
      await rival.disown();
      assert.equal(await owner.own(longMs), true);
      assert.equal(await stage.failureOf(rival.acknowledge({ ids, postponed: [] })), 'fenced');
      assert.equal((await owner.acknowledge({ ids, postponed: [] })).count, 1);
    },
  },
  {
    name: 'takeOver: takes everything that is pending in id order, whoever owns it and however lately, in pages',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 130);
      const one = await stage.join(stream, { consumer: 'one' });
      const two = await stage.join(stream, { consumer: 'two' });
      await one.read(40, 0);
      await two.read(40, 0);
      await one.read(40, 0);
      await two.postpone(ids[50] ?? '', 'record');
      await two.release([ids[60] ?? '']);
      await one.start(ids[3] ?? '', 4);
      await one.acknowledge({ ids: [ids[7] ?? ''], postponed: [] });
      const heir = await stage.join(stream, { consumer: 'two', transport: await stage.open() });
      assert.equal(await heir.own(longMs), true);
      const first = await heir.takeOver('0-0', 100);
      const second = await heir.takeOver(first.entries.at(-1)?.id ?? '', 100);
      assert.deepEqual([first.entries.length, second.entries.length], [100, 19]);
      const entries = [...first.entries, ...second.entries];
      assert.deepEqual(
        entries.map(({ id }) => id),
        ids.slice(0, 120).filter((id) => id !== ids[7]),
      );
      const told = new Map(entries.map((entry) => [entry.id, entry]));
      assert.equal(told.get(ids[50] ?? '')?.record, 'record');
      assert.equal(told.get(ids[60] ?? '')?.released, true);
      assert.equal(told.get(ids[3] ?? '')?.deliveries, 4);
      assert.equal(entries.filter(({ released }) => released).length, 1);
      assert.equal((await heir.owned('0-0', 200)).length, 119);
      assert.equal((await heir.owned('0-0', 1))[0]?.deliveries, 1, 'delivery counts are as they were');
    },
  },
  {
    name: 'takeOver: tells of entries that were deleted, and gives them up',
    async run(stage) {
      const { stream, ids, owner } = await ownerAndRival(stage, 4);
      await stage.trim(stream, { minId: ids[2] ?? '' });
      const { entries, vanished } = await owner.takeOver('0-0', 10);
      assert.deepEqual([entries.map(({ id }) => id), [...vanished].sort()], [ids.slice(2), ids.slice(0, 2)]);
      assert.deepEqual((await owner.takeOver('0-0', 10)).vanished, []);
    },
  },
  {
    name: 'takeOver: fails as fenced without a lease, and changes nothing',
    async run(stage) {
      const { ids, subscription, stream } = await stage.own(1);
      const other = await stage.join(stream, { consumer: 'other' });
      assert.equal(await stage.failureOf(other.takeOver('0-0', 10)), 'fenced');
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'takeOver: a read that was sent before and not answered is not executed after it',
    async run(stage) {
      const { stream, owner } = await ownerAndRival(stage, 1);
      await stage.faults.freeze();
      let isThawed = false;
      try {
        const lost = later(owner.read(10, 0));
        assert.equal(await stage.failureOf(lost, 20_000), 'unknown');
      } finally {
        await stage.faults.thaw();
        isThawed = true;
      }
      assert.ok(isThawed);
      await stage.persist(() => owner.takeOver('0-0', 10));
      const ids = await stage.fill(stream, 3);
      const seen = (await stage.persist(() => owner.read(10, 0))).map(({ id }) => id);
      assert.deepEqual(seen, ids);
    },
  },
];
