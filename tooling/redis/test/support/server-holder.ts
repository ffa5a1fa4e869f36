import { startRedis } from '../../src/index.js';

// A program that starts a server and never stops it. What it does next is its argument.
const server = await startRedis({ appendOnly: true });
const [, directory] = (await server.command('CONFIG', 'GET', 'dir')) as [string, string];
process.stdout.write(`${JSON.stringify({ pid: server.pid, directory })}\n`);

switch (process.argv[2]) {
  case 'hold':
    setInterval(() => undefined, 60_000);
    break;
  case 'hold frozen':
    await server.freeze();
    process.stdout.write('frozen\n');
    setInterval(() => undefined, 60_000);
    break;
  case 'exit':
    process.exit(3);
    break;
  case 'throw':
    throw new Error('as intended');
  default:
}
