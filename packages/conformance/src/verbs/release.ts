import assert from 'node:assert/strict';
import { letPass } from '../patience.js';
import type { Scenario } from '../scenario.js';

const hourMs = 3_600_000;

export const releaseScenarios: readonly Scenario[] = [
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
      await stage.takeReleased(other, ids);
      assert.deepEqual((await subscription.claim(hourMs, 10)).entries, []);
      await letPass(30);
      assert.deepEqual(
        (await subscription.claim(20, 10)).entries.map(({ released }) => released),
        [false],
      );
    },
  },
];
