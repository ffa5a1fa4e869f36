import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { RedisTransportOptions } from '@events/redis-streams';
import { startCluster, startReplicated } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

/** A process ends by itself once everything it opened is closed. */
export function exitSuite(kit: TransportKit): void {
  describe(`${kit.name}, in a process that should end`, () => {
    const laboratory = new Laboratory(kit);

    test.each(['handles', 'transport', 'frozen'])('ends after close: %s', async (what) => {
      const server = await laboratory.server();
      await expectEnd({ url: server.url }, what, () => server.freeze());
    });

    const nowhere = { host: '192.0.2.1', port: 6379 };
    test.each<[string, RedisTransportOptions]>([
      ['a server', nowhere],
      ['sentinels', { sentinels: [nowhere], name: 'main' }],
      ['a cluster', { cluster: [nowhere] }],
    ])('ends after close when there was none: %s', async (_, options) => {
      await expectEnd({ ...options, maxRetries: 0 }, 'unreachable');
    });

    test.each(['handles', 'transport', 'frozen'])('ends after close, with sentinels: %s', async (what) => {
      const set = laboratory.keep(await startReplicated({ replicas: 0, sentinels: 1 }), (it) => it.stop());
      const freeze = () => Promise.all([...set.servers, ...set.sentinels].map((server) => server.freeze()));
      await expectEnd({ sentinels: set.sentinelAddresses, name: set.name }, what, freeze);
    });

    test.each(['handles', 'transport', 'frozen'])('ends after close, with a cluster: %s', async (what) => {
      const cluster = laboratory.keep(await startCluster({ replicasPerMaster: 0 }), (it) => it.stop());
      const freeze = () => Promise.all(cluster.nodes.map((node) => node.freeze()));
      await expectEnd({ cluster: cluster.addresses }, what, freeze);
    });

    async function expectEnd(options: RedisTransportOptions, what: string, freeze?: () => Promise<unknown>) {
      const program = new URL('exit-program.ts', import.meta.url);
      const loader = new URL('../../redis/test/support/typescript-loader.mjs', import.meta.url);
      const args = [
        '--conditions=@events/source',
        '--import',
        loader.href,
        program.pathname,
        kit.entry.href,
        JSON.stringify(options),
        what,
      ];
      const child = spawn(process.execPath, args, {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      const output = text(child.stdout);
      if (what === 'frozen') {
        await once(child.stdout, 'data');
        await freeze?.();
        child.stdin.write('go');
      }
      child.stdin.end();
      const [code] = await once(child, 'exit');
      expect([code, (await output).trim().split('\n').at(-1)]).toEqual([0, 'closed']);
    }
  });
}
