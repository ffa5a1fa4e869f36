import type { AppendAnswer, Appender, AppenderOptions, Capabilities, NewEntry } from '@events/core';
import type { AppendMode } from './append-mode.js';
import { type AppendRun, appendRuns, mostValuesPerEntry, rehearsal, runAnswers } from './append-script.js';
import type { Connection } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import type { Command } from './connector.js';
import { answersWithin, type Reach, reachOf, waitCommand } from './durability.js';
import { argumentOf } from './entry-reader.js';
import { closedFailure, codesThatEndConnections, RedisFailure, replyCodeOf, unknownOutcome } from './failures.js';
import { type IdempotentReply, idempotentReply, idempotentRuns } from './idempotency-script.js';
import { ShortenedNotice } from './shortened-notice.js';
import { WaitSupport } from './wait-support.js';

/** Below this a script costs more than it saves. */
const fewestForScript = 4;
const mostStreamsRemembered = 1_000;

/** What an appender is made of. */
export interface AppenderParts {
  readonly writer: ConnectionLease;
  readonly mode: AppendMode;
  readonly options: AppenderOptions;
  /** What the server offers, asked on another connection. */
  capabilities(): Promise<Capabilities>;
  onClose(): void;
}

/** Where entries go, and what waits for their durability there. */
interface Target {
  readonly connection: Connection;
  readonly wait: Command | undefined;
}

/** What an exchange brought: a reply for each command, and how far that is replicated where this was asked. */
interface Replies {
  readonly replies: readonly unknown[];
  readonly reach: Reach | undefined;
}

/** Stores entries over one connection for writing, in as few writes as possible. */
export class RedisAppender implements Appender {
  readonly #parts: AppenderParts;
  readonly #wait: Command | undefined;
  readonly #support: WaitSupport | undefined;
  readonly #notice: ShortenedNotice | undefined;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Whether the script may be used on a stream; `undefined` while that is being asked. */
  readonly #mayScript = new Map<string, boolean | undefined>();
  #closing: Promise<void> | undefined;

  constructor(parts: AppenderParts) {
    this.#parts = parts;
    const { durability, idempotency } = parts.options;
    this.#wait = waitCommand(durability);
    if (durability.level === 'fsync') this.#support = new WaitSupport(() => parts.capabilities());
    if (idempotency !== undefined) this.#notice = new ShortenedNotice(idempotency.onShortened);
  }

