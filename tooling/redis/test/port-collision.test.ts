import { expect, jest, test } from '@jest/globals';
import * as actual from '../src/free-port.js';

// The port of a server that already runs, as if it had been taken between the choice and the start.
const offered: number[] = [];
jest.unstable_mockModule('../src/free-port.js', () => ({
  freePort: async () => offered.shift() ?? (await actual.freePort()),
}));
const { startRedis } = await import('../src/index.js');

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
