import { OptionsError } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { expect, test } from '@jest/globals';
import {
  EventAdmin,
  MemoryMonitor,
  type MemoryMonitorOptions,
  type MemoryReport,
  type StreamMemory,
} from '../src/index.js';

const deadlineMs = 5_000;

async function until(what: () => boolean): Promise<void> {
  const endsAtMs = Date.now() + deadlineMs;
  while (!what()) {
    if (Date.now() > endsAtMs) throw new Error('It did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A monitor of an environment whose streams take what the test says. */
function monitored(options: Partial<MemoryMonitorOptions> = {}) {
  const admin = new EventAdmin({ transport: new MemoryTransport() });
  const sizes: { value: Record<string, number> | Error } = { value: {} };
  let asked = 0;
  admin.memory = async (): Promise<MemoryReport> => {
    asked += 1;
    if (sizes.value instanceof Error) throw sizes.value;
    const streams = Object.entries(sizes.value).map(
      ([name, totalBytes]): StreamMemory => ({
        ...{ name, partition: undefined, streamBytes: totalBytes, deadLetterBytes: 0, companionBytes: 0, totalBytes },
      }),
    );
    return { streams, totalBytes: streams.reduce((sum, { totalBytes }) => sum + totalBytes, 0) };
  };
  const monitor = new MemoryMonitor({ admin, intervalMs: 10, ...options });
  const told: unknown[] = [];
  for (const name of ['threshold', 'recovered'] as const) {
    monitor.on(name, ({ reason, stream, bytes }) => told.push([name, reason, stream, bytes]));
  }
  monitor.on('error', (error) => told.push(['error', error.message]));
  const measure = async (value: Record<string, number> | Error) => {
    sizes.value = value;
    const before = asked;
    await until(() => asked >= before + 2);
  };
  return { monitor, told, measure, asked: () => asked };
}

test('tells of each threshold once an episode, and of its end', async () => {
  const { monitor, told, measure } = monitored({ streamBytes: 100, totalBytes: 150 });
  monitor.start();
  await measure({ orders: 100 });
  expect(told).toEqual([]);
  await measure({ orders: 101 });
  await measure({ orders: 90, mails: 61 });
  await measure({ orders: 80 });
  await measure({ orders: 200 });
  await measure({});
  await monitor.stop();
  expect(told).toEqual([
    ['threshold', 'stream', 'orders', 101],
    ['threshold', 'total', undefined, 151],
    ['recovered', 'total', undefined, 80],
    ['recovered', 'stream', 'orders', 80],
    ['threshold', 'total', undefined, 200],
    ['threshold', 'stream', 'orders', 200],
    ['recovered', 'total', undefined, 0],
    ['recovered', 'stream', 'orders', 0],
  ]);
});

test('tells of a failure once until it can measure again', async () => {
  const { monitor, told, measure } = monitored();
  monitor.start();
  await measure(new Error('away'));
  await measure({});
  await measure(new Error('away again'));
  await monitor.stop();
  expect(told).toEqual([
    ['error', 'away'],
    ['error', 'away again'],
  ]);
});

test('measures no more once it is stopped, and can be started again', async () => {
  const { monitor, asked } = monitored();
  monitor.start().start();
  await until(() => asked() >= 2);
  await monitor.stop();
  const before = asked();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(asked()).toBe(before);
  monitor.start();
  await until(() => asked() > before);
  await monitor.stop();
});

test.each([
  [{ intervalMs: 1 }],
  [{ streamBytes: 0 }],
  [{ totalBytes: 1.5 }],
  [{ admin: {} }],
  [{ limit: 1 }],
  [{ logger: 1 }],
])('%j is refused', (options) => {
  expect(() => monitored(options as unknown as Partial<MemoryMonitorOptions>)).toThrow(OptionsError);
});
