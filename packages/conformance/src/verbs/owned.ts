import assert from 'node:assert/strict';
import { until } from '../patience.js';
import type { Scenario } from '../scenario.js';

export const ownedScenarios: readonly Scenario[] = [
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
      await stage.trim(stream, { maxLength: 1 });
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
];
