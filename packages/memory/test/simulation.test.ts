import { plainAppending } from '@events/conformance';
import { EventPublisher } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { expect, test } from '@jest/globals';

const member = { stream: 'orders', group: 'billing', consumer: 'one' };
const event = { stream: 'orders', id: 'any', fields: ['number', '1'] };

async function scene() {
  const transport = new MemoryTransport({ deadlineMs: 50 });
  const subscription = transport.subscription(member);
  await subscription.ensureGroup('beginning');
  return {
    transport,
    subscription,
    appender: transport.appender(plainAppending),
    inspector: transport.inspector(),
    simulate: transport.simulate,
  };
}

test('cut: what is under way is executed, and nobody learns of it', async () => {
  const { appender, inspector, simulate, subscription, transport } = await scene();
  const reading = subscription.read(10, 5_000);
  const appending = appender.append([event], 1_000);
  simulate.cut();
  expect(await appending).toMatchObject([{ kind: 'unknown' }]);
  await expect(reading).rejects.toMatchObject({ kind: 'unknown' });
  expect((await inspector.describe('orders'))?.length).toBe(1);
  expect(await subscription.owned('0-0', 10)).toHaveLength(1);
  expect(transport.classify(await reading.catch((error: unknown) => error)).kind).toBe('unknown');
});

test('cut: a read that waits is given nothing afterwards', async () => {
  const { appender, simulate, subscription } = await scene();
  const reading = subscription.read(10, 5_000);
  simulate.cut();
  await expect(reading).rejects.toMatchObject({ kind: 'unknown' });
  await appender.append([event], 1_000);
  expect(await subscription.owned('0-0', 10)).toEqual([]);
  expect(await subscription.read(10, 0)).toHaveLength(1);
});

test('freeze: verbs wait, fail at their deadline, and are executed after thaw', async () => {
  const { appender, inspector, simulate, subscription } = await scene();
  simulate.freeze();
  const startedAt = Date.now();
  expect(await appender.append([event], 80)).toMatchObject([{ kind: 'unknown' }]);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(75);
  await expect(subscription.owned('0-0', 1)).rejects.toMatchObject({ kind: 'unknown' });
  const describing = inspector.describe('orders');
  simulate.thaw();
  expect((await describing)?.length).toBe(1);
});

test('freeze: a read that was given up is executed after thaw, and what it is given stays unseen', async () => {
  const { appender, simulate, subscription } = await scene();
  await appender.append([event], 1_000);
  simulate.freeze();
  await expect(subscription.read(10, 10)).rejects.toMatchObject({ kind: 'unknown' });
  simulate.thaw();
  expect(await subscription.read(10, 0)).toEqual([]);
  expect(await subscription.owned('0-0', 10)).toHaveLength(1);
});

test('freeze: what is sent during a freeze that ends in time succeeds', async () => {
  const { appender, simulate } = await scene();
  simulate.freeze();
  const appending = appender.append([event], 1_000);
  simulate.thaw();
  expect(await appending).toEqual([expect.any(String)]);
});

test('offline: nothing is sent until online', async () => {
  const { appender, inspector, simulate, subscription, transport } = await scene();
  simulate.offline();
  expect(await appender.append([event], 1_000)).toMatchObject([{ kind: 'offline' }]);
  await expect(subscription.read(1, 0)).rejects.toMatchObject({ kind: 'offline' });
  await expect(transport.connect()).rejects.toMatchObject({ kind: 'offline' });
  simulate.online();
  await transport.connect();
  expect((await inspector.describe('orders'))?.length).toBe(0);
});

test('refuse: as often as asked, or until accept', async () => {
  const { appender, simulate, subscription } = await scene();
  simulate.refuse('denied', 2);
  expect(await appender.append([event], 1_000)).toMatchObject([{ kind: 'denied' }]);
  await expect(subscription.owned('0-0', 1)).rejects.toMatchObject({ kind: 'denied' });
  expect(await appender.append([event], 1_000)).toEqual([expect.any(String)]);
  simulate.refuse();
  expect(await appender.append([event], 1_000)).toMatchObject([{ kind: 'refused' }]);
  simulate.accept();
  expect(await appender.append([event], 1_000)).toEqual([expect.any(String)]);
});

test('refuse: core tries again what is refused for the moment', async () => {
  const { transport, simulate } = await scene();
  const publisher = new EventPublisher({ transport, source: 'test', defaultStream: 'orders' });
  simulate.refuse('refused', 2);
  await expect(publisher.publish('order.placed', {})).resolves.toMatchObject({ status: 'stored' });
  await publisher.close();
});

test('failover: the last entries are gone, with what was known of them, and listeners are told before anything is served', async () => {
  const { transport, simulate, subscription, inspector } = await scene();
  const idempotency = { windowMs: 60_000, maxEntries: 100, onShortened: () => {} };
  const appender = transport.appender({ ...plainAppending, idempotency });
  const events = ['1', '2', '3', '4'].map((id) => ({ ...event, id, fields: ['number', id] }));
  const ids = (await appender.append(events, 1_000)) as readonly string[];
  await subscription.read(3, 0);
  const told: unknown[] = [];
  const lengths: Promise<unknown>[] = [];
  const end = transport.onFailover(({ from, to, concerns }) => {
    told.push([from, to, concerns('orders')]);
    lengths.push(inspector.describe('orders').then((stream) => stream?.length));
  });
  const waiting = subscription.owned('0-0', 10);
  simulate.failover({ losing: 2 });
  await expect(waiting).rejects.toMatchObject({ kind: 'unknown' });
  expect(told).toEqual([['memory:1', 'memory:2', true]]);
  expect(await Promise.all(lengths)).toEqual([2]);
  expect(await inspector.describe('orders')).toMatchObject({ length: 2, lastGeneratedId: ids[1] });
  expect((await subscription.owned('0-0', 10)).map(({ id }) => id)).toEqual(ids.slice(0, 2));

  const again = await appender.append(events, 1_000);
  expect(again.map((answer) => typeof answer === 'object')).toEqual([true, true, false, false]);
  expect((await subscription.read(10, 0)).map(({ fields }) => fields?.[1])).toEqual(['3', '4']);
  expect(await inspector.describe('orders')).toMatchObject({ length: 4, groups: [{ pending: 4, lag: 0 }] });

  end();
  simulate.failover({ losing: 100 });
  expect(told).toHaveLength(1);
  expect((await inspector.describe('orders'))?.length).toBe(0);
  expect(await appender.append(events, 1_000)).toEqual(events.map(() => expect.any(String)));
  expect(await subscription.read(10, 0)).toHaveLength(4);
});

test('forget: streams and groups are gone, for reads that wait as well', async () => {
  const { inspector, simulate, subscription } = await scene();
  const reading = subscription.read(1, 5_000);
  simulate.forget();
  await expect(reading).rejects.toMatchObject({ kind: 'group-lost' });
  expect(await inspector.describe('orders')).toBeUndefined();
  expect(await subscription.ensureGroup('beginning')).toBe(true);
});

test('close: ends in time, also of a frozen broker, and the name is free when its lease ends', async () => {
  const { simulate, subscription, transport } = await scene();
  await subscription.register(100);
  simulate.freeze();
  await subscription.close();
  simulate.thaw();
  expect(await transport.subscription(member).register(1_000)).toBe(true);
});
