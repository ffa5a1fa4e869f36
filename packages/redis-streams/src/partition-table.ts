import { randomUUID } from 'node:crypto';
import { companionKey, type PartitionTable } from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { closedFailure } from './failures.js';
import { decodeArray, decodeInteger, decodeText } from './replies.js';
import { callScript } from './run-script.js';
import * as scripts from './scripts.js';

/** What is agreed on about the partitions of a Redis stream, kept in two keys beside it. */
export class RedisPartitionTable implements PartitionTable {
  readonly #stream: string;
  readonly #countKey: string;
  readonly #handle = randomUUID();
  readonly #control: ConnectionLease;
  readonly #onClose: () => void;
  #closed = false;

  constructor(stream: string, control: ConnectionLease, onClose: () => void) {
    this.#stream = stream;
    this.#countKey = companionKey(stream, 'partitions');
    this.#control = control;
    this.#onClose = onClose;
  }

  async agree(count: number): Promise<number> {
    return decodeInteger(await this.#call(scripts.agree, this.#countKey, String(count)), 'EVALSHA');
  }

  async change(from: number, to: number): Promise<number> {
    return decodeInteger(await this.#call(scripts.changeCount, this.#countKey, String(from), String(to)), 'EVALSHA');
  }

  async announce(group: string, consumer: string, forMs: number): Promise<readonly string[] | undefined> {
    const reply = await this.#call(
      scripts.announce,
      this.#membersKey(group),
      ...[consumer, this.#handle, String(forMs)],
    );
    if (reply === null || reply === undefined) return undefined;
    return decodeArray(reply, 'EVALSHA')
      .map((name) => decodeText(name, 'EVALSHA'))
      .sort();
  }

  async withdraw(group: string, consumer: string): Promise<void> {
    await this.#call(scripts.withdraw, this.#membersKey(group), consumer, this.#handle);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#control.release();
    this.#onClose();
  }

  #membersKey(group: string): string {
    return companionKey(this.#stream, `partitions:${group}`);
  }

  async #call(script: scripts.Script, key: string, ...args: readonly string[]): Promise<unknown> {
    return callScript(this.#connection(), script, { keys: [key], args }, controlWithinMs);
  }

  #connection(): Connection {
    if (this.#closed) throw closedFailure('partition table');
    return this.#control.connection(this.#stream);
  }
}
