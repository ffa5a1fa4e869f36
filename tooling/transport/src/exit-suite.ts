import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

/** A process ends by itself once everything it opened is closed. */
export function exitSuite(kit: TransportKit): void {
  describe(`${kit.name}, in a process that should end`, () => {
    const laboratory = new Laboratory(kit);

    test.each(['handles', 'transport', 'frozen', 'unreachable'])('ends after close: %s', async (what) => {
      const server = await laboratory.server();
      const program = new URL('exit-program.ts', import.meta.url);
      const loader = new URL('../../redis/test/support/typescript-loader.mjs', import.meta.url);
      const args = [
        '--conditions=@events/source',
        '--import',
        loader.href,
        program.pathname,
        kit.entry.href,
        server.url,
        what,
      ];
      const child = spawn(process.execPath, args, {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      const output = text(child.stdout);
      if (what === 'frozen') {
        await once(child.stdout, 'data');
        await server.freeze();
        child.stdin.write('go');
      }
      child.stdin.end();
      const [code] = await once(child, 'exit');
      expect([code, (await output).trim().split('\n').at(-1)]).toEqual([0, 'closed']);
    });
  });
}
