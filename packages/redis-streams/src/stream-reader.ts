import type { Entry, SubscriptionOptions } from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import { exactEntries } from './entry-reader.js';
import { RedisFailure, replyCodeOf } from './failures.js';
import { decodeRead } from './replies.js';

const interruptAttempts = 20;
const interruptIntervalMs = 5;

/** Reads new entries over a connection of its own, because a read that waits lets nothing else through. */
export class StreamReader {
  readonly #options: SubscriptionOptions;
  readonly #open: () => Connection;
  #connection: Connection | undefined;
  #reading = false;

  constructor(options: SubscriptionOptions, open: () => Connection) {
    this.#options = options;
    this.#open = open;
  }

  async read(count: number, blockMs: number, control: Connection): Promise<readonly Entry[]> {
    const { stream, group, consumer } = this.#options;
    this.#connection ??= this.#open();
    const block = blockMs > 0 ? ['BLOCK', String(blockMs)] : [];
    const command = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), ...block, 'STREAMS', stream, '>'];
    this.#reading = true;
    try {
      const reply = await this.#connection.command(command, blockMs + controlWithinMs);
      return await exactEntries(decodeRead(reply), stream, control, controlWithinMs);
    } catch (error) {
      // a read that waits learns by UNBLOCKED alone that its stream is gone, or that the server has changed its role
      if (replyCodeOf(error) === 'UNBLOCKED') await control.command(['XPENDING', stream, group], controlWithinMs);
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  // The server may not have come to the read yet, and then finds nobody to wake. BLOCK is short: being denied is no harm.
  async interrupt(control: Connection): Promise<void> {
    for (let attempt = 1; this.#reading && attempt <= interruptAttempts; attempt += 1) {
      const clientId = this.#connection?.clientId;
      if (clientId === undefined) return;
      const [reply] = await control.exchange([['CLIENT', 'UNBLOCK', String(clientId)]], controlWithinMs);
      if (reply instanceof RedisFailure && reply.kind !== 'denied') throw reply;
      if (reply !== 0) return;
      await new Promise((resolve) => setTimeout(resolve, interruptIntervalMs));
    }
  }

  close(): void {
    this.#connection?.close();
  }
}
