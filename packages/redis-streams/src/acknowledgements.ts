import { type Acknowledged, type Acknowledgement, companionKey, type SubscriptionOptions } from '@events/core';
import { chunks } from './chunks.js';
import { type Connection, controlWithinMs } from './connection.js';
import { RedisFailure } from './failures.js';
import { HandledMarks } from './marks.js';
import type { PartitionLease } from './partition-lease.js';
import { decodeArray, decodeInteger } from './replies.js';
import type { ScriptCall } from './run-script.js';
import { acknowledge, acknowledgePlainly, idsPerScript } from './scripts.js';

const idsPerCommand = 1_000;

/** Acknowledges entries, and remembers which events were handled. */
export class Acknowledgements {
  readonly #options: SubscriptionOptions;
  readonly #retryKey: string;
  readonly #marks: HandledMarks;
  readonly #partition: PartitionLease;

  constructor(options: SubscriptionOptions, partition: PartitionLease) {
    const { stream, group } = options;
    this.#options = options;
    this.#partition = partition;
    this.#retryKey = companionKey(stream, `retry:${group}`);
    this.#marks = new HandledMarks(stream, group);
  }

  async acknowledge(acknowledgement: Acknowledgement, control: Connection): Promise<Acknowledged> {
    const { ids, postponed, marks } = acknowledgement;
    const eventIds = marks?.eventIds ?? [];
    if (ids.length === 0 && eventIds.length === 0) return { count: 0, effectiveWindowMs: null };
    const acknowledged =
      postponed.length === 0 && eventIds.length === 0
        ? { count: await this.#plainly(ids, control), effectiveWindowMs: null }
        : await this.#byScript(acknowledgement, control);
    // XACK answers 0 for a group that is gone, too: XPENDING tells
    const { stream, group } = this.#options;
    if (acknowledged.count === 0 && ids.length > 0) await control.command(['XPENDING', stream, group], controlWithinMs);
    return acknowledged;
  }

  async handled(eventIds: readonly string[], windowMs: number, control: Connection): Promise<readonly boolean[]> {
    if (eventIds.length === 0) return [];
    const commands = this.#marks.liveKeys(windowMs).map((key) => ['SMISMEMBER', key, ...eventIds]);
    const found = eventIds.map(() => false);
    for (const reply of await control.exchange(commands, controlWithinMs)) {
      if (reply instanceof RedisFailure) throw reply;
      for (const [index, member] of decodeArray(reply, 'SMISMEMBER').entries()) {
        if (decodeInteger(member, 'SMISMEMBER') === 1) found[index] = true;
      }
    }
    return found;
  }

  async #plainly(ids: readonly string[], control: Connection): Promise<number> {
    const { stream, group } = this.#options;
    const batches = chunks(ids, idsPerCommand);
    const replies = this.#partition.isFence
      ? await this.#partition.run(
          control,
          acknowledgePlainly,
          batches.map((some) => ({ keys: [stream], args: [group, ...some] })),
          controlWithinMs,
        )
      : await control.exchange(
          batches.map((some) => ['XACK', stream, group, ...some]),
          controlWithinMs,
        );
    let count = 0;
    for (const reply of replies) {
      if (reply instanceof RedisFailure) throw reply;
      count += decodeInteger(reply, 'XACK');
    }
    return count;
  }

  async #byScript(acknowledgement: Acknowledgement, control: Connection): Promise<Acknowledged> {
    const { marks } = acknowledgement;
    let count = 0;
    let dropped = 0;
    const calls = this.#calls(acknowledgement);
    for (const reply of await this.#partition.run(control, acknowledge, calls, controlWithinMs)) {
      if (reply instanceof RedisFailure) throw reply;
      const [acknowledged, left] = decodeArray(reply, 'EVALSHA');
      count += decodeInteger(acknowledged, 'EVALSHA');
      dropped = Math.max(dropped, decodeInteger(left, 'EVALSHA'));
    }
    return {
      count,
      effectiveWindowMs: marks === undefined ? null : this.#marks.effectiveWindow(marks.windowMs, dropped),
    };
  }

  // Each run marks as many events as it acknowledges entries. Should one more be marked than acknowledged before a crash,
  // then one is delivered once more and known as handled; the events of an acknowledgement were handled, every one.
  #calls({ ids, postponed, marks }: Acknowledgement): ScriptCall[] {
    const { stream, group } = this.#options;
    const marking = marks === undefined ? { keys: [], lifeMs: 0 } : this.#marks.forMarking(marks);
    const limits = [String(marking.lifeMs), String(marks?.maxEntries ?? 0)];
    const withRecord = new Set(postponed);
    const eventIds = marks?.eventIds ?? [];
    const calls: ScriptCall[] = [];
    for (let from = 0; from < Math.max(ids.length, eventIds.length); from += idsPerScript) {
      const some = ids.slice(from, from + idsPerScript);
      const records = some.filter((id) => withRecord.has(id));
      const events = eventIds.slice(from, from + idsPerScript);
      calls.push({
        keys: [stream, this.#retryKey, ...(events.length === 0 ? [] : marking.keys)],
        args: [group, String(some.length), String(records.length), ...limits, ...some, ...records, ...events],
      });
    }
    return calls;
  }
}
