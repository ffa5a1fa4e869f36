import { companionKey, partitionStream } from '@events/core';
import { type RedisReply, RedisReplyError } from '@events/tooling-redis';
import type { DeadLetter, StoredEntry } from './audit/evidence.js';
import { placeOf } from './audit/place.js';
import { type Ground, serverOf } from './ground.js';

const entriesPerPage = 2_000;

/** How far a group has come. */
export interface Progress {
  /** How many entries it was given, as far as the server knows. */
  readonly read: number;
  readonly pending: number;
  /** Whether it was given everything, and nothing is pending. */
  readonly isDrained: boolean;
}

type Word = string | number;

/** Looks at the servers without the library under test. */
export class ServerView {
  readonly #ground: Ground;
  readonly #stream: string;
  readonly #group: string;
  /** The streams that are read: one, or its partitions. */
  #streams: readonly string[];

  constructor(ground: Ground, stream: string, group: string) {
    this.#ground = ground;
    this.#stream = stream;
    this.#group = group;
    this.#streams = [stream];
  }

  /** Looks at the partitions of the stream from now on. */
  partitioned(count: number): void {
    this.#streams = Array.from({ length: count }, (_, partition) => partitionStream(this.#stream, partition));
  }

  async entries(): Promise<StoredEntry[]> {
    const found = await this.#forEachStream((stream) => this.#range(stream));
    return found.flat().map(({ stream, entryId, fields }) => ({
      entryId: placeOf(stream, entryId),
      eventId: fields.get('id') ?? '',
    }));
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const found = await this.#forEachStream((stream) => this.#range(companionKey(stream, 'dlq')));
    return found.flat().map(({ fields }) => {
      const { stream, entryId, attempts, reason } = JSON.parse(fields.get('deadLetter') ?? '{}');
      return { entryId: placeOf(stream, entryId), eventId: fields.get('id') ?? '', attempts, reason };
    });
  }

  /** The places of the entries that are pending, of one consumer or of all. Without a group, none. */
  async pending(consumer?: string): Promise<Set<string>> {
    const found = await this.#forEachStream(async (stream) => {
      try {
        return await this.#pending(stream, consumer);
      } catch (error) {
        if (error instanceof RedisReplyError && error.message.startsWith('NOGROUP')) return [];
        throw error;
      }
    });
    return new Set(found.flat());
  }

  async progress(): Promise<Progress> {
    const all = await this.#forEachStream((stream) => this.#progress(stream));
    return {
      read: all.reduce((sum, { read }) => sum + read, 0),
      pending: all.reduce((sum, { pending }) => sum + pending, 0),
      isDrained: all.every(({ isDrained }) => isDrained),
    };
  }

  /** Deletes everything there is. Resolves with the id of the last entry that the stream had. */
  async eraseAll(): Promise<string> {
    const script = `local stream = redis.call('XINFO', 'STREAM', KEYS[1])
local last
for i = 1, #stream, 2 do if stream[i] == 'last-generated-id' then last = stream[i + 1] end end
redis.call('FLUSHALL')
return last`;
    return String(await this.#ask(this.#stream, 'EVAL', script, 1, this.#stream));
  }

  #forEachStream<Found>(look: (stream: string) => Promise<Found>): Promise<Found[]> {
    return Promise.all(this.#streams.map(look));
  }

  async #progress(stream: string): Promise<Progress> {
    try {
      const groups = list(await this.#ask(stream, 'XINFO', 'GROUPS', stream)).map(record);
      const group = groups.find((candidate) => candidate.get('name') === this.#group);
      const description = record(await this.#ask(stream, 'XINFO', 'STREAM', stream));
      const pending = Number(group?.get('pending') ?? 0);
      const isRead = group?.get('last-delivered-id') === description.get('last-generated-id');
      return { read: Number(group?.get('entries-read') ?? 0), pending, isDrained: isRead && pending === 0 };
    } catch (error) {
      // nothing was ever stored in it
      if (error instanceof RedisReplyError && error.message.includes('no such key'))
        return { read: 0, pending: 0, isDrained: true };
      throw error;
    }
  }

  async #pending(stream: string, consumer: string | undefined): Promise<string[]> {
    const ids: string[] = [];
    for (let after = '-'; ; ) {
      const words = ['XPENDING', stream, this.#group, after, '+', entriesPerPage];
      const page = list(await this.#ask(stream, ...words, ...(consumer === undefined ? [] : [consumer])));
      for (const row of page) ids.push(String(list(row)[0]));
      if (page.length < entriesPerPage) return ids.map((id) => placeOf(stream, id));
      after = `(${ids.at(-1)}`;
    }
  }

  async #range(stream: string): Promise<{ stream: string; entryId: string; fields: Map<string, string> }[]> {
    const rows: { stream: string; entryId: string; fields: Map<string, string> }[] = [];
    for (let after = '-'; ; ) {
      const page = list(await this.#ask(stream, 'XRANGE', stream, after, '+', 'COUNT', entriesPerPage));
      for (const row of page) {
        const [entryId, fields = null] = list(row);
        rows.push({ stream, entryId: String(entryId), fields: record(fields) as Map<string, string> });
      }
      if (page.length < entriesPerPage) return rows;
      after = `(${rows.at(-1)?.entryId}`;
    }
  }

  async #ask(stream: string, ...words: readonly Word[]): Promise<RedisReply> {
    const server = await serverOf(this.#ground, stream);
    return server.command(...words);
  }
}

function list(reply: RedisReply): RedisReply[] {
  if (!Array.isArray(reply)) throw new Error(`The server answered ${JSON.stringify(reply)} where a list was expected`);
  return reply;
}

function record(reply: RedisReply): Map<string, RedisReply> {
  const words = list(reply);
  const pairs = new Map<string, RedisReply>();
  for (let index = 0; index < words.length; index += 2) pairs.set(String(words[index]), words[index + 1] ?? null);
  return pairs;
}
