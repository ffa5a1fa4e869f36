import assert from 'node:assert/strict';
import { later, patienceMs, until, within } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { assertStoredOnce, kindOf, outcomeOf, seenBy } from './outcome.js';

export const freezeScenarios: readonly Scenario[] = [
  {
    name: 'freeze: every verb settles within a deadline, and says that nothing is known or nothing was sent',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const transport = await stage.transport();
      const [id = ''] = ids;
      const inspector = transport.inspector();
      await inspector.describe(stream);
      await frozen(stage, async () => {
        // it may be known already
        const capabilities = kindOf(transport, transport.capabilities());
        const verbs = [
          subscription.ensureGroup('beginning'),
          subscription.register(1_000),
          subscription.read(1, 100),
          subscription.claim(0, 1),
          subscription.owned('0-0', 1),
          subscription.fetch([id]),
          subscription.start(id, 1),
          subscription.keepAlive([id]),
          subscription.acknowledge({ ids: ['1-1'], postponed: ['1-1'] }),
          subscription.handled(['event'], 1_000),
          subscription.postpone(id, 'record'),
          subscription.deadLetter('1-1', `${stream}:rejected`, ['reason', 'none']),
          subscription.release(['1-1']),
          inspector.describe(stream),
          inspector.range(stream, '-', '+', 1),
          transport.janitor().trim(stream, { bound: { maxLength: 10 }, limit: 10, isExact: true, keepUnread: null }),
          transport.janitor().survey(stream),
          transport.janitor().takeTurn(stream, 'trim', 1_000),
          subscription.progress(),
        ];
        const kinds = await Promise.all(verbs.map((verb) => kindOf(transport, verb)));
        assert.deepEqual(
          kinds.filter((kind) => kind !== 'unknown' && kind !== 'offline'),
          [],
        );
        assert.match(await capabilities, /^(resolved|unknown|offline)$/);
      });
      await stage.persist(() => subscription.owned('0-0', 1));
    },
  },
  {
    name: 'freeze: connecting and closing settle within a deadline',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      const transport = await stage.open();
      await frozen(stage, async () => {
        const connecting = later(kindOf(transport, transport.connect()));
        await Promise.all([within(patienceMs, 'closing', subscription.close()), connecting]);
        assert.notEqual(await connecting, 'resolved');
        await within(patienceMs, 'closing', transport.close());
      });
    },
  },
  {
    name: 'append: answers within the time given when the server says nothing, and sends no entry twice',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(plainAppending);
      const [before] = await appender.append([{ stream, id: 'any', fields: ['number', 'before'] }], patienceMs);
      assert.equal(typeof before, 'string');
      await frozen(stage, async () => {
        const entries = [0, 1, 2].map((number) => ({ stream, id: 'any', fields: ['number', `${number}`] }));
        const answers = await within(300 + 1_500, 'append, given 300 ms,', appender.append(entries, 300));
        assert.deepEqual(answers.map(outcomeOf), ['unknown', 'unknown', 'unknown']);
      });
      await stage.persist(() => stage.append(stream, ['number', 'after']));
      await assertStoredOnce(stage, stream, [{ number: 'before', outcome: 'stored' }]);
    },
  },
  {
    name: 'read: an answer that was lost leaves its entries owned, where owned finds them, or unread',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await subscription.read(1, 0);
      const ids = await stage.fill(stream, 5);
      const seen = new Set<string>();
      await frozen(stage, async () => {
        for (const id of await within(patienceMs, 'the read', seenBy(subscription.read(3, 100)))) seen.add(id);
      });
      await until('every entry is found', async () => {
        for (const { id } of await stage.persist(() => subscription.owned('0-0', 10))) seen.add(id);
        for (const { id } of await stage.persist(() => subscription.read(10, 0))) seen.add(id);
        return seen.size === 5;
      });
      assert.deepEqual([...seen].sort(), [...ids].sort());
    },
  },
];

/** Plays while the server is frozen, and waits until it is back. */
async function frozen(stage: Stage, play: () => Promise<void>): Promise<void> {
  await stage.faults.freeze();
  try {
    await play();
  } finally {
    await stage.faults.thaw();
  }
  const transport = await stage.open();
  await stage.persist(() => transport.connect());
}
