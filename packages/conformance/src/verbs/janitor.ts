import assert from 'node:assert/strict';
import type { Janitor, TrimOrder } from '@events/core';
import { until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const longMs = 3_600_000;
const shortMs = 40;
const everything: TrimOrder = { bound: { maxLength: 0 }, limit: null, isExact: true, keepUnread: null };
const whatIsRead: TrimOrder = { ...everything, keepUnread: { released: [], silentMs: longMs } };

async function janitorOf(stage: Stage): Promise<Janitor> {
  const janitor = (await stage.open()).janitor();
  stage.atEnd(() => janitor.close());
  return janitor;
}

export const janitorScenarios: readonly Scenario[] = [
  {
    name: 'takeTurn: one of many has the turn, keeps it by renewing it, and gives it back',
    async run(stage) {
      const stream = stage.stream();
      const janitors = await Promise.all([1, 2, 3, 4, 5].map(() => janitorOf(stage)));
      const taken = await Promise.all(janitors.map((janitor) => janitor.takeTurn(stream, 'trim', longMs)));
      assert.equal(taken.filter(Boolean).length, 1);
      const holder = janitors[taken.indexOf(true)] as Janitor;
      const other = janitors[taken.indexOf(false)] as Janitor;
      assert.equal(await holder.takeTurn(stream, 'trim', longMs), true);
      assert.equal(await other.takeTurn(stream, 'groups', longMs), true, 'another task has a turn of its own');
      await other.endTurn(stream, 'trim');
      assert.equal(await other.takeTurn(stream, 'trim', longMs), false, 'only who has a turn can end it');
      await holder.endTurn(stream, 'trim');
      assert.equal(await other.takeTurn(stream, 'trim', longMs), true);
    },
  },
  {
    name: 'takeTurn: a turn ends with its time, and with its handle',
    async run(stage) {
      const stream = stage.stream();
      const [one, two, three] = [await janitorOf(stage), await janitorOf(stage), await janitorOf(stage)];
      assert.equal(await one.takeTurn(stream, 'trim', shortMs), true);
      await until('the turn is over', () => two.takeTurn(stream, 'trim', longMs));
      await two.close();
      assert.equal(await three.takeTurn(stream, 'trim', longMs), true);
    },
  },
  {
    name: 'survey: tells what each group still needs',
    async run(stage) {
      const stream = stage.stream();
      const janitor = await janitorOf(stage);
      assert.equal(await janitor.survey(stream), undefined);
      const ids = await stage.fill(stream, 5);
      const behind = await stage.join(stream, { group: 'behind', consumer: 'b' });
      const pending = await stage.join(stream, { group: 'pending', consumer: 'p' });
      await behind.register(longMs);
      await behind.read(2, 0);
      await behind.acknowledge({ ids: ids.slice(0, 2), postponed: [] });
      await pending.read(4, 0);
      await pending.acknowledge({ ids: ids.slice(0, 1), postponed: [] });
      const state = await janitor.survey(stream);
      assert.ok(state !== undefined);
      assert.deepEqual([state.stream, state.length, state.firstEntryId], [stream, 5, ids[0]]);
      assert.equal(state.lastGeneratedId, ids[4]);
      assert.ok(state.bytes === null || state.bytes > 0);
      assert.ok(Math.abs(state.nowMs - Date.now()) < 60_000, 'the time is now');
      const groups = new Map(state.groups.map((group) => [group.name, group]));
      assert.deepEqual(
        [...groups].map(([name, group]) => [name, group.pending, group.lowestPendingId, group.lastDeliveredId]).sort(),
        [
          ['behind', 0, null, ids[1]],
          ['pending', 3, ids[1], ids[3]],
        ],
      );
      assert.equal(groups.get('pending')?.floor, ids[1]);
      const [milliseconds, sequence] = (ids[1] ?? '').split('-');
      assert.equal(groups.get('behind')?.floor, `${milliseconds}-${Number(sequence) + 1}`);
      const [consumer] = groups.get('behind')?.consumers ?? [];
      assert.deepEqual([consumer?.name, consumer?.pending], ['b', 0]);
      for (const { silentMs } of state.groups) assert.ok(silentMs >= 0 && silentMs < 60_000);
    },
  },
  {
    name: 'survey: silence grows until a consumer gives a sign of life',
    async run(stage) {
      const stream = stage.stream();
      const janitor = await janitorOf(stage);
      const subscription = await stage.join(stream);
      await subscription.register(longMs);
      const silence = async () => (await janitor.survey(stream))?.groups[0]?.silentMs ?? 0;
      await until('the group has been silent', async () => (await silence()) > 200);
      await subscription.register(longMs);
      assert.ok((await silence()) < 200);
      await until('it has been silent again', async () => (await silence()) > 200);
      await subscription.own(longMs);
      assert.ok((await silence()) < 200);
    },
  },
  {
    name: 'janitor.trim: removes what is beyond either bound, and no more than the limit',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 20);
      const janitor = await janitorOf(stage);
      const trim = (order: Partial<TrimOrder>) => janitor.trim(stream, { ...everything, ...order });
      assert.deepEqual(await trim({ bound: { maxLength: 18, minId: ids[1] ?? '' } }), {
        removed: 2,
        length: 18,
        firstEntryId: ids[2],
        groups: 0,
        lost: [],
      });
      assert.equal((await trim({ bound: { maxLength: 18, minId: ids[4] ?? '' } })).removed, 2);
      assert.equal((await trim({ bound: { maxLength: 0 }, limit: 3 })).firstEntryId, ids[7]);
      assert.equal((await trim({ bound: {} })).removed, 0);
      assert.deepEqual(await trim({}), { removed: 13, length: 0, firstEntryId: null, groups: 0, lost: [] });
      assert.deepEqual(await trim({}), { removed: 0, length: 0, firstEntryId: null, groups: 0, lost: [] });
    },
  },
  {
    name: 'janitor.trim: whole nodes only never removes more than is beyond the bound',
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 1_000);
      const janitor = await janitorOf(stage);
      const { removed, length } = await janitor.trim(stream, {
        ...everything,
        bound: { maxLength: 250 },
        limit: 1_000,
        isExact: false,
      });
      assert.ok(removed > 500 && removed <= 750, `${removed} of 750`);
      assert.equal(length, 1_000 - removed);
    },
  },
  {
    name: 'janitor.trim: keeps what any group has not been given, or has pending',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 10);
      const janitor = await janitorOf(stage);
      const slow = await stage.join(stream, { group: 'slow' });
      const quick = await stage.join(stream, { group: 'quick' });
      assert.equal((await janitor.trim(stream, whatIsRead)).removed, 0);
      await quick.read(10, 0);
      await quick.acknowledge({ ids, postponed: [] });
      await slow.read(6, 0);
      assert.equal((await janitor.trim(stream, whatIsRead)).removed, 0, 'all are pending or unread');
      await slow.acknowledge({ ids: [...ids.slice(0, 2), ...ids.slice(3, 6)], postponed: [] });
      assert.deepEqual(await janitor.trim(stream, whatIsRead), {
        removed: 2,
        length: 8,
        firstEntryId: ids[2],
        groups: 2,
        lost: [],
      });
      await slow.acknowledge({ ids: ids.slice(2, 3), postponed: [] });
      assert.equal((await janitor.trim(stream, whatIsRead)).firstEntryId, ids[6]);
      assert.equal((await slow.read(10, 0)).length, 4, 'what is unread is still given');
    },
  },
  {
    name: 'janitor.trim: nothing is kept for a released group, until it shows life',
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 4);
      const janitor = await janitorOf(stage);
      const subscription = await stage.join(stream, { group: 'left' });
      await subscription.register(longMs);
      const order = (silentMs: number) => ({ ...everything, limit: 1, keepUnread: { released: ['left'], silentMs } });
      assert.equal((await janitor.trim(stream, order(longMs))).removed, 0, 'it has not been silent for so long');
      await until('it has been silent', async () => (await janitor.trim(stream, order(shortMs))).removed === 1);
      await subscription.register(longMs);
      assert.equal((await janitor.trim(stream, order(longMs))).removed, 0);
      const others = { released: ['other'], silentMs: 0 };
      assert.equal((await janitor.trim(stream, { ...everything, keepUnread: others })).removed, 0);
    },
  },
  {
    name: 'janitor.trim: counts exactly what each group loses',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 12);
      const janitor = await janitorOf(stage);
      const done = await stage.join(stream, { group: 'done' });
      await done.read(12, 0);
      await done.acknowledge({ ids, postponed: [] });
      const some = await stage.join(stream, { group: 'some' });
      await some.read(5, 0);
      await some.acknowledge({ ids: ids.slice(1, 3), postponed: [] });
      await stage.join(stream, { group: 'none' });
      const { removed, lost } = await janitor.trim(stream, { ...everything, bound: { maxLength: 4 } });
      assert.equal(removed, 8);
      assert.deepEqual(
        [...lost].sort((a, b) => (a.group < b.group ? -1 : 1)),
        [
          { group: 'none', unread: 8, pending: 0 },
          { group: 'some', unread: 3, pending: 3 },
        ],
      );
    },
  },
  {
    name: 'removeGroup: spares a group that lives, has something pending, or has not been given everything',
    async run(stage) {
      const stream = stage.stream();
      const janitor = await janitorOf(stage);
      assert.equal(await janitor.removeGroup(stream, 'group', 0), 'missing');
      const ids = await stage.fill(stream, 2);
      const subscription = await stage.join(stream);
      await subscription.register(longMs);
      assert.equal(await janitor.removeGroup(stream, 'other', 0), 'missing');
      assert.equal(await janitor.removeGroup(stream, 'group', longMs), 'alive');
      const isRefused = async () => (await janitor.removeGroup(stream, 'group', shortMs)) === 'in-use';
      await until('it is silent, and unread', isRefused);
      await subscription.read(2, 0);
      assert.equal(await janitor.removeGroup(stream, 'group', shortMs), 'in-use', 'two are pending');
      await subscription.acknowledge({ ids, postponed: [] });
      assert.equal(await janitor.removeGroup(stream, 'group', shortMs), 'removed');
      assert.equal(await janitor.removeGroup(stream, 'group', shortMs), 'missing');
      assert.equal(await stage.failureOf(subscription.read(1, 0)), 'group-lost');
      assert.equal(await subscription.ensureGroup('latest'), true);
    },
  },
  {
    name: 'removeGroup: of many at once, one removes it',
    async run(stage) {
      const stream = stage.stream();
      await stage.join(stream);
      const janitors = await Promise.all([1, 2, 3, 4, 5].map(() => janitorOf(stage)));
      await (janitors[0] as Janitor).survey(stream);
      const told: string[] = [];
      await until('it is removed', async () => {
        told.push(...(await Promise.all(janitors.map((janitor) => janitor.removeGroup(stream, 'group', shortMs)))));
        return told.includes('removed');
      });
      assert.equal(told.filter((each) => each === 'removed').length, 1);
    },
  },
  {
    name: 'removeConsumer: spares a consumer that lives or owns something',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const janitor = await janitorOf(stage);
      await subscription.register(longMs);
      assert.equal(await janitor.removeConsumer(stream, 'group', 'consumer', longMs), 'alive');
      const remove = () => janitor.removeConsumer(stream, 'group', 'consumer', shortMs);
      await until('it is silent, and owns something', async () => (await remove()) === 'in-use');
      assert.equal((await subscription.owned('0-0', 10)).length, 1);
      await subscription.acknowledge({ ids, postponed: [] });
      assert.equal(await remove(), 'removed');
      assert.equal(await remove(), 'missing');
      assert.equal((await stage.describe(stream)).groups[0]?.consumers, 0);
    },
  },
  {
    name: 'ensureGroup: of twenty starters, one creates the group',
    async run(stage) {
      const stream = stage.stream();
      const starters = await Promise.all(
        Array.from({ length: 20 }, (_, index) => stage.subscription(stream, { consumer: `consumer-${index}` })),
      );
      const created = await Promise.all(starters.map((starter) => starter.ensureGroup('beginning')));
      assert.equal(created.filter(Boolean).length, 1);
      assert.deepEqual(await Promise.all(starters.map((starter) => starter.register(longMs))), Array(20).fill(true));
    },
  },
  {
    name: 'seal: the first prefix is recorded, others are added and taken away by those who say so',
    async run(stage) {
      const janitor = await janitorOf(stage);
      const before = await janitor.changeSeal([], []);
      await janitor.changeSeal([], before);
      try {
        assert.deepEqual(await janitor.seal('prod'), ['prod']);
        assert.deepEqual(await janitor.seal('test'), ['prod']);
        assert.deepEqual(await janitor.changeSeal(['test', 'demo'], []), ['demo', 'prod', 'test']);
        assert.deepEqual(await janitor.changeSeal([], ['prod', 'test']), ['demo']);
        assert.deepEqual(await janitor.seal('prod'), ['demo']);
      } finally {
        await janitor.changeSeal(before, ['prod', 'test', 'demo']);
      }
    },
  },
  {
    name: 'progress: tells what is pending and unread, and what went before it was given',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(3);
      const rest = await stage.fill(stream, 4);
      const before = await subscription.progress();
      assert.deepEqual(
        [before.pending, before.consumers, before.oldestPendingId, before.oldestUnreadId, before.lastDeliveredId],
        [3, 1, ids[0], rest[0], ids[2]],
      );
      assert.equal(before.missed, 0);
      assert.ok(Math.abs(before.nowMs - Date.now()) < 60_000, 'the time is now');
      await subscription.acknowledge({ ids, postponed: [] });
      await stage.trim(stream, { maxLength: 1 });
      const after = await subscription.progress();
      assert.deepEqual([after.pending, after.oldestPendingId, after.oldestUnreadId], [0, null, rest[3]]);
      assert.ok(after.missed === 3 || after.missed === null, `${after.missed} of 3 were missed`);
      await subscription.read(1, 0);
      assert.equal((await subscription.progress()).oldestUnreadId, null);
      const nowhere = await stage.subscription(stage.stream());
      assert.equal(await stage.failureOf(nowhere.progress()), 'group-lost');
    },
  },
  {
    name: 'inspector: finds keys, counts entries, and lists consumers and what they own',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(5);
      const inspector = (await stage.transport()).inspector();
      const streams = new Set<string>();
      for await (const page of inspector.keys(stream)) {
        for (const { key, isStream } of page) if (isStream) streams.add(key);
      }
      assert.ok(streams.has(stream));
      for await (const page of inspector.keys(`${stream}-another`)) assert.deepEqual(page, []);
      const [bytes, none] = await inspector.memory([stream, `${stream}-another`]);
      assert.ok(bytes === null || (bytes ?? 0) > 0);
      assert.equal(none, null);
      assert.deepEqual(
        [
          await inspector.count(stream, '-', '+'),
          await inspector.count(stream, ids[1] ?? '', ids[3] ?? ''),
          await inspector.count(stage.stream(), '-', '+'),
        ],
        [5, 3, 0],
      );
      const other = await stage.join(stream, { consumer: 'other' });
      await other.register(longMs);
      const page = await inspector.pending(stream, 'group', ids[0] ?? '', 2, undefined);
      assert.deepEqual(
        page.map(({ id, consumer, deliveries }) => [id, consumer, deliveries]),
        ids.slice(1, 3).map((id) => [id, 'consumer', 1]),
      );
      for (const { idleMs } of page) assert.ok(idleMs >= 0 && idleMs < 60_000);
      assert.deepEqual(await inspector.pending(stream, 'group', '0-0', 10, 'other'), []);
      assert.equal((await inspector.pending(stream, 'group', '0-0', 10, 'consumer')).length, 5);
      const consumers = await inspector.consumers(stream, 'group');
      assert.deepEqual(consumers.map(({ name, pending }) => [name, pending]).sort(), [
        ['consumer', 5],
        ['other', 0],
      ]);
      assert.equal(await stage.failureOf(inspector.consumers(stream, 'no-group')), 'group-lost');
      assert.equal(await stage.failureOf(inspector.pending(stream, 'no-group', '0-0', 1, undefined)), 'group-lost');
      await subscription.acknowledge({ ids, postponed: [] });
    },
  },
];
