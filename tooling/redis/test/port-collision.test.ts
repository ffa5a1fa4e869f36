import { expect, jest, test } from '@jest/globals';
import * as actual from '../src/free-port.js';

// The port of a server that already runs, as if it had been taken between the choice and the start.
const offered: number[] = [];
jest.unstable_mockModule('../src/free-port.js', () => ({
  freePort: async () => offered.shift() ?? (await actual.freePort()),
}));
const { startCluster, startRedis, startReplicated } = await import('../src/index.js');

test('a server whose port was taken meanwhile starts on another, and is not mistaken for the one that took it', async () => {
  const first = await startRedis({ tls: true });
  const taken = [first.port, first.tls?.port ?? 0];
  offered.push(...taken);
  const second = await startRedis();
  expect(offered).toEqual([]);
  expect([...taken, first.port]).not.toContain(second.port);
  expect(second.pid).not.toBe(first.pid);

  offered.push(await actual.freePort(), first.port);
  const third = await startRedis({ tls: true });
  expect(offered).toEqual([]);
  expect(taken).not.toContain(third.tls?.port);
  expect(await third.command('PING')).toBe('PONG');
  await Promise.all([first.stop(), second.stop(), third.stop()]);
});

test('a set of which one port was taken meanwhile starts on others', async () => {
  const first = await startRedis();
  offered.push(await actual.freePort(), first.port);
  const replicated = await startReplicated({ replicas: 1, sentinels: 1 });
  expect(offered).toEqual([]);
  // A node has a port for clients and one for the other nodes.
  offered.push(await actual.freePort(), await actual.freePort(), await actual.freePort(), first.port);
  const cluster = await startCluster();
  expect(offered).toEqual([]);
  expect([...replicated.servers, ...replicated.sentinels, ...cluster.nodes].map(({ port }) => port)).not.toContain(
    first.port,
  );
  await Promise.all([first.stop(), replicated.stop(), cluster.stop()]);
});
