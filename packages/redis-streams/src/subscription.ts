import { randomUUID } from 'node:crypto';
import {
  type Acknowledged,
  type Acknowledgement,
  type Claim,
  companionKey,
  type Entry,
  type Fields,
  type GroupProgress,
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
import { closedFailure, notOwner, RedisFailure, replyCodeOf } from './failures.js';
import { progress } from './janitor-scripts.js';
import { PartitionLease } from './partition-lease.js';
import type { ReadingConnection } from './reading-connection.js';
import { decodeArray, decodeInteger, decodePending, decodeText } from './replies.js';
import { callScript, type ScriptCall } from './run-script.js';
import * as scripts from './scripts.js';
import { StreamReader } from './stream-reader.js';

/** Looking at an entry is cheaper than changing it. */
const idsPerPage = 500;

/** The connections of a subscription. */
export interface SubscriptionConnections {
  readonly control: ConnectionLease;
  /** A connection of its own, for blocking reads. */
  openReader(): ReadingConnection;
}

/** One consumer of one group of one Redis stream. */
export class RedisSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  readonly #lease: ConnectionLease;
  readonly #onClose: () => void;
  readonly #retryKey: string;
  readonly #leaseKey: string;
  readonly #signsKey: string;
  readonly #token = randomUUID();
  readonly #reader: StreamReader;
  readonly #acknowledgements: Acknowledgements;
  readonly #scan: ClaimScan;
  readonly #partition: PartitionLease;
  #takeOvers = 0;
  #joined = false;
  #closing: Promise<void> | undefined;

  constructor(options: SubscriptionOptions, connections: SubscriptionConnections, onClose: () => void) {
    const { stream, group, consumer } = options;
    this.#options = options;
    this.#lease = connections.control;
    this.#onClose = onClose;
    this.#retryKey = companionKey(stream, `retry:${group}`);
    this.#leaseKey = companionKey(stream, `consumers:${group}:${consumer}`);
    this.#signsKey = companionKey(stream, 'groups');
    this.#partition = new PartitionLease(options);
    this.#reader = new StreamReader(options, connections.openReader, this.#partition);
    this.#acknowledgements = new Acknowledgements(options, this.#partition);
    this.#scan = new ClaimScan(options, this.#partition);
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
    const keys = [stream, this.#leaseKey, this.#signsKey];
    const call = { keys, args: [group, consumer, this.#token, String(leaseMs)] };
    return (await this.#script(scripts.register, call)) === 1;
  }

  async read(count: number, blockMs: number): Promise<readonly Entry[]> {
    this.#joined = true;
    const control = this.#control();
    if (this.#partition.isFence) return this.#reader.readOwned(count, blockMs, this.#takeOvers, control);
    return this.#reader.read(count, blockMs, control);
  }

  async interruptRead(): Promise<void> {
    this.#control();
    await this.#reader.interrupt(this.#lease);
  }

  async claim(idleMs: number, count: number): Promise<Claim> {
    this.#joined = true;
    return this.#scan.run(this.#control(), idleMs, count, controlWithinMs);
  }

  async progress(): Promise<GroupProgress> {
    const { stream, group } = this.#options;
    const reply = await callScript(this.#control(), progress, { keys: [stream], args: [group] }, controlWithinMs);
    const [now, pending, consumers, oldestPending, oldestUnread, last, missed] = decodeArray(reply, 'EVALSHA');
    const missedCount = decodeInteger(missed, 'EVALSHA');
    return {
      nowMs: decodeInteger(now, 'EVALSHA'),
      pending: decodeInteger(pending, 'EVALSHA'),
      consumers: decodeInteger(consumers, 'EVALSHA'),
      oldestPendingId: textOrNull(oldestPending),
      oldestUnreadId: textOrNull(oldestUnread),
      lastDeliveredId: decodeText(last, 'EVALSHA'),
      missed: missedCount < 0 ? null : missedCount,
    };
  }

  async own(leaseMs: number): Promise<boolean> {
    return this.#partition.own(this.#control(), leaseMs);
  }

  async disown(): Promise<void> {
    await this.#partition.disown(this.#control());
  }

  async takeOver(after: string, count: number): Promise<Claim> {
    if (!this.#partition.isFence) throw notOwner();
    this.#joined = true;
    // a lost answer does no harm: what it said is said again
    if (after === '0-0') this.#takeOvers += 1;
    const entries: PendingEntry[] = [];
    const vanished: string[] = [];
    for (let last = after; entries.length + vanished.length < count; ) {
      const most = Math.min(scripts.idsPerScript, count - entries.length - vanished.length);
      const call = this.#call([last, String(most), String(this.#takeOvers)], this.#partition.key);
      const [taken, gone] = decodeArray(await this.#script(scripts.takeOver, call), 'EVALSHA');
      const page = decodePending(taken);
      entries.push(...page);
      for (const id of decodeArray(gone, 'EVALSHA')) vanished.push(decodeText(id, 'EVALSHA'));
      if (page.length + decodeArray(gone, 'EVALSHA').length < most) break;
      last = page.at(-1)?.id ?? last;
    }
    return { entries, vanished };
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
    return moveToDeadLetters(
      { control: this.#control(), letters: this.#lease.connection(stream), partition: this.#partition },
      call,
      controlWithinMs,
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  #control(): Connection {
    if (this.#closing !== undefined) throw closedFailure('subscription');
    return this.#lease.connection(this.#options.stream);
  }

  #call(args: readonly (string | Buffer)[], ...keys: readonly string[]): ScriptCall {
    const { stream, group, consumer } = this.#options;
    return { keys: [stream, this.#retryKey, ...keys], args: [group, consumer, ...args] };
  }

  async #script(script: scripts.Script, call: ScriptCall): Promise<unknown> {
    return this.#partition.call(this.#control(), script, call, controlWithinMs);
  }

  async #setIdle(ids: readonly string[], idleMs: number): Promise<readonly string[]> {
    const control = this.#control();
    if (ids.length === 0) return [];
    const calls = chunks(ids, scripts.idsPerScript).map((some) => this.#call([String(idleMs), ...some]));
    const owned: string[] = [];
    for (const reply of await this.#partition.run(control, scripts.setIdle, calls, controlWithinMs)) {
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
    const keys = [stream, this.#leaseKey, this.#signsKey];
    const call = { keys, args: [group, consumer, this.#token] };
    try {
      await callScript(this.#lease.connection(stream), scripts.leave, call, controlWithinMs);
    } catch {
      // a courtesy to a successor: without it the lease ends by itself, and the consumer stays listed
    }
  }
}

function textOrNull(reply: unknown): string | null {
  return reply === null || reply === undefined ? null : decodeText(reply, 'EVALSHA');
}

function startId(from: GroupStart): string {
  if (from === 'beginning') return '0';
  if (from === 'latest') return '$';
  if ('entryId' in from) return from.entryId;
  // a group begins after an id: the last one of the millisecond before
  const time = Math.max(0, Math.ceil(from.time));
  return time === 0 ? '0' : `${time - 1}-18446744073709551615`;
}
