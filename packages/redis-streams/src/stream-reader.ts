import type { Entry, SubscriptionOptions } from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { exactEntries } from './entry-reader.js';
import { RedisFailure, redirectionOf, replyCodeOf, unknownOutcome } from './failures.js';
import type { PartitionLease } from './partition-lease.js';
import type { ReadingConnection } from './reading-connection.js';
import { decodeArray, decodeEntries, decodeRead, decodeText } from './replies.js';
import { readOwned } from './scripts.js';

const interruptAttempts = 20;
const interruptIntervalMs = 5;

/** Reads new entries over a connection of its own, because a read that waits lets nothing else through. */
export class StreamReader {
  readonly #options: SubscriptionOptions;
  readonly #open: () => ReadingConnection;
  readonly #partition: PartitionLease;
  #connection: ReadingConnection | undefined;
  #reading = false;

  constructor(options: SubscriptionOptions, open: () => ReadingConnection, partition: PartitionLease) {
    this.#options = options;
    this.#open = open;
    this.#partition = partition;
  }

  async read(count: number, blockMs: number, control: Connection): Promise<readonly Entry[]> {
    const { stream, group, consumer } = this.#options;
    this.#connection ??= this.#open();
    const block = blockMs > 0 ? ['BLOCK', String(blockMs)] : [];
    const command = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), ...block, 'STREAMS', stream, '>'];
    this.#reading = true;
    try {
      const reply = await this.#connection.command(command, blockMs + controlWithinMs);
      return await asStored(decodeRead(reply), stream, control);
    } catch (error) {
      // its slot has moved while it waited: the next read goes to the new owner
      if (redirectionOf(error) !== undefined) return [];
      // a read that waits learns by UNBLOCKED alone that its stream is gone, or that the server has changed its role
      if (replyCodeOf(error) === 'UNBLOCKED') await control.command(['XPENDING', stream, group], controlWithinMs);
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  /**
   * Reads as the owner of the stream. A command that blocks cannot ask who owns it when it is served: it only waits here,
   * for anybody's entries, and what is read is read in one step with the question. `takeOvers` = how many there were.
   */
  async readOwned(count: number, blockMs: number, takeOvers: number, control: Connection): Promise<readonly Entry[]> {
    const { stream, group, consumer } = this.#options;
    this.#connection ??= this.#open();
    const connection = this.#connection;
    const call = { keys: [stream, this.#partition.key], args: [group, consumer, String(count), String(takeOvers)] };
    const take = async () => {
      const reply = await this.#partition.call(connection, readOwned, call, controlWithinMs);
      const [entries, lastId] = decodeArray(reply, 'EVALSHA');
      return { entries: decodeEntries(entries, 'EVALSHA'), lastId: decodeText(lastId, 'EVALSHA') };
    };
    this.#reading = true;
    try {
      const { entries, lastId } = await take();
      if (entries.length > 0 || blockMs <= 0) return await asStored(entries, stream, control);
      const wait = ['XREAD', 'COUNT', '1', 'BLOCK', String(blockMs), 'STREAMS', stream, lastId];
      const news = await connection.command(wait, blockMs + controlWithinMs);
      if (news === null || news === undefined) return [];
      return await asStored((await take()).entries, stream, control);
    } catch (error) {
      if (redirectionOf(error) !== undefined) return [];
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  // The server may not have come to the read yet, and then finds nobody to wake. BLOCK is short: being denied is no harm.
  async interrupt(control: ConnectionLease): Promise<void> {
    for (let attempt = 1; this.#reading && attempt <= interruptAttempts; attempt += 1) {
      const { clientId, shard } = this.#connection ?? {};
      if (clientId === undefined || shard === undefined) return;
      const [reply] = await control
        .connectionTo(shard)
        .exchange([['CLIENT', 'UNBLOCK', String(clientId)]], controlWithinMs);
      if (reply instanceof RedisFailure && reply.kind !== 'denied') throw reply;
      if (reply !== 0) return;
      await new Promise((resolve) => setTimeout(resolve, interruptIntervalMs));
    }
  }

  close(): void {
    this.#connection?.close();
  }
}

// What was read is this consumer's already: that its bytes could not be fetched must not pass for a read that did nothing.
async function asStored(
  entries: Parameters<typeof exactEntries>[0],
  stream: string,
  control: Connection,
): Promise<readonly Entry[]> {
  try {
    return await exactEntries(entries, stream, control, controlWithinMs);
  } catch (error) {
    if (!(error instanceof RedisFailure) || error.kind === 'closed') throw error;
    throw unknownOutcome(`Entries were read, and their bytes could not be fetched: ${error.message}`);
  }
}
