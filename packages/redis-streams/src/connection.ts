import type { Command, ReplyEncoding } from './connector.js';
import type { RedisFailure } from './failures.js';
import type { Shard } from './shard.js';

/** How long a connection may stay silent: the deadline of everything but appends, and what a blocking read gets beyond its BLOCK. */
export const controlWithinMs = 2_000;

/** Where commands about a stream are sent: its server, or in a cluster whichever node is in charge of its slot. */
export interface Connection {
  /** Counts the physical connections there have been. */
  readonly generation: number;

  /** The part of the data that it leads to now; `undefined` while that is not known. */
  readonly shard: Shard | undefined;

  /**
   * Sends `commands` in one write and resolves with a reply or a `RedisFailure` for each. Rejects when nothing was sent
   * (`offline`, `denied`, `closed`). Settles within `withinMs`. In a cluster all of them concern one slot, or no key.
   */
  exchange(commands: readonly Command[], withinMs: number, encoding?: ReplyEncoding): Promise<readonly unknown[]>;

  /** As `exchange`, for one command: resolves with its reply, or rejects. */
  command(command: Command, withinMs: number, encoding?: ReplyEncoding): Promise<unknown>;

  /** Resolves when it is open; rejects after so many failed attempts, or at once when the credentials are refused. */
  opened(attempts: number): Promise<void>;

  /** Opens the connection anew, because of an answer that was part of a reply. */
  renew(failure: RedisFailure): void;

  /** Has it looked into, without using the connection, whether its server is still in charge. */
  suspect(): void;
}
