import { type RedisServer, until } from '@events/tooling-redis';
import { groupName, streamName } from './sides/side.js';

/** A measurement whose results are not what was sent is worth nothing. */
export class CountMismatch extends Error {
  override readonly name = 'CountMismatch';
}

export async function expectLength(server: RedisServer, length: number): Promise<void> {
  const stored = Number(await server.command('XLEN', streamName));
  if (stored !== length) throw new CountMismatch(`The stream has ${stored} entries instead of ${length}`);
}

export async function pendingCount(server: RedisServer): Promise<number> {
  const summary = await server.command('XPENDING', streamName, groupName);
  return Number(Array.isArray(summary) ? summary[0] : Number.NaN);
}

/** Acknowledgements may come a little after the last handler. */
export async function expectNothingPending(server: RedisServer): Promise<void> {
  await until(async () => (await pendingCount(server)) === 0, { message: 'nothing to be pending', timeoutMs: 5_000 });
}

/** Throws unless the events 0, 1, 2 … `count - 1` add up to `checksum`. */
export function expectChecksum(checksum: number, count: number): void {
  const expected = (count * (count - 1)) / 2;
  if (checksum !== expected)
    throw new CountMismatch(`The sequence numbers add up to ${checksum} instead of ${expected}`);
}
