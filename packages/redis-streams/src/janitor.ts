import { randomUUID } from 'node:crypto';
import {
  type ConsumerSurvey,
  companionKey,
  type GroupLoss,
  type GroupState,
  type Janitor,
  type JanitorTask,
  type Removal,
  type StreamState,
  type Trimmed,
  type TrimOrder,
} from '@events/core';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { closedFailure, invalidReply } from './failures.js';
import * as scripts from './janitor-scripts.js';
import { MemoryUsage } from './memory-usage.js';
import { decodeArray, decodeInteger, decodeText } from './replies.js';
import { callScript } from './run-script.js';
import type { Script } from './scripts.js';

/** What this server, or cluster, is for: under no prefix, so that every environment finds the same. */
const sealKey = 'events:seal';
/** All that is beyond a bound, however much that is, is removed at once: the caller has chosen to wait. */
const unlimitedWithinMs = 60_000;

/** Keeps Redis streams within bounds and groups in order: each verb is one script. */
export class RedisJanitor implements Janitor {
  readonly #control: ConnectionLease;
  readonly #onClose: () => void;
  readonly #token = randomUUID();
  readonly #memory: MemoryUsage;
  /** The turns taken, as keys, each with its stream. */
  readonly #turns = new Map<string, string>();
  #closing: Promise<void> | undefined;

  constructor(control: ConnectionLease, onClose: () => void) {
    this.#control = control;
    this.#onClose = onClose;
    this.#memory = new MemoryUsage((key) => this.#connection(key));
  }

  async takeTurn(stream: string, task: JanitorTask, forMs: number): Promise<boolean> {
    const key = turnKey(stream, task);
    // noted before it is known, in case the answer is lost
    this.#turns.set(key, stream);
    const reply = await this.#call(scripts.takeTurn, [key], [this.#token, String(Math.max(1, Math.ceil(forMs)))]);
    if (reply === 1) return true;
    this.#turns.delete(key);
    return false;
  }

  async endTurn(stream: string, task: JanitorTask): Promise<void> {
    const key = turnKey(stream, task);
    await this.#call(scripts.endTurn, [key], [this.#token]);
    this.#turns.delete(key);
  }

  async survey(stream: string): Promise<StreamState | undefined> {
    const [reply, [bytes = null]] = await Promise.all([
      this.#call(scripts.survey, [stream, signsKey(stream)], []),
      this.#memory.of([stream]),
    ]);
    if (reply === null || reply === undefined) return undefined;
    const [now, length, first, last, groups] = decodeArray(reply, 'EVALSHA');
    return {
      stream,
      nowMs: decodeInteger(now, 'EVALSHA'),
      length: decodeInteger(length, 'EVALSHA'),
      bytes,
      firstEntryId: textOrNull(first),
      lastGeneratedId: decodeText(last, 'EVALSHA'),
      groups: decodeArray(groups, 'EVALSHA').map(decodeGroup),
    };
  }

  async trim(stream: string, order: TrimOrder): Promise<Trimmed> {
    const { bound, limit, isExact, keepUnread } = order;
    const args = [
      numeral(bound.maxLength),
      bound.minId ?? '',
      numeral(limit),
      isExact ? '1' : '0',
      numeral(keepUnread?.silentMs),
      ...(keepUnread?.released ?? []),
    ];
    const withinMs = limit === null ? unlimitedWithinMs : controlWithinMs;
    const reply = await this.#call(scripts.trim, [stream, signsKey(stream)], args, withinMs);
    const [removed, length, first, groups, lost] = decodeArray(reply, 'EVALSHA');
    return {
      removed: decodeInteger(removed, 'EVALSHA'),
      length: decodeInteger(length, 'EVALSHA'),
      firstEntryId: textOrNull(first),
      groups: decodeInteger(groups, 'EVALSHA'),
      lost: decodeArray(lost, 'EVALSHA').map(decodeLoss),
    };
  }

