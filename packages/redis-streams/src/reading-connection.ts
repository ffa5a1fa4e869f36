import type { Connection } from './connection.js';
import { type PoolOptions, ShardConnections } from './connection-pool.js';
import type { Command, ReplyEncoding } from './connector.js';
import { closedFailure, RedisFailure } from './failures.js';
import type { ServerConnection } from './server-connection.js';
import type { Shard } from './shard.js';

/** A connection of its own for reads of one stream, one after another: a read that waits lets nothing else through. */
export class ReadingConnection implements Connection {
  readonly #stream: string;
  readonly #options: PoolOptions;
  readonly #onClose: () => void;
  #connections: ShardConnections | undefined;
  #current: ServerConnection | undefined;
  #closed = false;

  constructor(stream: string, options: Omit<PoolOptions, 'role'>, onClose: () => void) {
    this.#stream = stream;
    this.#options = {
      ...options,
      role: 'reader',
      open: (shard) => {
        this.#current = options.open(shard);
        return this.#current;
      },
    };
    this.#onClose = onClose;
  }

  /** The server's number for the connection that is open now. */
  get clientId(): number | undefined {
    return this.#current?.clientId;
  }

  /** Where that server is. */
  get shard(): Shard | undefined {
    return this.#current?.shard;
  }

  get generation(): number {
    return this.#about().generation;
  }

  async exchange(
    commands: readonly Command[],
    withinMs: number,
    encoding?: ReplyEncoding,
  ): Promise<readonly unknown[]> {
    try {
      return await this.#about().exchange(commands, withinMs, encoding);
    } finally {
      // where the slot has moved to another node, the connection to the former one is of no more use
      if (this.#current !== undefined) this.#connections?.keepOnly(this.#current.shard);
    }
  }

  async command(command: Command, withinMs: number, encoding?: ReplyEncoding): Promise<unknown> {
    const [reply] = await this.exchange([command], withinMs, encoding);
    if (reply instanceof RedisFailure) throw reply;
    return reply;
  }

  async opened(attempts: number): Promise<void> {
    await this.#about().opened(attempts);
  }

  renew(failure: RedisFailure): void {
    this.#about().renew(failure);
  }

  suspect(): void {
    this.#about().suspect();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connections?.close();
    this.#onClose();
  }

  #about(): Connection {
    if (this.#closed) throw closedFailure('connection');
    this.#connections ??= new ShardConnections(this.#options);
    return this.#connections.about(this.#stream);
  }
}
