import type { AppendAnswer, Appender, NewEntry } from '@events/core';
import type { AppendMode } from './append-mode.js';
import { type AppendRun, appendRuns, mostValuesPerEntry, rehearsal, runAnswers } from './append-script.js';
import type { ConnectionLease } from './connection-pool.js';
import type { Command } from './connector.js';
import { argumentOf } from './entry-reader.js';
import { closedFailure, codesThatEndConnections, RedisFailure, replyCodeOf, unknownOutcome } from './failures.js';

/** Below this a script costs more than it saves. */
const fewestForScript = 4;
const mostStreamsRemembered = 1_000;

/** Stores entries over the transport's one connection for writing, in as few writes as possible. */
export class RedisAppender implements Appender {
  readonly #writer: ConnectionLease;
  readonly #mode: AppendMode;
  readonly #onClose: () => void;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Whether the script may be used on a stream; `undefined` while that is being asked. */
  readonly #mayScript = new Map<string, boolean | undefined>();
  #closing: Promise<void> | undefined;

  constructor(writer: ConnectionLease, mode: AppendMode, onClose: () => void) {
    this.#writer = writer;
    this.#mode = mode;
    this.#onClose = onClose;
  }

  append(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    if (this.#closing !== undefined) return Promise.resolve(sameForAll(entries.length, closedFailure('appender')));
    if (entries.length === 0) return Promise.resolve([]);
    if (!this.#wantsScript(entries)) return this.#track(this.#pipeline(entries, withinMs));
    const streams = [...new Set(entries.map(({ stream }) => stream))];
    if (streams.every((stream) => this.#mayScript.get(stream) === true))
      return this.#track(this.#script(entries, withinMs));
    const answers = this.#track(this.#pipeline(entries, withinMs));
    if (streams.every((stream) => !this.#mayScript.has(stream))) void this.#track(this.#rehearse(streams, withinMs));
    return answers;
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => {
      this.#writer.release();
      this.#onClose();
    });
    return this.#closing;
  }

  #track<Answer>(promise: Promise<Answer>): Promise<Answer> {
    this.#underWay.add(promise);
    return promise.finally(() => this.#underWay.delete(promise));
  }

  #wantsScript(entries: readonly NewEntry[]): boolean {
    if (this.#mode !== 'script' || entries.length < fewestForScript) return false;
    return entries.every(({ fields }) => fields.length <= mostValuesPerEntry);
  }

  async #pipeline(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    try {
      const replies = await this.#writer.connection().exchange(entries.map(appendCommand), withinMs);
      return replies.map(answerOf);
    } catch (error) {
      return sameForAll(entries.length, error as RedisFailure);
    }
  }

  // A script that is refused would be overtaken by what was sent after it. So one that does nothing asks first, while
  // the entries go as they can.
  async #rehearse(streams: readonly string[], withinMs: number): Promise<void> {
    if (this.#mayScript.size + streams.length > mostStreamsRemembered) this.#mayScript.clear();
    for (const stream of streams) this.#mayScript.set(stream, undefined);
    const failure = await this.#writer
      .connection()
      .command(rehearsal(streams), withinMs)
      .then(
        () => undefined,
        (error: RedisFailure) => error,
      );
    for (const stream of streams) {
      if (failure === undefined || failure.kind === 'denied') this.#mayScript.set(stream, failure === undefined);
      else this.#mayScript.delete(stream);
    }
  }

  async #script(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    const runs = appendRuns(entries);
    const deadline = performance.now() + withinMs;
    try {
      const connection = this.#writer.connection();
      const replies = await connection.exchange(
        runs.map(({ command }) => command),
        withinMs,
      );
      if (replies.some(isDenied)) return await this.#withoutScript(entries, runs, replies, deadline);
      const answers = runs.flatMap((run, index) => answersOf(run, replies[index]));
      const condemned = answers.find(endsConnection);
      if (condemned !== undefined) connection.renew(condemned);
      return answers;
    } catch (error) {
      return sameForAll(entries.length, error as RedisFailure);
    }
  }

  // The permission was taken away meanwhile. Nothing of a run that was refused has been executed.
  async #withoutScript(
    entries: readonly NewEntry[],
    runs: readonly AppendRun[],
    replies: readonly unknown[],
    deadline: number,
  ): Promise<readonly AppendAnswer[]> {
    for (const { stream } of entries) this.#mayScript.set(stream, false);
    const answers: AppendAnswer[] = [];
    for (const [index, run] of runs.entries()) {
      const own = entries.slice(answers.length, answers.length + run.count);
      const leftMs = Math.max(0, deadline - performance.now());
      answers.push(...(isDenied(replies[index]) ? await this.#pipeline(own, leftMs) : answersOf(run, replies[index])));
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

function isDenied(reply: unknown): boolean {
  return replyCodeOf(reply) === 'NOPERM';
}

function endsConnection(answer: AppendAnswer): answer is RedisFailure {
  return codesThatEndConnections.has(replyCodeOf(answer) ?? '');
}

function sameForAll(count: number, failure: RedisFailure): readonly AppendAnswer[] {
  return new Array<AppendAnswer>(count).fill(failure);
}
