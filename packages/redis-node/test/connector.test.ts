import { expect, test } from '@jest/globals';
import { NodeRedisConnector } from '../src/connector.js';

test('a connection to yet another address does not stop the process', async () => {
  const origin = { kind: 'server', at: { host: '127.0.0.1', port: 1 } } as const;
  const connector = new NodeRedisConnector(origin, { server: {}, sentinel: {}, connectionName: undefined });
  const open = (port: number) => connector.open({ host: '127.0.0.1', port }, 'server', () => {});
  const links = [open(1)];
  const startedAt = performance.now();
  for (let port = 2; port <= 30; port += 1) links.push(open(port));
  // a class of all commands takes more for each of them than this is for all
  expect(performance.now() - startedAt).toBeLessThan(500);
  for (const link of links) {
    link.destroy();
    await expect(link.ready).rejects.toThrow();
  }
});
