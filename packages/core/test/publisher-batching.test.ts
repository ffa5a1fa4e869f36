import { describe, expect, test } from '@jest/globals';
import { publishing } from './support/publishing.js';
import { turn } from './support/virtual-time.js';

describe('what is published in one turn', () => {
  test('is sent in one call, in order', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const receipts = await Promise.all(['a', 'b', 'c'].map((type) => publisher.publish(type, 1)));
    expect(appender.sent).toEqual([['a', 'b', 'c']]);
    expect(receipts.map(({ type, entryId }) => [type, entryId])).toEqual([
      ['a', '1700000000000-1'],
      ['b', '1700000000000-2'],
      ['c', '1700000000000-3'],
    ]);
  });

  test('goes at once: what the next turn publishes is another call', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const first = publisher.publish('a', 1);
    await turn();
    await Promise.all([first, publisher.publish('b', 1)]);
    expect(appender.sent).toEqual([['a'], ['b']]);
  });

  test('goes together with what promise callbacks of that turn publish', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const calls = [publisher.publish('a', 1)];
    await Promise.resolve().then(() => calls.push(publisher.publish('b', 1)));
    await Promise.all(calls);
    expect(appender.sent.flat()).toEqual(['a', 'b']);
    expect(appender.calls.length).toBeLessThanOrEqual(2);
  });

  test('goes to several streams in one call', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    await Promise.all(['x', 'y'].map((stream) => publisher.publish('a', 1, { stream })));
    expect(appender.calls.map(({ entries }) => entries.map(({ stream }) => stream))).toEqual([['x', 'y']]);
  });
});

describe('a call of the transport', () => {
  test('takes at most 128 events, and two are under way at once', async () => {
    const { publisher, appender } = publishing();
    const calls = Array.from({ length: 400 }, () => publisher.publish('a', 1));
    await turn();
    expect(appender.sent.map((types) => types.length)).toEqual([128, 128]);
    appender.store(appender.waiting[1]!);
    await turn();
    expect(appender.sent.map((types) => types.length)).toEqual([128, 128, 128]);
    appender.storeAll();
    await Promise.all(calls);
    expect(appender.sent.map((types) => types.length)).toEqual([128, 128, 128, 16]);
    expect(appender.mostUnderWay).toBe(2);
  });

  test('takes at most 256 KiB, unless one event alone is larger', async () => {
    const { publisher, appender } = publishing();
    const sizes = [100_000, 100_000, 100_000, 400_000, 10, 10].map((size) => 'x'.repeat(size));
    const calls = sizes.map((text) => publisher.publish('a', text));
    await turn();
    appender.storeAll();
    await Promise.all(calls);
    const lengths = appender.calls.map(({ entries }) => entries.map(({ fields }) => String(fields[7]).length - 2));
    expect(lengths).toEqual([[100_000, 100_000], [100_000], [400_000], [10, 10]]);
  });

  test('is given no more time than the silence deadline, nor than the oldest event has', async () => {
    const ordinary = publishing({ timeoutMs: 5_000 });
    const hurried = publishing({ timeoutMs: 1_000 });
    for (const { publisher, appender } of [ordinary, hurried]) {
      appender.storeAll();
      await publisher.publish('a', 1);
    }
    expect(ordinary.appender.calls[0]?.withinMs).toBe(2_000);
    expect(hurried.appender.calls[0]?.withinMs).toBeLessThanOrEqual(500);
    expect(hurried.appender.calls[0]?.withinMs).toBeGreaterThan(400);
  });
});

describe('maxInFlight 1', () => {
  test('sends one event at a time, in order', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 1 });
    const calls = [publisher.publish('a', 1), publisher.publish('b', 1)];
    await turn();
    expect(appender.sent).toEqual([['a']]);
    appender.storeAll();
    await Promise.all(calls);
    expect(appender.sent).toEqual([['a'], ['b']]);
    expect(appender.mostUnderWay).toBe(1);
  });
});

test('each receipt belongs to its own event, whichever call is answered first', async () => {
  const { publisher, appender } = publishing();
  const first = publisher.publish('a', 1);
  await turn();
  const second = publisher.publish('b', 1);
  await turn();
  appender.waiting[1]?.answer(['2-0']);
  await expect(second).resolves.toMatchObject({ type: 'b', entryId: '2-0' });
  appender.waiting[0]?.answer(['1-0']);
  await expect(first).resolves.toMatchObject({ type: 'a', entryId: '1-0' });
});

test('published is emitted once for each stored event, with its receipt', async () => {
  const { publisher, appender } = publishing();
  appender.storeAll();
  const heard: unknown[] = [];
  publisher.on('published', (receipt) => void heard.push(receipt));
  const receipts = await Promise.all([publisher.publish('a', 1), publisher.publish('b', 1)]);
  expect(heard).toEqual(receipts);
});
