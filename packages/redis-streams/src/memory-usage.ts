import { chunks } from './chunks.js';
import { type Connection, controlWithinMs } from './connection.js';
import { RedisFailure } from './failures.js';
import { decodeInteger } from './replies.js';

const keysPerExchange = 50;

/** Asks how much memory keys take. Once that is denied it is not asked again: each denial is a line in the server's log. */
export class MemoryUsage {
  readonly #connectionFor: (key: string) => Connection;
  #isDenied = false;

  constructor(connectionFor: (key: string) => Connection) {
    this.#connectionFor = connectionFor;
  }

  /** As the server estimates it, at the same index; `null` where it has no such key or may not be asked. */
  async of(keys: readonly string[]): Promise<readonly (number | null)[]> {
    const bytes = new Array<number | null>(keys.length).fill(null);
    const places = new Map<Connection, number[]>();
    for (const [place, key] of keys.entries()) {
      const connection = this.#connectionFor(key);
      const own = places.get(connection);
      if (own === undefined) places.set(connection, [place]);
      else own.push(place);
    }
    const parts = Array.from(places, async ([connection, own]) => {
      for (const some of chunks(own, keysPerExchange)) {
        if (this.#isDenied) return;
        const commands = some.map((place) => ['MEMORY', 'USAGE', keys[place] ?? '']);
        const replies = await connection.exchange(commands, controlWithinMs);
        for (const [index, place] of some.entries()) bytes[place] = this.#decode(replies[index]);
      }
    });
    await Promise.all(parts);
    return bytes;
  }

  #decode(reply: unknown): number | null {
    if (!(reply instanceof RedisFailure)) {
      return reply === null || reply === undefined ? null : decodeInteger(reply, 'MEMORY');
    }
    // a server without the command answers as `invalid`
    if (reply.kind !== 'denied' && reply.kind !== 'invalid') throw reply;
    if (reply.kind === 'denied') this.#isDenied = true;
    return null;
  }
}
