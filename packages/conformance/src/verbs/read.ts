import assert from 'node:assert/strict';
import { later, letPass, patienceMs, within } from '../patience.js';
import type { Scenario } from '../scenario.js';

export const readScenarios: readonly Scenario[] = [
  {
    name: 'read: resolves with entries as they were stored, oldest first',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.append(stream, ['a', '1', 'a', '2'], ['__proto__', '3'], ['', '']);
      const entries = await (await stage.join(stream)).read(10, 0);
      assert.deepEqual(entries, [
        { id: ids[0], fields: ['a', '1', 'a', '2'] },
        { id: ids[1], fields: ['__proto__', '3'] },
        { id: ids[2], fields: ['', ''] },
      ]);
    },
  },
  {
    name: 'read: gives what another program stored, as it is',
    async run(stage) {
      const stream = stage.stream();
      const id = await stage.faults.putForeignEntry(stream, ['name', Uint8Array.of(0xff, 0x00), 'name', 'text']);
      const [entry] = await (await stage.join(stream)).read(1, 0);
      assert.equal(entry?.id, id);
      const [, bytes, ...rest] = entry?.fields ?? [];
      assert.ok(bytes instanceof Uint8Array, 'what is no text comes as bytes');
      assert.deepEqual([...bytes], [0xff, 0x00]);
      assert.deepEqual(rest, ['name', 'text']);
    },
  },
  {
    name: 'read: resolves with no more than count, and goes on there',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 5);
      const subscription = await stage.join(stream);
      const reads = [await subscription.read(2, 0), await subscription.read(2, 0), await subscription.read(2, 0)];
      assert.deepEqual(
        reads.map((entries) => entries.length),
        [2, 2, 1],
      );
      assert.deepEqual(
        reads.flat().map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'read: makes the consumer the owner, with one delivery',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 2);
      const subscription = await stage.join(stream);
      await subscription.read(10, 0);
      const pending = ids.map((id) => ({ id, deliveries: 1, released: false, record: null }));
      assert.deepEqual(await subscription.owned('0-0', 10), pending);
      assert.equal((await stage.describe(stream)).groups[0]?.pending, 2);
    },
  },
  {
    name: 'read: gives each entry to one consumer of a group',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 60);
      const members = await Promise.all(
        ['one', 'two', 'three'].map(async (consumer) =>
          stage.join(stream, { consumer, transport: await stage.open() }),
        ),
      );
      const reads = await Promise.all(
        members.map(async (member) => {
          const seen: string[] = [];
          for (;;) {
            const entries = await member.read(3, 0);
            if (entries.length === 0) return seen;
            seen.push(...entries.map(({ id }) => id));
          }
        }),
      );
      assert.deepEqual(reads.flat().sort(), [...ids].sort());
    },
  },
  {
    name: 'read: gives each entry to every group',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 3);
      for (const group of ['billing', 'shipping']) {
        const entries = await (await stage.join(stream, { group })).read(10, 0);
        assert.deepEqual(
          entries.map(({ id }) => id),
          ids,
        );
      }
    },
  },
  {
    name: 'read: without anything new and without waiting resolves with []',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      assert.deepEqual(await subscription.read(10, 0), []);
      await stage.fill(stream, 1);
      await subscription.read(10, 0);
      assert.deepEqual(await subscription.read(10, 0), [], 'what is pending is not new');
    },
  },
  {
    name: 'read: resolves with [] once blockMs has passed without any',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      const startedAt = Date.now();
      assert.deepEqual(await subscription.read(10, 150), []);
      const waitedMs = Date.now() - startedAt;
      assert.ok(waitedMs >= 130 && waitedMs < 2_000, `it waited ${waitedMs} ms instead of 150`);
    },
  },
  {
    name: 'read: one that waits has an entry as soon as it is stored',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await subscription.read(1, 0);
      const reading = later(subscription.read(10, 20_000));
      await letPass(50);
      const [id] = await stage.fill(stream, 1);
      const entries = await within(2_000, 'waking a read', reading);
      assert.deepEqual(entries, [{ id, fields: ['number', '0'] }]);
    },
  },
  {
    name: 'read: of those that wait, one of each group has the entry',
    async run(stage) {
      const stream = stage.stream();
      const members = await Promise.all(
        ['one', 'two', 'three', 'four'].map((consumer, index) =>
          stage.join(stream, { consumer, group: `group ${index % 2}` }),
        ),
      );
      const reading = later(Promise.all(members.map((member) => member.read(10, 400))));
      await letPass(100);
      await stage.fill(stream, 1);
      const counts = (await reading).map((entries) => entries.length);
      assert.deepEqual([(counts[0] ?? 0) + (counts[2] ?? 0), (counts[1] ?? 0) + (counts[3] ?? 0)], [1, 1]);
    },
  },
  {
    name: 'read: one that waits delays no other verb of its handle',
    async run(stage) {
      const stream = stage.stream();
      await stage.fill(stream, 1);
      const subscription = await stage.join(stream);
      const [entry] = await subscription.read(1, 0);
      const reading = later(subscription.read(1, 20_000));
      await letPass(50);
      const id = entry?.id ?? '';
      const verbs = async () => {
        assert.deepEqual(await subscription.keepAlive([id]), [id]);
        assert.equal((await subscription.owned('0-0', 1)).length, 1);
        assert.deepEqual(await subscription.acknowledge({ ids: [id], postponed: [] }), {
          count: 1,
          effectiveWindowMs: null,
        });
      };
      await within(2_000, 'verbs beside a read that waits', verbs());
      await stage.fill(stream, 1);
      await within(2_000, 'waking the read', reading);
    },
  },
  {
    name: 'read: fails as group-lost where there is no group',
    async run(stage) {
      const missing = stage.stream();
      assert.equal(await stage.failureOf((await stage.subscription(missing)).read(1, 0)), 'group-lost');
      assert.equal(await stage.failureOf((await stage.subscription(missing)).read(1, 1_000)), 'group-lost');
      const stream = stage.stream();
      await stage.fill(stream, 1);
      assert.equal(await stage.failureOf((await stage.subscription(stream)).read(1, 0)), 'group-lost');
    },
  },
  {
    name: 'interruptRead: ends a read under way early, and harms none',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await subscription.interruptRead();
      const reading = later(subscription.read(10, 1_500));
      await letPass(50);
      await subscription.interruptRead();
      assert.deepEqual(await within(patienceMs, 'an interrupted read', reading), []);
      const ids = await stage.fill(stream, 2);
      assert.deepEqual(
        (await subscription.read(10, 1_000)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'interruptRead: the read still answers with what it was given',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      const seen: string[] = [];
      const stored: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        const reading = later(subscription.read(10, 200));
        const [ids] = await Promise.all([stage.fill(stream, 1), subscription.interruptRead()]);
        stored.push(...ids);
        seen.push(...(await reading).map(({ id }) => id));
      }
      seen.push(...(await subscription.read(10, 0)).map(({ id }) => id));
      assert.deepEqual(seen, stored);
    },
  },
];
