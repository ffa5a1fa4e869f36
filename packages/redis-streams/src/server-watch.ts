import type { Finding } from '@events/core';
import { probeCapabilities, type RedisCapabilities } from './capabilities.js';
import { type Connection, controlWithinMs } from './connection.js';

/** Asks servers what they offer and how they are set, and tells what is wrong, once for each server. */
export class ServerWatch {
  readonly #tell: (finding: Finding) => void;
  readonly #asked = new WeakMap<
    Connection,
    { readonly generation: number; readonly answer: Promise<RedisCapabilities> }
  >();
  readonly #seen = new Set<string>();

  constructor(tell: (finding: Finding) => void) {
    this.#tell = tell;
  }

  /** What the server at `address` answers over `connection`; asked once for each physical connection. */
  ask(connection: Connection, address: string): Promise<RedisCapabilities> {
    const { generation } = connection;
    const known = this.#asked.get(connection);
    if (known?.generation === generation) return known.answer;
    const answer = probeCapabilities(connection, controlWithinMs, address);
    const asked = { generation, answer };
    this.#asked.set(connection, asked);
    answer.catch(() => {
      // whoever asked hears it; the next one asks again
      if (this.#asked.get(connection) === asked) this.#asked.delete(connection);
    });
    return answer;
  }

  /** Tells what is wrong with a server that a connection was opened to, the first time. Nobody waits for it. */
  async look(connection: Connection, address: string): Promise<void> {
    if (this.#seen.has(address)) return;
    this.#seen.add(address);
    try {
      const { findings } = await this.ask(connection, address);
      for (const finding of findings) this.#tell(finding);
    } catch {
      // the connection failed meanwhile, which its users hear; the next one is asked again
      this.#seen.delete(address);
    }
  }
}
