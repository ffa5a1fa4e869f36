import { randomUUID } from 'node:crypto';
import {
  type Acknowledged,
  type Acknowledgement,
  type Claim,
  companionKey,
  type Entry,
  type Fields,
  type GroupStart,
  type PendingEntry,
  type Subscription,
  type SubscriptionOptions,
} from '@events/core';
import { Acknowledgements } from './acknowledgements.js';
import { chunks } from './chunks.js';
import { ClaimScan } from './claim-scan.js';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { moveToDeadLetters } from './dead-letters.js';
import { argumentOf, fetchEntries } from './entry-reader.js';
import { closedFailure, RedisFailure, replyCodeOf } from './failures.js';
import { decodeArray, decodePending, decodeText } from './replies.js';
import { callScript, runScript, type ScriptCall } from './run-script.js';
import * as scripts from './scripts.js';
import { StreamReader } from './stream-reader.js';

/** Looking at an entry is cheaper than changing it. */
const idsPerPage = 500;

/** The connections of a subscription. */
export interface SubscriptionConnections {
  readonly control: ConnectionLease;
  /** A connection of its own, for blocking reads. */
  openReader(): Connection;
}

/** One consumer of one group of one Redis stream. */
export class RedisSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  readonly #lease: ConnectionLease;
  readonly #onClose: () => void;
  readonly #retryKey: string;
  readonly #leaseKey: string;
  readonly #token = randomUUID();
  readonly #reader: StreamReader;
  readonly #acknowledgements: Acknowledgements;
  readonly #scan: ClaimScan;
  #joined = false;
  #closing: Promise<void> | undefined;

  constructor(options: SubscriptionOptions, connections: SubscriptionConnections, onClose: () => void) {
    const { stream, group, consumer } = options;
    this.#options = options;
    this.#lease = connections.control;
    this.#onClose = onClose;
    this.#retryKey = companionKey(stream, `retry:${group}`);
    this.#leaseKey = companionKey(stream, `consumers:${group}:${consumer}`);
    this.#reader = new StreamReader(options, connections.openReader);
    this.#acknowledgements = new Acknowledgements(options);
    this.#scan = new ClaimScan(options);
  }

  async ensureGroup(from: GroupStart): Promise<boolean> {
    const { stream, group } = this.#options;
    const command = ['XGROUP', 'CREATE', stream, group, startId(from), 'MKSTREAM'];
    const [reply] = await this.#control().exchange([command], controlWithinMs);
    if (!(reply instanceof RedisFailure)) return true;
    if (replyCodeOf(reply) === 'BUSYGROUP') return false;
    throw reply;
  }

  async register(leaseMs: number): Promise<boolean> {
    this.#joined = true;
    const { stream, group, consumer } = this.#options;
    const call = { keys: [stream, this.#leaseKey], args: [group, consumer, this.#token, String(leaseMs)] };
    return (await this.#script(scripts.register, call)) === 1;
  }

  async read(count: number, blockMs: number): Promise<readonly Entry[]> {
    this.#joined = true;
    return this.#reader.read(count, blockMs, this.#control());
  }

  async interruptRead(): Promise<void> {
    await this.#reader.interrupt(this.#control());
  }

  async claim(idleMs: number, count: number): Promise<Claim> {
    this.#joined = true;
    return this.#scan.run(this.#control(), idleMs, count, controlWithinMs);
  }

  async owned(after: string, count: number): Promise<readonly PendingEntry[]> {
    const entries: PendingEntry[] = [];
    for (let last = after; entries.length < count; ) {
      const most = Math.min(idsPerPage, count - entries.length);
      const page = decodePending(await this.#script(scripts.owned, this.#call([last, String(most)])));
      entries.push(...page);
      if (page.length < most) break;
      last = page.at(-1)?.id ?? last;
    }
    return entries;
  }

  async fetch(ids: readonly string[]): Promise<readonly Entry[]> {
    return fetchEntries(ids, this.#options.stream, this.#control(), controlWithinMs);
  }

  async start(id: string, deliveries: number): Promise<boolean> {
    return (await this.#script(scripts.start, this.#call([id, String(deliveries)]))) === 1;
  }

  keepAlive(ids: readonly string[]): Promise<readonly string[]> {
    return this.#setIdle(ids, 0);
  }

  async release(ids: readonly string[]): Promise<number> {
    const released = await this.#setIdle(ids, scripts.releasedIdleMs);
    if (released.length > 0) this.#scan.releasedOwn();
    return released.length;
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<Acknowledged> {
    return this.#acknowledgements.acknowledge(acknowledgement, this.#control());
  }

  async handled(eventIds: readonly string[], windowMs: number): Promise<readonly boolean[]> {
    return this.#acknowledgements.handled(eventIds, windowMs, this.#control());
  }

  async postpone(id: string, record: string): Promise<boolean> {
    return (await this.#script(scripts.postpone, this.#call([id, record]))) === 1;
  }

  async deadLetter(id: string, stream: string, provenance: Fields): Promise<'moved' | 'not-owned' | 'vanished'> {
    const call = this.#call([id, ...provenance.map(argumentOf)], stream);
    return moveToDeadLetters(this.#control(), call, controlWithinMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  #control(): Connection {
    if (this.#closing !== undefined) throw closedFailure('subscription');
    return this.#lease.connection();
  }

  #call(args: readonly (string | Buffer)[], ...keys: readonly string[]): ScriptCall {
    const { stream, group, consumer } = this.#options;
    return { keys: [stream, this.#retryKey, ...keys], args: [group, consumer, ...args] };
  }

  async #script(script: scripts.Script, call: ScriptCall): Promise<unknown> {
    return callScript(this.#control(), script, call, controlWithinMs);
  }

  async #setIdle(ids: readonly string[], idleMs: number): Promise<readonly string[]> {
    const control = this.#control();
    if (ids.length === 0) return [];
    const calls = chunks(ids, scripts.idsPerScript).map((some) => this.#call([String(idleMs), ...some]));
    const owned: string[] = [];
    for (const reply of await runScript(control, scripts.setIdle, calls, controlWithinMs)) {
      if (reply instanceof RedisFailure) throw reply;
      for (const id of decodeArray(reply, 'EVALSHA')) owned.push(decodeText(id, 'EVALSHA'));
    }
    return owned;
  }

  async #leave(): Promise<void> {
    this.#reader.close();
    if (this.#joined) await this.#giveUpName();
    this.#lease.release();
    this.#onClose();
  }

  async #giveUpName(): Promise<void> {
    const { stream, group, consumer } = this.#options;
    const call = { keys: [stream, this.#leaseKey], args: [group, consumer, this.#token] };
    try {
      await callScript(this.#lease.connection(), scripts.leave, call, controlWithinMs);
    } catch {
      // a courtesy to a successor: without it the lease ends by itself, and the consumer stays listed
    }
  }
}

function startId(from: GroupStart): string {
  if (from === 'beginning') return '0';
  if (from === 'latest') return '$';
  if ('entryId' in from) return from.entryId;
  // a group begins after an id: the last one of the millisecond before
  const time = Math.max(0, Math.ceil(from.time));
  return time === 0 ? '0' : `${time - 1}-18446744073709551615`;
}
