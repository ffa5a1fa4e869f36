import assert from 'node:assert/strict';
import { letPass, until } from '../patience.js';
import type { Scenario } from '../scenario.js';

const leaseMs = 60_000;

export const groupScenarios: readonly Scenario[] = [
  {
    name: 'ensureGroup: creates the group, and the stream with it, and says so',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.subscription(stream);
      assert.equal(await subscription.ensureGroup('beginning'), true);
      const description = await stage.describe(stream);
      assert.equal(description.length, 0);
      assert.deepEqual(description.groups, [
        { name: 'group', consumers: 0, pending: 0, lastDeliveredId: '0-0', lag: 0 },
      ]);
    },
  },
  {
    name: 'ensureGroup: leaves a group that exists as it is, and says so',
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 3);
      const subscription = await stage.join(stream);
      const [first] = await subscription.read(1, 0);
      assert.equal(await subscription.ensureGroup('beginning'), false);
      assert.equal(await subscription.ensureGroup('latest'), false);
      const [group] = (await stage.describe(stream)).groups;
      assert.equal(group?.lastDeliveredId, first?.id);
      assert.equal(group?.pending, 1);
    },
  },
  {
    name: 'ensureGroup: of many who create it at once, one does',
    async run(stage) {
      const stream = stage.stream();
      const transports = await Promise.all([stage.transport(), stage.open(), stage.open()]);
      const subscriptions = transports.flatMap((transport) =>
        Array.from({ length: 4 }, () => transport.subscription({ stream, group: 'group', consumer: 'consumer' })),
      );
      const created = await Promise.all(subscriptions.map((subscription) => subscription.ensureGroup('beginning')));
      assert.equal(created.filter(Boolean).length, 1);
    },
  },
  {
    name: "ensureGroup: from 'beginning' the group is given every entry",
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 3);
      const entries = await (await stage.join(stream, { from: 'beginning' })).read(10, 0);
      assert.deepEqual(
        entries.map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: "ensureGroup: from 'latest' the group is given only entries still to come",
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 3);
      const subscription = await stage.join(stream, { from: 'latest' });
      assert.deepEqual(await subscription.read(10, 0), []);
      const ids = await stage.fill(stream, 2);
      assert.deepEqual(
        (await subscription.read(10, 0)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'ensureGroup: from an entry id the group is given the entries after it',
    async run(stage) {
      const stream = stage.stream();
      const [, second = '', ...later] = await stage.fill(stream, 5);
      const subscription = await stage.join(stream, { from: { entryId: second } });
      assert.deepEqual(
        (await subscription.read(10, 0)).map(({ id }) => id),
        later,
      );
    },
  },
  {
    name: 'ensureGroup: from a time the group is given the entries of that millisecond and later',
    async run(stage) {
      const stream = stage.stream();
      const earlier = await stage.fill(stream, 2);
      await until('the clock has gone on', async () => {
        const [id] = await stage.fill(stage.stream(), 1);
        return timeOf(id) > timeOf(earlier[1]);
      });
      const later = await stage.fill(stream, 2);
      const subscription = await stage.join(stream, { from: { time: timeOf(later[0]) } });
      assert.deepEqual(
        (await subscription.read(10, 0)).map(({ id }) => id),
        later,
      );
      const everything = await stage.join(stream, { group: 'from the start of time', from: { time: 0 } });
      assert.deepEqual(
        (await everything.read(10, 0)).map(({ id }) => id),
        [...earlier, ...later],
      );
    },
  },
  {
    name: 'register: takes the name, renews it, and makes the consumer known to the group',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      assert.equal(await subscription.register(leaseMs), true);
      assert.equal(await subscription.register(leaseMs), true);
      assert.equal((await stage.describe(stream)).groups[0]?.consumers, 1);
    },
  },
  {
    name: 'register: resolves with false while somebody else holds the name, and changes nothing',
    async run(stage) {
      const stream = stage.stream();
      const holder = await stage.join(stream);
      const other = await stage.join(stream, { transport: await stage.open() });
      const sibling = await stage.join(stream);
      assert.equal(await holder.register(leaseMs), true);
      assert.equal(await other.register(1), false);
      assert.equal(await sibling.register(1), false);
      await letPass(20);
      assert.equal(await other.register(leaseMs), false, 'the lease was not shortened');
      assert.equal(await holder.register(leaseMs), true, 'the holder renews');
    },
  },
  {
    name: 'register: gives the name to the next one when the lease has ended, and to nobody before',
    async run(stage) {
      const stream = stage.stream();
      const holder = await stage.join(stream);
      const other = await stage.join(stream);
      const startedAt = Date.now();
      assert.equal(await holder.register(150), true);
      await until('the lease has ended', () => other.register(leaseMs));
      assert.ok(Date.now() - startedAt >= 140, 'the lease lasted as long as asked for');
      assert.equal(await holder.register(leaseMs), false, 'the one that was late has lost the name');
    },
  },
  {
    name: 'register: a name that is held stands in the way of no other name, group or stream',
    async run(stage) {
      const [stream, otherStream] = [stage.stream(), stage.stream()];
      const members = [
        await stage.join(stream),
        await stage.join(stream, { consumer: 'other' }),
        await stage.join(stream, { group: 'other' }),
        await stage.join(otherStream),
      ];
      assert.deepEqual(await Promise.all(members.map((member) => member.register(leaseMs))), [true, true, true, true]);
    },
  },
  {
    name: 'register: fails as group-lost where there is no group',
    async run(stage) {
      const subscription = await stage.subscription(stage.stream());
      assert.equal(await stage.failureOf(subscription.register(leaseMs)), 'group-lost');
    },
  },
];

function timeOf(id: string | undefined): number {
  return Number(id?.split('-')[0]);
}