  async removeGroup(stream: string, group: string, silentMs: number): Promise<Removal> {
    const keys = [stream, signsKey(stream), companionKey(stream, `retry:${group}`)];
    return decodeRemoval(await this.#call(scripts.removeGroup, keys, [group, String(silentMs)]));
  }

  async removeConsumer(stream: string, group: string, consumer: string, silentMs: number): Promise<Removal> {
    const keys = [stream, signsKey(stream)];
    return decodeRemoval(await this.#call(scripts.removeConsumer, keys, [group, String(silentMs), consumer]));
  }

  async seal(prefix: string): Promise<readonly string[]> {
    return decodePrefixes(await this.#call(scripts.seal, [sealKey], [prefix]));
  }

  async changeSeal(add: readonly string[], remove: readonly string[]): Promise<readonly string[]> {
    return decodePrefixes(await this.#call(scripts.changeSeal, [sealKey], [String(add.length), ...add, ...remove]));
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  #connection(key: string): Connection {
    if (this.#closing !== undefined) throw closedFailure('janitor');
    return this.#control.connection(key);
  }

  async #call(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
    withinMs = controlWithinMs,
  ): Promise<unknown> {
    return callScript(this.#connection(keys[0] ?? ''), script, { keys, args }, withinMs);
  }

  async #leave(): Promise<void> {
    const returns = [...this.#turns].map(async ([key, stream]) =>
      callScript(
        this.#control.connection(stream),
        scripts.endTurn,
        { keys: [key], args: [this.#token] },
        controlWithinMs,
      ),
    );
    // a courtesy to others: without it a turn ends by itself
    await Promise.allSettled(returns);
    this.#control.release();
    this.#onClose();
  }
}

/** Where the signs of life of a stream's groups and consumers are kept. */
function signsKey(stream: string): string {
  return companionKey(stream, 'groups');
}

function turnKey(stream: string, task: JanitorTask): string {
  return companionKey(stream, `groups:turn:${task}`);
}

function numeral(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : String(Math.max(0, Math.floor(value)));
}

function textOrNull(reply: unknown): string | null {
  return reply === null || reply === undefined ? null : decodeText(reply, 'EVALSHA');
}

function decodeGroup(reply: unknown): GroupState {
  const [name, pending, lowest, last, floor, silent, consumers] = decodeArray(reply, 'EVALSHA');
  return {
    name: decodeText(name, 'EVALSHA'),
    pending: decodeInteger(pending, 'EVALSHA'),
    lowestPendingId: textOrNull(lowest),
    lastDeliveredId: decodeText(last, 'EVALSHA'),
    floor: decodeText(floor, 'EVALSHA'),
    silentMs: decodeInteger(silent, 'EVALSHA'),
    consumers: decodeArray(consumers, 'EVALSHA').map(decodeConsumer),
  };
}

function decodeConsumer(reply: unknown): ConsumerSurvey {
  const [name, pending, silent] = decodeArray(reply, 'EVALSHA');
  return {
    name: decodeText(name, 'EVALSHA'),
    pending: decodeInteger(pending, 'EVALSHA'),
    silentMs: decodeInteger(silent, 'EVALSHA'),
  };
}

function decodeLoss(reply: unknown): GroupLoss {
  const [group, unread, pending] = decodeArray(reply, 'EVALSHA');
  return {
    group: decodeText(group, 'EVALSHA'),
    unread: decodeInteger(unread, 'EVALSHA'),
    pending: decodeInteger(pending, 'EVALSHA'),
  };
}

function decodeRemoval(reply: unknown): Removal {
  const text = decodeText(reply, 'EVALSHA');
  if (text === 'removed' || text === 'alive' || text === 'in-use' || text === 'missing') return text;
  throw invalidReply('EVALSHA');
}

function decodePrefixes(reply: unknown): readonly string[] {
  const members = reply instanceof Set ? [...reply] : decodeArray(reply, 'EVALSHA');
  return members.map((member) => decodeText(member, 'EVALSHA')).sort();
}