  append(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    if (this.#closing !== undefined) return Promise.resolve(sameForAll(entries.length, closedFailure('appender')));
    if (entries.length === 0) return Promise.resolve([]);
    return this.#track(
      this.#support === undefined ? this.#store(entries, withinMs) : this.#storeOnceSupported(entries, withinMs),
    );
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => {
      this.#parts.writer.release();
      this.#parts.onClose();
    });
    return this.#closing;
  }

  #track<Answer>(promise: Promise<Answer>): Promise<Answer> {
    this.#underWay.add(promise);
    return promise.finally(() => this.#underWay.delete(promise));
  }

  async #storeOnceSupported(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    const deadline = performance.now() + withinMs;
    const obstacle = await this.#support?.obstacle(withinMs);
    if (obstacle !== undefined) return sameForAll(entries.length, obstacle);
    return this.#store(entries, Math.max(0, deadline - performance.now()));
  }

  /** Sends what goes to one place together, and what goes to several at the same time. */
  #store(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    let byConnection: Map<Connection, number[]>;
    try {
      byConnection = this.#placesByConnection(entries);
    } catch (error) {
      return Promise.resolve(sameForAll(entries.length, error as RedisFailure));
    }
    const [[connection, all] = []] = byConnection;
    if (connection !== undefined && all?.length === entries.length)
      return this.#send({ connection, wait: this.#wait }, entries, withinMs);
    return this.#sendApart(byConnection, entries, withinMs);
  }

  async #sendApart(
    byConnection: ReadonlyMap<Connection, readonly number[]>,
    entries: readonly NewEntry[],
    withinMs: number,
  ): Promise<readonly AppendAnswer[]> {
    const answers = new Array<AppendAnswer>(entries.length);
    const waits = this.#sharedWaits([...byConnection.keys()]);
    const parts = Array.from(byConnection, async ([connection, places]) => {
      const own = places.map((place) => entries[place] as NewEntry);
      const theirs = await this.#send({ connection, wait: waits.get(connection) }, own, withinMs);
      for (const [index, place] of places.entries()) answers[place] = theirs[index] as AppendAnswer;
    });
    await Promise.all(parts);
    return answers;
  }

  // On one shard they wait one after another: together no longer than was asked for.
  #sharedWaits(connections: readonly Connection[]): ReadonlyMap<Connection, Command | undefined> {
    const { durability } = this.#parts.options;
    const sharers = new Map<unknown, number>();
    for (const { shard } of connections) sharers.set(shard, (sharers.get(shard) ?? 0) + 1);
    return new Map(
      connections.map((connection) => [connection, waitCommand(durability, sharers.get(connection.shard) ?? 1)]),
    );
  }

  #placesByConnection(entries: readonly NewEntry[]): Map<Connection, number[]> {
    const places = new Map<Connection, number[]>();
    let [stream, own]: [string | undefined, number[]] = [undefined, []];
    for (let place = 0; place < entries.length; place += 1) {
      const entry = entries[place] as NewEntry;
      if (entry.stream !== stream) {
        ({ stream } = entry);
        const connection = this.#parts.writer.connection(stream);
        own = places.get(connection) ?? [];
        places.set(connection, own);
      }
      own.push(place);
    }
    return places;
  }

  #send(target: Target, entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    if (this.#notice !== undefined) return this.#idempotent(target, entries, withinMs);
    if (!this.#wantsScript(entries)) return this.#pipeline(target, entries, withinMs);
    const streams = [...new Set(entries.map(({ stream }) => stream))];
    if (streams.every((stream) => this.#mayScript.get(stream) === true)) return this.#script(target, entries, withinMs);
    const answers = this.#pipeline(target, entries, withinMs);
    if (streams.every((stream) => !this.#mayScript.has(stream)))
      void this.#track(this.#rehearse(target, streams, withinMs));
    return answers;
  }

  /** Sends the commands, and what waits for their durability, in one write. */
  async #exchange(target: Target, commands: readonly Command[], withinMs: number): Promise<Replies> {
    const { connection, wait } = target;
    if (wait === undefined) return { replies: await connection.exchange(commands, withinMs), reach: undefined };
    const replies = [...(await connection.exchange([...commands, wait], withinMs))];
    const reach = reachOf(this.#parts.options.durability, replies.pop());
    // a master whose replicas are gone may have been replaced without knowing
    if (!reach.isDurable) connection.suspect?.();
    return { replies, reach };
  }

  #wantsScript(entries: readonly NewEntry[]): boolean {
    if (this.#parts.mode !== 'script' || entries.length < fewestForScript) return false;
    return entries.every(({ fields }) => fields.length <= mostValuesPerEntry);
  }

  async #pipeline(target: Target, entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    try {
      const { replies, reach } = await this.#exchange(target, entries.map(appendCommand), withinMs);
      return withReach(reach, replies.map(answerOf));
    } catch (error) {
      return sameForAll(entries.length, error as RedisFailure);
    }
  }

  async #idempotent(target: Target, entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    const { idempotency } = this.#parts.options;
    if (idempotency === undefined) return [];
    const { runs, refused } = idempotentRuns(entries, idempotency);
    const answers = Array.from(entries, (_, place) => refused.get(place) as AppendAnswer);
    if (runs.length === 0) return answers;
    const commands = runs.map(({ command }) => command);
    const { replies, reach } = await this.#exchange(target, commands, withinMs).catch(
      (failure: RedisFailure): Replies => ({ replies: runs.map(() => failure), reach: undefined }),
    );
    for (const [index, run] of runs.entries()) {
      const reply: IdempotentReply = idempotentReply(run, replies[index]);
      if (reply.effectiveWindowMs !== null) this.#notice?.tell(run.stream, reply.effectiveWindowMs);
      const own = withReach(reach, reply.answers);
      for (const [nth, place] of run.places.entries()) answers[place] = own[nth] as AppendAnswer;
    }
    condemn(target.connection, answers);
    return answers;
  }

  // A script that is refused would be overtaken by what was sent after it. So one that does nothing asks first, while
  // the entries go as they can.
  async #rehearse(target: Target, streams: readonly string[], withinMs: number): Promise<void> {
    if (this.#mayScript.size + streams.length > mostStreamsRemembered) this.#mayScript.clear();
    for (const stream of streams) this.#mayScript.set(stream, undefined);
    const failure = await target.connection.command(rehearsal(streams), withinMs).then(
      () => undefined,
      (error: RedisFailure) => error,
    );
    for (const stream of streams) {
      if (failure === undefined || failure.kind === 'denied') this.#mayScript.set(stream, failure === undefined);
      else this.#mayScript.delete(stream);
    }
  }

  async #script(target: Target, entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    const runs = appendRuns(entries);
    const deadline = performance.now() + withinMs;
    try {
      const commands = runs.map(({ command }) => command);
      const { replies, reach } = await this.#exchange(target, commands, withinMs);
      if (replies.some(isDenied)) return await this.#withoutScript(target, entries, runs, { replies, reach }, deadline);
      const answers = runs.flatMap((run, index) => answersOf(run, replies[index]));
      condemn(target.connection, answers);
      return withReach(reach, answers);
    } catch (error) {
      return sameForAll(entries.length, error as RedisFailure);
    }
  }

  // The permission was taken away meanwhile. Nothing of a run that was refused has been executed.
  async #withoutScript(
    target: Target,
    entries: readonly NewEntry[],
    runs: readonly AppendRun[],
    { replies, reach }: Replies,
    deadline: number,
  ): Promise<readonly AppendAnswer[]> {
    for (const { stream } of entries) this.#mayScript.set(stream, false);
    const answers: AppendAnswer[] = [];
    for (const [index, run] of runs.entries()) {
      const own = entries.slice(answers.length, answers.length + run.count);
      const leftMs = Math.max(0, deadline - performance.now());
      const theirs = isDenied(replies[index])
        ? await this.#pipeline(target, own, leftMs)
        : withReach(reach, answersOf(run, replies[index]));
      answers.push(...theirs);
    }
    return answers;
  }
}

