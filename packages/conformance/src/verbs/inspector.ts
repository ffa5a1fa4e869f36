import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.js';

export const inspectorScenarios: readonly Scenario[] = [
  {
    name: 'describe: of a stream that does not exist is undefined',
    async run(stage) {
      assert.equal(await (await stage.transport()).inspector().describe(stage.stream()), undefined);
    },
  },
  {
    name: 'describe: tells length, first id and last generated id',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 3);
      assert.deepEqual(await stage.describe(stream), {
        length: 3,
        firstEntryId: ids[0],
        lastGeneratedId: ids[2],
        removed: 0,
        groups: [],
      });
    },
  },
  {
    name: 'describe: knows the last generated id when that entry is gone',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 2);
      await stage.trim(stream, { maxLength: 0 });
      assert.deepEqual(await stage.describe(stream), {
        length: 0,
        firstEntryId: null,
        lastGeneratedId: ids[1],
        removed: 2,
        groups: [],
      });
    },
  },
  {
    name: 'describe: of a stream that never had an entry gives 0-0 as its last id',
    async run(stage) {
      const stream = stage.stream();
      await stage.join(stream);
      const { length, firstEntryId, lastGeneratedId } = await stage.describe(stream);
      assert.deepEqual([length, firstEntryId, lastGeneratedId], [0, null, '0-0']);
    },
  },
  {
    name: 'describe: tells consumers, pending entries, position and lag of each group',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 4);
      const one = await stage.join(stream, { group: 'busy', consumer: 'one' });
      const two = await stage.join(stream, { group: 'busy', consumer: 'two' });
      await stage.join(stream, { group: 'idle' });
      await one.register(10_000);
      await two.register(10_000);
      await one.read(2, 0);
      await two.read(1, 0);
      await one.acknowledge({ ids: ids.slice(0, 1), postponed: [] });
      const groups = [...(await stage.describe(stream)).groups].sort((left, right) =>
        left.name < right.name ? -1 : 1,
      );
      assert.deepEqual(groups, [
        { name: 'busy', consumers: 2, pending: 2, lastDeliveredId: ids[2], lag: 1 },
        { name: 'idle', consumers: 0, pending: 0, lastDeliveredId: '0-0', lag: 4 },
      ]);
    },
  },
  {
    name: 'describe: lag counts what a group has not been given',
    async run(stage) {
      const stream = stage.stream();
      const early = await stage.join(stream, { group: 'group' });
      const lag = async () => (await stage.describe(stream)).groups.map((group) => group.lag);
      assert.deepEqual(await lag(), [0]);
      await stage.fill(stream, 5);
      assert.deepEqual(await lag(), [5]);
      await early.read(2, 0);
      assert.deepEqual(await lag(), [3]);
      await early.read(10, 0);
      assert.deepEqual(await lag(), [0]);
      await stage.fill(stream, 1);
      assert.deepEqual(await lag(), [1]);
    },
  },
  {
    name: "describe: lag of a group that began with 'latest' counts from there",
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 3);
      const subscription = await stage.join(stream, { from: 'latest' });
      assert.equal((await stage.describe(stream)).groups[0]?.lag, 0);
      await stage.fill(stream, 2);
      await subscription.read(10, 0);
      assert.equal((await stage.describe(stream)).groups[0]?.lag, 0);
    },
  },
  {
    name: 'describe: lag is null where the server cannot know it, and never less than what is left',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 10);
      const middle = await stage.join(stream, { group: 'begun in the middle', from: { entryId: ids[4] ?? '' } });
      const trimmed = await stage.join(stream, { group: 'trimmed while unread' });
      await trimmed.read(1, 0);
      const lags = async () => (await stage.describe(stream)).groups.map(({ name, lag }) => [name, lag] as const);
      const atLeast = (left: number) => async () => {
        for (const [name, lag] of await lags())
          assert.ok(lag === null || lag >= left, `${name}: ${lag} instead of ${left}`);
      };
      await atLeast(5)();
      await stage.trim(stream, { maxLength: 3 });
      await atLeast(3)();
      for (const subscription of [middle, trimmed]) await subscription.read(1, 0);
      await atLeast(2)();
    },
  },
  {
    name: 'range: resolves with the entries from one id to another, both included, oldest first',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 5);
      const inspector = (await stage.transport()).inspector();
      const numbers = async (from: string, to: string, count: number) =>
        (await inspector.range(stream, from, to, count)).map(({ fields }) => fields?.[1]);
      assert.deepEqual(await numbers('-', '+', 10), ['0', '1', '2', '3', '4']);
      assert.deepEqual(await numbers(ids[1] ?? '', ids[3] ?? '', 10), ['1', '2', '3']);
      assert.deepEqual(await numbers(ids[2] ?? '', ids[2] ?? '', 10), ['2']);
      assert.deepEqual(await numbers(ids[3] ?? '', ids[1] ?? '', 10), []);
      assert.deepEqual(await numbers('-', '+', 2), ['0', '1']);
      assert.deepEqual(await numbers('0-0', '18446744073709551615-18446744073709551615', 10), [
        '0',
        '1',
        '2',
        '3',
        '4',
      ]);
    },
  },
  {
    name: 'range: of a stream that does not exist is empty',
    async run(stage) {
      assert.deepEqual(await (await stage.transport()).inspector().range(stage.stream(), '-', '+', 10), []);
    },
  },
  {
    name: 'range: an id that is none is invalid',
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 1);
      const inspector = (await stage.transport()).inspector();
      assert.equal(await stage.failureOf(inspector.range(stream, 'nonsense', '+', 10)), 'invalid');
    },
  },
  {
    name: 'inspector.fetch: resolves with the entries of these ids, in this order, as they were stored',
    async run(stage) {
      const stream = stage.stream();
      const bytes = Uint8Array.of(0xff, 0);
      const ids = await stage.append(stream, ['a', '1', 'a', '2'], ['bytes', bytes], ['__proto__', '']);
      const [first = '', second = '', third = ''] = ids;
      const entries = await (await stage.transport()).inspector().fetch(stream, [third, first, second, first]);
      assert.deepEqual(
        entries.map(({ id, fields }) => [id, fields?.map((value) => (typeof value === 'string' ? value : [...value]))]),
        [
          [third, ['__proto__', '']],
          [first, ['a', '1', 'a', '2']],
          [second, ['bytes', [0xff, 0]]],
          [first, ['a', '1', 'a', '2']],
        ],
      );
    },
  },
  {
    name: 'inspector.fetch: gives null for the fields of what does not exist',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 3);
      const inspector = (await stage.transport()).inspector();
      await stage.trim(stream, { maxLength: 1 });
      const wanted = ['1-1', ...ids, '18446744073709551615-1'];
      const entries = await inspector.fetch(stream, wanted);
      assert.deepEqual(
        entries.map(({ id }) => id),
        wanted,
      );
      assert.deepEqual(
        entries.map(({ fields }) => fields === null),
        [true, true, true, false, true],
      );
      const missing = stage.stream();
      assert.deepEqual(await inspector.fetch(missing, ['1-1']), [{ id: '1-1', fields: null }]);
      assert.equal(await inspector.describe(missing), undefined);
    },
  },
  {
    name: 'inspector.fetch: of no ids or of a thousand, and an id that is none is invalid',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 1_000);
      const inspector = (await stage.transport()).inspector();
      assert.deepEqual(await inspector.fetch(stream, []), []);
      const entries = await inspector.fetch(stream, ids);
      assert.deepEqual(
        entries.map(({ id, fields }) => [id, fields?.[1]]),
        ids.map((id, index) => [id, `${index}`]),
      );
      assert.equal(await stage.failureOf(inspector.fetch(stream, ['nonsense'])), 'invalid');
    },
  },
  {
    name: 'trim: keeps exactly the newest maxLength entries, and tells how many went',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 300);
      const inspector = (await stage.transport()).inspector();
      assert.equal(await stage.trim(stream, { maxLength: 300 }), 0);
      assert.equal(await stage.trim(stream, { maxLength: 7 }), 293);
      assert.deepEqual(
        (await inspector.range(stream, '-', '+', 300)).map(({ id }) => id),
        ids.slice(-7),
      );
      assert.equal(await stage.trim(stream, { maxLength: 0 }), 7);
      assert.equal((await stage.describe(stream)).length, 0);
    },
  },
  {
    name: 'trim: keeps exactly the entries at or above minId',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 300);
      const inspector = (await stage.transport()).inspector();
      assert.equal(await stage.trim(stream, { minId: ids[200] ?? '' }), 200);
      assert.deepEqual(
        (await inspector.range(stream, '-', '+', 300)).map(({ id }) => id),
        ids.slice(200),
      );
      assert.equal(await stage.trim(stream, { minId: ids[200] ?? '' }), 0);
      assert.equal(await stage.trim(stream, { minId: '18446744073709551615-0' }), 100);
    },
  },
  {
    name: 'trim: removes entries read or not, and leaves groups what they know of them',
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 4);
      const subscription = await stage.join(stream);
      const [first] = await subscription.read(1, 0);
      await stage.trim(stream, { maxLength: 1 });
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ id }) => id),
        [first?.id],
      );
      assert.deepEqual(
        (await subscription.read(10, 0)).map(({ fields }) => fields),
        [['number', '3']],
      );
    },
  },
  {
    name: 'trim: of a stream that does not exist removes nothing and creates nothing',
    async run(stage) {
      const stream = stage.stream();
      const inspector = (await stage.transport()).inspector();
      assert.equal(await stage.trim(stream, { maxLength: 0 }), 0);
      assert.equal(await inspector.describe(stream), undefined);
    },
  },
];
