import assert from 'node:assert/strict';
import type { Transport } from '@events/core';
import { letPass, patienceMs, within } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import { outcomeOf } from './outcome.js';

const kinds: readonly string[] = [
  'offline',
  'refused',
  'invalid',
  'denied',
  'unknown',
  'group-lost',
  'unsupported',
  'closed',
];

export const lifecycleScenarios: readonly Scenario[] = [
  {
    name: 'retryPolicy: names a strategy and a number of retries',
    async run(stage) {
      const { strategy, maxRetries } = (await stage.transport()).retryPolicy;
      assert.ok(strategy === 'retry' || strategy === 'failfast');
      assert.ok(Number.isSafeInteger(maxRetries) && maxRetries >= 0);
    },
  },
  {
    name: 'connect: reaches the server, as often as it is called',
    async run(stage) {
      const transport = await stage.transport();
      await Promise.all([transport.connect(), transport.connect()]);
      await transport.connect();
    },
  },
  {
    name: 'connect: is optional, since every handle connects on first use',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.open();
      const [answer] = await transport
        .appender(plainAppending)
        .append([{ stream, id: 'any', fields: ['a', 'b'] }], patienceMs);
      assert.equal(typeof answer, 'string');
      assert.equal((await (await stage.open()).inspector().describe(stream))?.length, 1);
      const subscription = (await stage.open()).subscription({ stream, group: 'group', consumer: 'consumer' });
      await subscription.ensureGroup('beginning');
      assert.equal((await subscription.read(1, 0)).length, 1);
    },
  },
  {
    name: 'capabilities: names the engine, commands in upper case, and what is wrong with the settings',
    async run(stage) {
      const { engine, version, commands, evictionPolicy, findings } = await (await stage.transport()).capabilities();
      assert.ok(engine.length > 0);
      assert.ok(version === null || version.length > 0);
      assert.ok(evictionPolicy === null || evictionPolicy.length > 0);
      for (const [command, isThere] of Object.entries(commands)) {
        assert.equal(command, command.toUpperCase());
        assert.equal(typeof isThere, 'boolean');
      }
      for (const { code, message } of findings) {
        assert.match(code, /^[a-z]+(-[a-z]+)*$/);
        assert.ok(message.length > 0);
      }
      assert.equal(new Set(findings.map(({ code }) => code)).size, findings.length);
    },
  },
  {
    name: 'verbs: may be called concurrently',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(50);
      const inspector = (await stage.transport()).inspector();
      const answers = await Promise.all([
        ...ids.map((id) => subscription.start(id, 2)),
        ...ids.map(async (id) => (await subscription.keepAlive([id])).length === 1),
        ...ids.map(async (id) => (await subscription.fetch([id]))[0]?.id === id),
        ...ids.map((id) => subscription.postpone(id, id)),
        ...ids.map(async (id) => (await inspector.range(stream, id, id, 1)).length === 1),
      ]);
      assert.deepEqual(new Set(answers), new Set([true]));
      const owned = await subscription.owned('0-0', 100);
      assert.deepEqual(
        owned,
        ids.map((id) => ({ id, deliveries: 2, released: false, record: id })),
      );
    },
  },
  {
    name: 'classify: never throws, whatever it is given',
    async run(stage) {
      const transport = await stage.transport();
      const hostile = new Proxy(new Error('hostile'), {
        get() {
          throw new Error('not to be looked at');
        },
      });
      for (const error of [
        undefined,
        null,
        0,
        'text',
        Symbol('symbol'),
        {},
        [],
        new Error('ordinary'),
        Object.create(null),
        hostile,
      ]) {
        const failure = transport.classify(error);
        assert.ok(kinds.includes(failure.kind), `${failure.kind} is no kind of failure`);
        assert.ok(failure.cause instanceof Error, 'the cause is an error');
      }
    },
  },
  {
    name: 'subscription.close: gives up the name',
    async run(stage) {
      const stream = stage.stream();
      const holder = await stage.join(stream);
      const next = await stage.join(stream, { transport: await stage.open() });
      await holder.register(60_000);
      await holder.close();
      assert.equal(await next.register(60_000), true);
    },
  },
  {
    name: 'subscription.close: leaves the name to one that has taken it since',
    async run(stage) {
      const stream = stage.stream();
      const late = await stage.join(stream);
      const holder = await stage.join(stream);
      const third = await stage.join(stream);
      await late.register(1);
      await letPass(20);
      assert.equal(await holder.register(60_000), true);
      await late.close();
      assert.equal((await stage.describe(stream)).groups[0]?.consumers, 1);
      assert.equal(await third.register(60_000), false);
    },
  },
  {
    name: 'subscription.close: removes the consumer if it owns nothing',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(1);
      await subscription.acknowledge({ ids, postponed: [] });
      await subscription.close();
      assert.equal((await stage.describe(stream)).groups[0]?.consumers, 0);
    },
  },
  {
    name: 'subscription.close: leaves a consumer that owns entries, so that they are not lost',
    async run(stage) {
      const { stream, ids, subscription } = await stage.own(2);
      await subscription.release(ids.slice(0, 1));
      await subscription.close();
      const other = await stage.join(stream, { consumer: 'other' });
      await letPass(20);
      const claimed = [...(await other.claim(10, 10)).entries, ...(await other.claim(10, 10)).entries];
      assert.deepEqual(
        claimed.map(({ id, released }) => [id, released]),
        [
          [ids[0], true],
          [ids[1], false],
        ],
      );
    },
  },
  {
    name: 'close: a handle that was closed fails as closed, and closing twice is harmless',
    async run(stage) {
      const { ids, subscription } = await stage.own(1);
      const inspector = (await stage.transport()).inspector();
      await Promise.all([subscription.close(), inspector.close()]);
      await Promise.all([subscription.close(), inspector.close()]);
      assert.equal(await stage.failureOf(subscription.read(1, 0)), 'closed');
      assert.equal(await stage.failureOf(subscription.owned('0-0', 1)), 'closed');
      assert.equal(await stage.failureOf(subscription.start(ids[0] ?? '', 2)), 'closed');
      assert.equal(await stage.failureOf(inspector.range('any', '-', '+', 1)), 'closed');
    },
  },
  {
    name: 'close: handles that were never used close as well',
    async run(stage) {
      const transport = await stage.transport();
      const subscription = transport.subscription({ stream: stage.stream(), group: 'group', consumer: 'consumer' });
      for (const handle of [transport.appender(plainAppending), transport.inspector(), subscription]) {
        await within(patienceMs, 'closing', handle.close());
      }
    },
  },
  {
    name: 'close: while a read waits, ends both soon',
    async run(stage) {
      const subscription = await stage.join(stage.stream());
      const settled = subscription.read(1, 30_000).then(
        () => 'ended',
        () => 'ended',
      );
      await letPass(50);
      await within(3_000, 'closing', subscription.close());
      assert.equal(await within(3_000, 'the read', settled), 'ended');
    },
  },
  {
    name: 'transport.close: ends its handles, also those to come, and no others',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.open();
      const subscription = await stage.join(stream, { transport });
      const settled = subscription.read(1, 30_000).then(
        () => 'ended',
        () => 'ended',
      );
      await letPass(50);
      const appender = transport.appender(plainAppending);
      await within(3_000, 'closing', transport.close());
      assert.equal(await within(3_000, 'the read', settled), 'ended');
      assert.equal(await stage.failureOf(subscription.owned('0-0', 1)), 'closed');
      await assertClosed(transport, stream, appender);
      await assertClosed(transport, stream, transport.appender(plainAppending));
      assert.equal(await stage.failureOf(transport.inspector().describe(stream)), 'closed');
      assert.equal(await stage.failureOf(transport.connect()), 'closed');
      assert.equal((await stage.describe(stream)).length, 0, 'other transports go on');
    },
  },
  {
    name: 'transport.close: twice, or before anything was opened, is harmless',
    async run(stage) {
      const transport = await stage.open();
      await Promise.all([transport.close(), transport.close()]);
      await transport.close();
    },
  },
];

async function assertClosed(
  transport: Transport,
  stream: string,
  appender = transport.appender(plainAppending),
): Promise<void> {
  const [answer] = await appender.append([{ stream, id: 'any', fields: ['a', 'b'] }], patienceMs);
  assert.equal(outcomeOf(answer), 'closed');
}
