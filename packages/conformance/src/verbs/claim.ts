import assert from 'node:assert/strict';
import type { Claim, Subscription } from '@events/core';
import { letPass, until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const hourMs = 3_600_000;

export const claimScenarios: readonly Scenario[] = [
  {
    name: 'claim: takes over what another consumer left alone long enough',
    async run(stage) {
      const { ids, owner, other } = await ownedByAnother(stage, 3);
      const claimed = await claimAll(other, 30, 3);
      assert.deepEqual(
        claimed,
        ids.map((id) => ({ id, deliveries: 1, released: false, record: null })),
      );
      assert.deepEqual(await owner.owned('0-0', 10), []);
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'claim: leaves alone what is not idle long enough',
    async run(stage) {
      const { owner, other } = await ownedByAnother(stage, 3);
      assert.deepEqual(await other.claim(hourMs, 10), { entries: [], vanished: [] });
      assert.equal((await owner.owned('0-0', 10)).length, 3);
    },
  },
  {
    name: "claim: leaves alone this consumer's own entries",
    async run(stage) {
      const { owner } = await ownedByAnother(stage, 3);
      await letPass(20);
      assert.deepEqual(await owner.claim(0, 10), { entries: [], vanished: [] });
    },
  },
  {
    name: 'claim: begins the idle time anew',
    async run(stage) {
      const { stream, other } = await ownedByAnother(stage, 1);
      const third = await stage.join(stream, { consumer: 'third' });
      await letPass(330);
      assert.equal((await other.claim(300, 10)).entries.length, 1);
      assert.deepEqual((await third.claim(300, 10)).entries, []);
    },
  },
  {
    name: 'claim: raises no delivery count',
    async run(stage) {
      const { ids, owner, other } = await ownedByAnother(stage, 2);
      await owner.start(ids[1] ?? '', 4);
      for (const member of [other, owner, other]) await claimAll(member, 0, 2);
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ deliveries }) => deliveries),
        [1, 4],
      );
    },
  },
  {
    name: 'claim: takes no more than count',
    async run(stage) {
      const { ids, other } = await ownedByAnother(stage, 5);
      await letPass(20);
      const first = await other.claim(0, 2);
      assert.ok(first.entries.length <= 2, `it took ${first.entries.length} instead of 2`);
      const rest = await claimAll(other, 0, 5 - first.entries.length, 2);
      assert.deepEqual([...first.entries, ...rest].map(({ id }) => id).sort(), [...ids].sort());
    },
  },
  {
    name: 'claim: goes on where it ended, so that no entry hides behind others',
    async run(stage) {
      const { ids, owner, other } = await ownedByAnother(stage, 500);
      for (const id of [ids[499], ids[0], ids[250]] as string[]) {
        await owner.release([id]);
        let calls = 0;
        await until(`${id} is found among 500 that may not be claimed`, async () => {
          calls += 1;
          const { entries } = await other.claim(hourMs, 2);
          return entries[0]?.id === id;
        });
        assert.ok(calls <= 501, `it took ${calls} calls to look at 500 entries`);
      }
    },
  },
  {
    name: 'claim: reports what is gone from the stream as vanished, and gives it up',
    async run(stage) {
      const { stream, ids, owner, other } = await ownedByAnother(stage, 4);
      await stage.trim(stream, { maxLength: 2 });
      await letPass(30);
      const entries: string[] = [];
      const vanished: string[] = [];
      await until('every entry was looked at', async () => {
        const claim = await other.claim(20, 10);
        entries.push(...claim.entries.map(({ id }) => id));
        vanished.push(...claim.vanished);
        return entries.length + vanished.length >= 4;
      });
      assert.deepEqual([vanished, entries], [ids.slice(0, 2), ids.slice(2)]);
      assert.equal((await stage.describe(stream)).groups[0]?.pending, 2);
      assert.deepEqual(await owner.owned('0-0', 10), []);
      assert.deepEqual((await other.claim(0, 10)).vanished, []);
    },
  },
  {
    name: 'claim: of many who claim at once, one has each entry',
    async run(stage) {
      const { stream, ids } = await ownedByAnother(stage, 40);
      const members = await Promise.all(
        ['one', 'two', 'three'].map(async (consumer) =>
          stage.join(stream, { consumer, transport: await stage.open() }),
        ),
      );
      await letPass(330);
      const claims = await Promise.all(
        members.flatMap((member) => [member, member].map((each) => each.claim(300, 20))),
      );
      const claimed = claims.flatMap(({ entries }) => entries.map(({ id }) => id));
      assert.equal(new Set(claimed).size, claimed.length, 'nothing is claimed twice');
      assert.deepEqual([...claimed].sort(), [...ids].sort());
    },
  },
  {
    name: 'claim: fails as group-lost where there is no group',
    async run(stage) {
      assert.equal(await stage.failureOf((await stage.subscription(stage.stream())).claim(0, 10)), 'group-lost');
    },
  },
];

/** Entries that one consumer owns, and another consumer of the same group. */
async function ownedByAnother(stage: Stage, count: number) {
  const { stream, ids, subscription: owner } = await stage.own(count, { consumer: 'owner' });
  const other = await stage.join(stream, { consumer: 'other', transport: await stage.open() });
  return { stream, ids, owner, other };
}

/** Claims, `step` entries at a time, until there were `count`. */
async function claimAll(
  subscription: Subscription,
  idleMs: number,
  count: number,
  step = 10,
): Promise<Claim['entries']> {
  const claimed: Claim['entries'][number][] = [];
  await until(`${count} entries are claimed`, async () => {
    claimed.push(...(await subscription.claim(idleMs, step)).entries);
    return claimed.length >= count;
  });
  return claimed;
}
