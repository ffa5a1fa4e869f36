import assert from 'node:assert/strict';
import { later, letPass, patienceMs } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import { answerOf, kindOf } from './outcome.js';

const hourMs = 3_600_000;

export const lossScenarios: readonly Scenario[] = [
  {
    name: 'everything lost: a read fails as group-lost, one that waits ends, and none resolves with []',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await stage.fill(stream, 1);
      await subscription.read(1, 0);
      const waiting = later(stage.failureOf(subscription.read(1, 4_000)));
      await letPass(50);
      await stage.faults.loseEverything();
      // a server may tell a read that waits only that it waits in vain; the next one learns why
      assert.ok(['group-lost', 'refused'].includes(await waiting), `the read that waited: ${await waiting}`);
      assert.equal(await stage.failureOf(subscription.read(1, 0)), 'group-lost');
      assert.equal(await stage.failureOf(subscription.read(1, 300)), 'group-lost');
    },
  },
  {
    name: 'everything lost: no verb pretends',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const [id = ''] = ids;
      const transport = await stage.transport();
      await subscription.register(hourMs);
      await subscription.acknowledge({
        ids: [],
        postponed: [],
        marks: { eventIds: ['event'], windowMs: hourMs, maxEntries: 10 },
      });
      await stage.faults.loseEverything();
      assert.equal(await kindOf(transport, subscription.claim(0, 10)), 'group-lost');
      assert.equal(await kindOf(transport, subscription.owned('0-0', 10)), 'group-lost');
      assert.equal(await kindOf(transport, subscription.register(hourMs)), 'group-lost');
      const answers = await Promise.all([
        answerOf(transport, subscription.start(id, 2)),
        answerOf(transport, subscription.keepAlive([id])),
        answerOf(transport, subscription.postpone(id, 'record')),
        answerOf(transport, subscription.deadLetter(id, `${stream}:rejected`, ['reason', 'none'])),
        answerOf(transport, subscription.release([id])),
      ]);
      const honest = [false, [], false, 'not-owned', 0];
      for (const [index, answer] of answers.entries()) {
        if (answer !== 'group-lost') assert.deepEqual(answer, honest[index]);
      }
      assert.deepEqual(await subscription.fetch([id]), [{ id, fields: null }]);
      const acknowledged = await answerOf(transport, subscription.acknowledge({ ids: [id], postponed: [id] }));
      if (acknowledged !== 'group-lost') assert.deepEqual(acknowledged, { count: 0, effectiveWindowMs: null });
      assert.equal(await transport.inspector().describe(stream), undefined);
    },
  },
  {
    name: 'everything lost: the same handles create the group again and go on',
    async run(stage) {
      const { stream, subscription } = await stage.own(3);
      await subscription.register(hourMs);
      await stage.faults.loseEverything();
      const appender = (await stage.transport()).appender(plainAppending);
      const [id] = await appender.append([{ stream, id: 'any', fields: ['a', 'b'] }], patienceMs);
      assert.equal(await subscription.ensureGroup('beginning'), true);
      assert.equal(await subscription.register(hourMs), true);
      assert.deepEqual(await subscription.read(10, 0), [{ id, fields: ['a', 'b'] }]);
      assert.deepEqual(await subscription.owned('0-0', 10), [{ id, deliveries: 1, released: false, record: null }]);
    },
  },
];
