import assert from 'node:assert/strict';
import type { Subscription } from '@events/core';
import { letPass, until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const hourMs = 3_600_000;

export const ownershipScenarios: readonly Scenario[] = [
  {
    name: 'owned: resolves with the entries that this consumer owns, in id order',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 6);
      const one = await stage.join(stream, { consumer: 'one' });
      const two = await stage.join(stream, { consumer: 'two' });
      for (const member of [one, two, one, two]) await member.read(1, 0);
      await until('two entries changed hands', async () => (await two.claim(0, 2)).entries.length > 0);
      const rest = await one.read(10, 0);
      const [ofOne, ofTwo] = [await one.owned('0-0', 10), await two.owned('0-0', 10)];
      assert.deepEqual(
        ofTwo.map(({ id }) => id),
        ids.slice(0, 4).filter((id) => !ofOne.some((entry) => entry.id === id)),
      );
      assert.deepEqual(
        ofOne.slice(-2).map(({ id }) => id),
        rest.map(({ id }) => id),
      );
      assert.equal(ofOne.length + ofTwo.length, 6);
    },
  },
  {
    name: 'owned: begins after the id given, which need not be owned, and takes no more than count',
    async run(stage) {
      const { ids, subscription } = await stage.own(5);
      const pages = [
        await subscription.owned('0-0', 2),
        await subscription.owned(ids[1] ?? '', 2),
        await subscription.owned(ids[3] ?? '', 2),
      ];
      assert.deepEqual(
        pages.map((page) => page.map(({ id }) => id)),
        [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)],
      );
      await subscription.acknowledge({ ids: [ids[2] ?? ''], postponed: [] });
      assert.deepEqual(
        (await subscription.owned(ids[2] ?? '', 1)).map(({ id }) => id),
        ids.slice(3, 4),
      );
      assert.deepEqual(await subscription.owned(ids[4] ?? '', 10), []);
    },
  },
  {
    name: 'owned: asking changes neither delivery counts nor idle times',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const other = await stage.join(stream, { consumer: 'other' });
      const startedAt = Date.now();
      while (Date.now() - startedAt < 200) {
        const owned = await subscription.owned('0-0', 10);
        assert.deepEqual(owned, [{ id: ids[0], deliveries: 1, released: false, record: null }]);
      }
      assert.equal((await other.claim(150, 10)).entries.length, 1);
    },
  },
  {
    name: 'owned: knows a consumer of that name that was there before',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      await subscription.close();
      const successor = await stage.join(stream, { transport: await stage.open() });
      assert.deepEqual(
        (await successor.owned('0-0', 10)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'owned: fails as group-lost where there is no group',
    async run(stage) {
      assert.equal(await stage.failureOf((await stage.subscription(stage.stream())).owned('0-0', 10)), 'group-lost');
    },
  },
  {
    name: 'fetch: resolves with the entries of these ids, in this order, whoever owns them',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(3);
      const [unread = ''] = await stage.fill(stream, 1);
      const stranger = await stage.join(stream, { consumer: 'stranger' });
      const wanted = [ids[2] ?? '', unread, ids[0] ?? ''];
      for (const member of [subscription, stranger]) {
        const entries = await member.fetch(wanted);
        assert.deepEqual(entries, [
          { id: wanted[0], fields: ['number', '2'] },
          { id: wanted[1], fields: ['number', '0'] },
          { id: wanted[2], fields: ['number', '0'] },
        ]);
      }
    },
  },
  {
    name: 'fetch: gives null for the fields of what no longer exists',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(3);
      await (await stage.transport()).inspector().trim(stream, { maxLength: 1 });
      const entries = await subscription.fetch([...ids, '1-1']);
      assert.deepEqual(
        entries.map(({ id }) => id),
        [...ids, '1-1'],
      );
      assert.deepEqual(
        entries.map(({ fields }) => fields === null),
        [true, true, false, true],
      );
    },
  },
  {
    name: 'start: sets the delivery count of an owned entry',
    async run(stage) {
      const { ids, subscription } = await stage.own(2);
      assert.equal(await subscription.start(ids[0] ?? '', 3), true);
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ deliveries }) => deliveries),
        [3, 1],
      );
      assert.equal(await subscription.start(ids[0] ?? '', 4), true);
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ deliveries }) => deliveries),
        [4, 1],
      );
    },
  },
  {
    name: 'start: keeps the retry record',
    async run(stage) {
      const { ids, subscription } = await stage.own(1);
      await subscription.postpone(ids[0] ?? '', 'record');
      await subscription.start(ids[0] ?? '', 2);
      assert.deepEqual(await subscription.owned('0-0', 10), [
        { id: ids[0], deliveries: 2, released: false, record: 'record' },
      ]);
    },
  },
  {
    name: 'keepAlive: begins the idle time of owned entries anew, so that nobody claims them',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      const other = await stage.join(stream, { consumer: 'other' });
      await letPass(330);
      assert.deepEqual(await subscription.keepAlive(ids.slice(0, 1)), ids.slice(0, 1));
      const claimed: string[] = [];
      for (let call = 0; call < 3; call += 1) claimed.push(...(await other.claim(300, 10)).entries.map(({ id }) => id));
      assert.deepEqual(claimed, ids.slice(1));
    },
  },
  {
    name: 'keepAlive: raises no delivery count',
    async run(stage) {
      const { ids, subscription } = await stage.own(1);
      for (let call = 0; call < 3; call += 1) await subscription.keepAlive(ids);
      assert.equal((await subscription.owned('0-0', 10))[0]?.deliveries, 1);
    },
  },
  {
    name: 'keepAlive: resolves with the ids still owned, and takes nothing back',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(5);
      const [taken = '', done = '', ...kept] = ids;
      const other = await stage.join(stream, { consumer: 'other' });
      await subscription.release([taken]);
      await claimFrom(other, [taken]);
      await subscription.acknowledge({ ids: [done], postponed: [] });
      assert.deepEqual([...(await subscription.keepAlive([...ids, '1-1']))].sort(), kept);
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ id }) => id),
        [taken],
      );
    },
  },
  {
    name: 'release: the next claim of another consumer takes the entries, however short they were idle',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(3);
      const other = await stage.join(stream, { consumer: 'other', transport: await stage.open() });
      assert.equal(await subscription.release(ids.slice(0, 2)), 2);
      const released = ids.slice(0, 2).map((id) => ({ id, deliveries: 1, released: true, record: null }));
      assert.deepEqual((await other.claim(hourMs, 10)).entries, released);
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ id }) => id),
        ids.slice(2),
      );
    },
  },
  {
    name: "release: the consumer's own next claim takes them as well",
    async run(stage) {
      const { ids, subscription } = await stage.own(2);
      await subscription.release(ids.slice(0, 1));
      assert.deepEqual(
        (await subscription.claim(hourMs, 10)).entries.map(({ id }) => id),
        ids.slice(0, 1),
      );
      assert.deepEqual((await subscription.claim(hourMs, 10)).entries, [], 'claimed, it is handed back no more');
    },
  },
  {
    name: 'release: tells a successor of that name that the entry was handed back',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      await subscription.release(ids.slice(1));
      await subscription.close();
      const successor = await stage.join(stream);
      assert.deepEqual(
        (await successor.owned('0-0', 10)).map(({ released }) => released),
        [false, true],
      );
    },
  },
  {
    name: 'release: keeps delivery counts and retry records',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const other = await stage.join(stream, { consumer: 'other' });
      await subscription.start(ids[0] ?? '', 3);
      await subscription.postpone(ids[0] ?? '', 'record');
      await subscription.release(ids);
      assert.deepEqual((await other.claim(hourMs, 10)).entries, [
        { id: ids[0], deliveries: 3, released: true, record: 'record' },
      ]);
    },
  },
  {
    name: 'release: what was claimed since is abandoned, and no longer handed back, when it is left alone',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const other = await stage.join(stream, { consumer: 'other' });
      await subscription.release(ids);
      await claimFrom(other, ids);
      assert.deepEqual((await subscription.claim(hourMs, 10)).entries, []);
      await letPass(30);
      assert.deepEqual(
        (await subscription.claim(20, 10)).entries.map(({ released }) => released),
        [false],
      );
    },
  },
  {
    name: 'postpone: stores the retry record of an owned entry, the latest one',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      const record = JSON.stringify({ attempt: 1, error: 'a "quoted"\r\nerror 😀' });
      assert.equal(await subscription.postpone(ids[0] ?? '', 'an earlier one'), true);
      assert.equal(await subscription.postpone(ids[0] ?? '', record), true);
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map((entry) => entry.record),
        [record, null],
      );
      await subscription.release(ids);
      const other = await stage.join(stream, { consumer: 'other' });
      assert.deepEqual(
        (await other.claim(hourMs, 10)).entries.map((entry) => entry.record),
        [record, null],
      );
    },
  },
  {
    name: 'postpone: begins the idle time anew',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const other = await stage.join(stream, { consumer: 'other' });
      await letPass(330);
      await subscription.postpone(ids[0] ?? '', 'record');
      assert.deepEqual((await other.claim(300, 10)).entries, []);
    },
  },
  {
    name: 'postpone: keeps the records of groups and streams apart',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const other = await stage.join(stream, { group: 'other' });
      await other.read(1, 0);
      await subscription.postpone(ids[0] ?? '', 'record');
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ record }) => record),
        [null],
      );
    },
  },
  {
    name: 'fence: start, keepAlive, postpone, deadLetter and release act only for the owner, and say so',
    async run(stage) {
      const { stream, ids, subscription: former } = await stage.own(1);
      const [id = ''] = ids;
      const owner = await stage.join(stream, { consumer: 'owner', transport: await stage.open() });
      await former.release(ids);
      await claimFrom(owner, ids);
      await actInVain(stage, former, stream, id);
      assert.deepEqual(await owner.owned('0-0', 10), [{ id, deliveries: 1, released: false, record: null }]);
      assert.deepEqual((await former.claim(hourMs, 10)).entries, []);
    },
  },
  {
    name: 'fence: the same for what is not pending',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const [unread = ''] = await stage.fill(stream, 1);
      await subscription.acknowledge({ ids, postponed: [] });
      for (const id of [ids[0] ?? '', unread, '1-1']) await actInVain(stage, subscription, stream, id);
      assert.equal((await stage.describe(stream)).groups[0]?.pending, 0);
      assert.deepEqual(
        (await subscription.read(10, 0)).map((entry) => entry.id),
        [unread],
      );
      assert.deepEqual(await subscription.owned('0-0', 10), [
        { id: unread, deliveries: 1, released: false, record: null },
      ]);
    },
  },
];

async function claimFrom(subscription: Subscription, ids: readonly string[]): Promise<void> {
  const claimed = new Set<string>();
  await until('the released entries are claimed', async () => {
    for (const { id } of (await subscription.claim(hourMs, 10)).entries) claimed.add(id);
    return ids.every((id) => claimed.has(id));
  });
}

async function actInVain(stage: Stage, subscription: Subscription, stream: string, id: string): Promise<void> {
  assert.equal(await subscription.start(id, 9), false, 'start');
  assert.deepEqual(await subscription.keepAlive([id]), [], 'keepAlive');
  assert.equal(await subscription.postpone(id, 'in vain'), false, 'postpone');
  assert.equal(
    await subscription.deadLetter(id, `${stream}:rejected`, ['reason', 'in vain']),
    'not-owned',
    'deadLetter',
  );
  assert.equal(await subscription.release([id]), 0, 'release');
  assert.equal(
    await (await stage.transport()).inspector().describe(`${stream}:rejected`),
    undefined,
    'nothing is stored',
  );
}
