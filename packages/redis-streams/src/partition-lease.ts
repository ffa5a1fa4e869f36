import { randomUUID } from 'node:crypto';
import { companionKey, type SubscriptionOptions } from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import { RedisFailure } from './failures.js';
import { decodeText } from './replies.js';
import { callScript, runScript, type ScriptCall } from './run-script.js';
import { disown, fenced, own, type Script } from './scripts.js';

/** One handle's lease on a stream that is a partition, and the fence around what is done under it. */
export class PartitionLease {
  readonly key: string;
  readonly #signsKey: string;
  readonly #names: readonly string[];
  readonly #handle = randomUUID();
  /** What the server gave last; '' = this handle has never been the owner, and is fenced by nothing. */
  #token = '';
  #isOwner = false;

  constructor({ stream, group, consumer }: SubscriptionOptions) {
    this.#signsKey = companionKey(stream, 'groups');
    this.#names = [group, consumer];
    this.key = companionKey(stream, `partitions:${group}`);
  }

  /** Whether this handle has been the owner: from then on it does nothing without being it. */
  get isFence(): boolean {
    return this.#token !== '';
  }

  async own(control: Connection, leaseMs: number): Promise<boolean> {
    const args = [this.#handle, this.#isOwner ? this.#token : '', String(leaseMs), ...this.#names];
    const reply = await callScript(control, own, { keys: [this.key, this.#signsKey], args }, controlWithinMs);
    if (reply === 0) return false;
    this.#token = decodeText(reply, 'EVALSHA');
    this.#isOwner = true;
    return true;
  }

  async disown(control: Connection): Promise<void> {
    if (!this.#isOwner) return;
    this.#isOwner = false;
    const args = [this.#handle, this.#token];
    await callScript(control, disown, { keys: [this.key], args }, controlWithinMs);
  }

  /** As `runScript`, behind the fence if there is one. */
  run(
    connection: Connection,
    script: Script,
    calls: readonly ScriptCall[],
    withinMs: number,
  ): Promise<readonly unknown[]> {
    if (!this.isFence) return runScript(connection, script, calls, withinMs);
    const fencedCalls = calls.map(({ keys, args }) => ({
      keys: [...keys, this.key],
      args: [...args, this.#handle, this.#token],
    }));
    return runScript(connection, fenced(script), fencedCalls, withinMs);
  }

  /** As `callScript`, behind the fence if there is one. */
  async call(connection: Connection, script: Script, call: ScriptCall, withinMs: number): Promise<unknown> {
    const [reply] = await this.run(connection, script, [call], withinMs);
    if (reply instanceof RedisFailure) throw reply;
    return reply;
  }
}
