import assert from 'node:assert/strict';
import { later, until } from '../patience.js';
import type { Scenario } from '../scenario.js';

const hourMs = 3_600_000;
const marked = (eventIds: readonly string[], maxEntries = 1_000) => ({ eventIds, windowMs: hourMs, maxEntries });

export const settlementScenarios: readonly Scenario[] = [
  {
    name: 'acknowledge: takes entries off the pending list and counts them',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(3);
      const answer = await subscription.acknowledge({ ids: ids.slice(0, 2), postponed: [] });
      assert.deepEqual(answer, { count: 2, effectiveWindowMs: null });
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ id }) => id),
        ids.slice(2),
      );
      assert.equal((await stage.describe(stream)).groups[0]?.pending, 1);
      assert.deepEqual(await subscription.read(10, 0), []);
    },
  },
  {
    name: 'acknowledge: is idempotent, and counts what was pending alone',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      const [unread = ''] = await stage.fill(stream, 1);
      await subscription.acknowledge({ ids: ids.slice(0, 1), postponed: [] });
      const again = await subscription.acknowledge({ ids: [...ids, unread, '1-1'], postponed: [] });
      assert.equal(again.count, 1);
      assert.deepEqual(
        (await subscription.read(10, 0)).map(({ id }) => id),
        [unread],
        'what is unread cannot be acknowledged',
      );
    },
  },
  {
    name: 'acknowledge: is not fenced',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      const other = await stage.join(stream, { consumer: 'other', transport: await stage.open() });
      assert.equal((await other.acknowledge({ ids, postponed: [] })).count, 2);
      assert.deepEqual(await subscription.owned('0-0', 10), []);
    },
  },
  {
    name: 'acknowledge: concerns one group',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      const other = await stage.join(stream, { group: 'other' });
      await other.read(10, 0);
      await subscription.acknowledge({ ids, postponed: [] });
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'acknowledge: takes entries with retry records among others',
    async run(stage) {
      const { ids, subscription } = await stage.own(3);
      await subscription.postpone(ids[1] ?? '', 'record');
      const answer = await subscription.acknowledge({ ids: ids.slice(0, 2), postponed: ids.slice(1, 2) });
      assert.equal(answer.count, 2);
      assert.deepEqual(
        (await subscription.owned('0-0', 10)).map(({ id }) => id),
        ids.slice(2),
      );
    },
  },
  {
    name: 'acknowledge: takes a thousand entries at once',
    async run(stage) {
      const { ids, subscription } = await stage.own(1_000);
      const postponed = ids.slice(0, 300);
      for (const id of postponed.slice(0, 3)) await subscription.postpone(id, 'record');
      const answer = await subscription.acknowledge({ ids, postponed, marks: marked(ids, 10_000) });
      assert.deepEqual(answer, { count: 1_000, effectiveWindowMs: null });
      assert.deepEqual(new Set(await subscription.handled(ids, hourMs)), new Set([true]));
    },
  },
  {
    name: 'acknowledge: marks events as handled',
    async run(stage) {
      const { ids, subscription } = await stage.own(1);
      const answer = await subscription.acknowledge({ ids, postponed: [], marks: marked(['event-1', 'event-2']) });
      assert.deepEqual(answer, { count: 1, effectiveWindowMs: null });
      assert.deepEqual(await subscription.handled(['event-2', 'event-3', 'event-1'], hourMs), [true, false, true]);
    },
  },
  {
    name: 'acknowledge: when more than maxEntries marks stand, the oldest leave early and the window tells',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      const windows: (number | null)[] = [];
      for (let batch = 0; batch < 12; batch += 1) {
        const marks = marked([`${batch}.0`, `${batch}.1`], 10);
        windows.push((await subscription.acknowledge({ ids: [], postponed: [], marks })).effectiveWindowMs);
      }
      assert.deepEqual(windows.slice(0, 5), [null, null, null, null, null], 'ten marks fit');
      const cut = windows.filter((window) => window !== null);
      assert.ok(cut.length > 0 && cut.every((window) => window >= 0 && window < hourMs), `windows: ${windows.join()}`);
      assert.deepEqual(await subscription.handled(['11.1', '0.0'], hourMs), [true, false]);
    },
  },
  {
    name: 'handled: answers at the same index, of nothing known with false',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      assert.deepEqual(await subscription.handled(['a', 'b'], hourMs), [false, false]);
      await subscription.acknowledge({ ids: [], postponed: [], marks: marked(['__proto__', 'b']) });
      assert.deepEqual(await subscription.handled(['a', 'b', 'a', 'b', '__proto__', 'constructor'], hourMs), [
        false,
        true,
        false,
        true,
        true,
        false,
      ]);
    },
  },
  {
    name: 'handled: forgets what is older than the window',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      const windowMs = 200;
      const startedAt = Date.now();
      await subscription.acknowledge({ ids: [], postponed: [], marks: { eventIds: ['a'], windowMs, maxEntries: 10 } });
      assert.deepEqual(await subscription.handled(['a'], windowMs), [true]);
      await until('the mark is forgotten', async () => (await subscription.handled(['a'], windowMs))[0] === false);
      assert.ok(Date.now() - startedAt >= windowMs - 20, 'it was remembered as long as asked for');
    },
  },
  {
    name: 'handled: concerns one group of one stream, every consumer of it',
    async run(stage) {
      const stream = stage.stream();
      const subscription = await stage.join(stream);
      await subscription.acknowledge({ ids: [], postponed: [], marks: marked(['a']) });
      const members = [
        await stage.join(stream, { consumer: 'other', transport: await stage.open() }),
        await stage.join(stream, { group: 'other' }),
        await stage.join(stage.stream()),
      ];
      const answers = await Promise.all(members.map((member) => member.handled(['a'], hourMs)));
      assert.deepEqual(answers.flat(), [true, false, false]);
    },
  },
  {
    name: 'deadLetter: moves an entry, byte for byte, with the provenance appended to its fields',
    async run(stage) {
      const stream = stage.stream();
      const fields = ['id', '1', 'id', '2', '', Uint8Array.of(0xff, 0x00)];
      const [id = ''] = await stage.append(stream, fields);
      const subscription = await stage.join(stream);
      await subscription.read(1, 0);
      await subscription.postpone(id, 'record');
      const provenance = ['error', 'a "quoted"\r\nerror', 'bytes', Uint8Array.of(0xc3)];
      assert.equal(await subscription.deadLetter(id, `${stream}:rejected`, provenance), 'moved');
      const [letter] = await (await stage.transport()).inspector().range(`${stream}:rejected`, '-', '+', 10);
      const plain = (value: string | Uint8Array) => (typeof value === 'string' ? value : [...value]);
      assert.deepEqual(letter?.fields?.map(plain), [...fields, ...provenance].map(plain));
      assert.deepEqual(await subscription.owned('0-0', 10), []);
      const description = await stage.describe(stream);
      assert.deepEqual(
        [description.length, description.groups[0]?.pending],
        [1, 0],
        'the entry itself stays in its stream',
      );
    },
  },
  {
    name: 'deadLetter: concerns one group',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const other = await stage.join(stream, { group: 'other' });
      await other.read(1, 0);
      await subscription.deadLetter(ids[0] ?? '', `${stream}:rejected`, ['reason', 'none']);
      assert.deepEqual(
        (await other.owned('0-0', 10)).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'deadLetter: of many calls for one entry, one moves it',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const calls = Array.from({ length: 5 }, () =>
        subscription.deadLetter(ids[0] ?? '', `${stream}:rejected`, ['reason', 'none']),
      );
      assert.deepEqual((await Promise.all(calls)).sort(), [
        'moved',
        'not-owned',
        'not-owned',
        'not-owned',
        'not-owned',
      ]);
      assert.equal((await stage.describe(`${stream}:rejected`)).length, 1);
    },
  },
  {
    name: 'deadLetter: an entry that no longer exists has vanished, and is given up',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      const inspector = (await stage.transport()).inspector();
      await stage.trim(stream, { maxLength: 0 });
      assert.equal(await subscription.deadLetter(ids[0] ?? '', `${stream}:rejected`, ['reason', 'none']), 'vanished');
      assert.equal(await inspector.describe(`${stream}:rejected`), undefined, 'nothing is stored');
      assert.equal((await stage.describe(stream)).groups[0]?.pending, 0);
    },
  },
  {
    name: 'deadLetter: a consumer group reads what was moved',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      const reader = await stage.join(`${stream}:rejected`);
      const reading = later(reader.read(10, 10_000));
      await subscription.deadLetter(ids[0] ?? '', `${stream}:rejected`, ['reason', 'none']);
      assert.deepEqual(
        (await reading).map(({ fields }) => fields),
        [['number', '0', 'reason', 'none']],
      );
    },
  },
  {
    name: 'verbs that take ids: an empty list costs nothing',
    async run(stage) {
      const subscription = await stage.subscription(stage.stream());
      assert.deepEqual(await subscription.fetch([]), []);
      assert.deepEqual(await subscription.keepAlive([]), []);
      assert.deepEqual(await subscription.acknowledge({ ids: [], postponed: [] }), {
        count: 0,
        effectiveWindowMs: null,
      });
      assert.deepEqual(await subscription.handled([], hourMs), []);
      assert.equal(await subscription.release([]), 0);
    },
  },
  {
    name: 'verbs that take ids: take a thousand at once',
    async run(stage) {
      const { ids, subscription } = await stage.own(1_000);
      assert.deepEqual(
        (await subscription.fetch(ids)).map(({ fields }) => fields?.[1]),
        ids.map((_, index) => String(index)),
      );
      assert.deepEqual([...(await subscription.keepAlive(ids))].sort(), [...ids].sort());
      assert.equal(await subscription.release(ids), 1_000);
      assert.deepEqual(
        new Set((await subscription.owned('0-0', 2_000)).map(({ released }) => released)),
        new Set([true]),
      );
    },
  },
];
