import assert from 'node:assert/strict';
import type { Subscription } from '@events/core';
import { letPass } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const hourMs = 3_600_000;

export const holdingScenarios: readonly Scenario[] = [
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
      await stage.takeReleased(other, [taken]);
      await subscription.acknowledge({ ids: [done], postponed: [] });
      assert.deepEqual([...(await subscription.keepAlive([...ids, '1-1']))].sort(), kept);
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ id }) => id),
        [taken],
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
      await stage.takeReleased(owner, ids);
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
