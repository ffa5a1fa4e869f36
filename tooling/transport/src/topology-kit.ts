import { setTimeout as delay } from 'node:timers/promises';
import { plainAppending } from '@events/conformance';
import type { AppendAnswer, Appender, Transport } from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';

/** What a test of a fault may take until everything is as it was. */
const recoveryMs = 15_000;

export function isStored(answer: AppendAnswer | undefined): boolean {
  return typeof answer === 'string' || (answer !== undefined && 'entryId' in answer);
}

export function kindsOf(answers: readonly AppendAnswer[]): readonly string[] {
  return answers.map((answer) => (isStored(answer) ? 'stored' : (answer as { kind: string }).kind));
}

/** Resolves when a replica has what the server has stored so far: what it lacks would be gone with the server. */
export async function awaitReplica(server: RedisServer): Promise<void> {
  const state = async () => String(await server.command('INFO', 'replication'));
  const stored = Number(/master_repl_offset:(\d+)/.exec(await state())?.[1]);
  const isThere = ([, offset]: RegExpMatchArray) => Number(offset) >= stored;
  await until(async () => [...(await state()).matchAll(/state=online,offset=(\d+)/g)].some(isThere), {
    timeoutMs: recoveryMs,
    message: 'a replica has everything',
  });
}

/** Entries that are told apart. */
export function entryOf(stream: string, number: number) {
  return { stream, id: `event-${number}`, fields: ['number', String(number)] };
}

/** Stores entries in one stream, one after another, until it is stopped, and knows what became of each. */
export class Writing {
  readonly stored: number[] = [];
  readonly unknown: number[] = [];
  /** How long there was no success, at most. */
  longestGapMs = 0;
  readonly #stream: string;
  readonly #appender: Appender;
  readonly #done: Promise<void>;
  #count = 0;
  #stopped = false;

  constructor(transport: Transport, stream: string) {
    this.#stream = stream;
    this.#appender = transport.appender(plainAppending);
    this.#done = this.#run();
  }

  /** Resolves when some more have been stored. */
  async goesOn(timeoutMs = recoveryMs): Promise<void> {
    const before = this.stored.length;
    await until(() => this.stored.length > before + 5, { timeoutMs, message: `entries are stored again` });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await this.#appender.close();
  }

  async #run(): Promise<void> {
    let lastAt = performance.now();
    while (!this.#stopped) {
      const number = this.#count;
      this.#count += 1;
      const [answer] = await this.#appender.append([entryOf(this.#stream, number)], 500);
      if (isStored(answer)) {
        this.stored.push(number);
        this.longestGapMs = Math.max(this.longestGapMs, performance.now() - lastAt);
        lastAt = performance.now();
      } else if (kindsOf([answer as AppendAnswer])[0] === 'unknown') this.unknown.push(number);
      await delay(5);
    }
  }
}

/** The numbers that a stream holds, in its order. */
export async function numbersIn(server: RedisServer, stream: string): Promise<readonly number[]> {
  const entries = (await server.command('XRANGE', stream, '-', '+')) as [string, string[]][];
  return entries.map(([, fields]) => Number(fields[1]));
}

/** How many connections of transports a server has. */
export async function connectionsTo(server: RedisServer): Promise<number> {
  const list = String(await server.command('CLIENT', 'LIST'));
  return [...list.matchAll(/ name=events:/g)].length;
}