function appendCommand(entry: NewEntry): Command {
  const command: (string | Buffer)[] = ['XADD', entry.stream, '*'];
  for (const value of entry.fields) command.push(argumentOf(value));
  return command;
}

function answerOf(reply: unknown): AppendAnswer {
  if (typeof reply === 'string' || reply instanceof RedisFailure) return reply;
  return unknownOutcome('The reply to XADD has an unknown shape');
}

function answersOf(run: AppendRun, reply: unknown): readonly AppendAnswer[] {
  return reply instanceof RedisFailure ? sameForAll(run.count, reply) : runAnswers(reply, run.count);
}

function withReach(reach: Reach | undefined, answers: readonly AppendAnswer[]): readonly AppendAnswer[] {
  return reach === undefined ? answers : answersWithin(reach, answers);
}

/** Leaves a connection whose server said, inside the reply to a script, that it is not what it was. */
function condemn(connection: Connection, answers: readonly AppendAnswer[]): void {
  const condemned = answers.find((answer) => codesThatEndConnections.has(replyCodeOf(answer) ?? ''));
  if (condemned instanceof RedisFailure) connection.renew(condemned);
}

function isDenied(reply: unknown): boolean {
  return replyCodeOf(reply) === 'NOPERM';
}

function sameForAll(count: number, failure: RedisFailure): readonly AppendAnswer[] {
  return new Array<AppendAnswer>(count).fill(failure);
}
