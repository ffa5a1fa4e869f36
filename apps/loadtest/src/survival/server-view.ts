import { companionKey } from '@events/core';
import { type RedisReply, RedisReplyError, type RedisServer } from '@events/tooling-redis';
import type { DeadLetter, StoredEntry } from './audit/evidence.js';

const entriesPerPage = 2_000;

/** How far a group has come. */
export interface Progress {
  /** How many entries it was given, as far as the server knows. */
  readonly read: number;
  readonly pending: number;
  /** Whether it was given everything, and nothing is pending. */
  readonly isDrained: boolean;
}

/** Looks at the server without the library under test. */
export class ServerView {
  readonly #server: RedisServer;
  readonly #stream: string;
  readonly #group: string;

  constructor(server: RedisServer, stream: string, group: string) {
    this.#server = server;
    this.#stream = stream;
    this.#group = group;
  }

  async entries(): Promise<StoredEntry[]> {
    const rows = await this.#range(this.#stream);
    return rows.map(({ entryId, fields }) => ({ entryId, eventId: fields.get('id') ?? '' }));
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const rows = await this.#range(companionKey(this.#stream, 'dlq'));
    return rows.map(({ fields }) => {
      const { entryId, attempts, reason } = JSON.parse(fields.get('deadLetter') ?? '{}');
      return { entryId, eventId: fields.get('id') ?? '', attempts, reason };
    });
  }

  /** The ids of the entries that are pending, of one consumer or of all. Without a group, none. */
  async pending(consumer?: string): Promise<Set<string>> {
    try {
      return await this.#pending(consumer);
    } catch (error) {
      if (error instanceof RedisReplyError && error.message.startsWith('NOGROUP')) return new Set();
      throw error;
    }
  }

  async progress(): Promise<Progress> {
    const groups = list(await this.#server.command('XINFO', 'GROUPS', this.#stream)).map(record);
    const group = groups.find((candidate) => candidate.get('name') === this.#group);
    const stream = record(await this.#server.command('XINFO', 'STREAM', this.#stream));
    const pending = Number(group?.get('pending') ?? 0);
    const isRead = group?.get('last-delivered-id') === stream.get('last-generated-id');
    return { read: Number(group?.get('entries-read') ?? 0), pending, isDrained: isRead && pending === 0 };
  }

  /** Deletes everything there is. Resolves with the id of the last entry that the stream had. */
  async eraseAll(): Promise<string> {
    const script = `local stream = redis.call('XINFO', 'STREAM', KEYS[1])
local last
for i = 1, #stream, 2 do if stream[i] == 'last-generated-id' then last = stream[i + 1] end end
redis.call('FLUSHALL')
return last`;
    return String(await this.#server.command('EVAL', script, 1, this.#stream));
  }

  async #pending(consumer: string | undefined): Promise<Set<string>> {
    const ids = new Set<string>();
    for (let after = '-'; ; ) {
      const words = ['XPENDING', this.#stream, this.#group, after, '+', entriesPerPage];
      const page = list(await this.#server.command(...words, ...(consumer === undefined ? [] : [consumer])));
      for (const row of page) ids.add(String(list(row)[0]));
      if (page.length < entriesPerPage) return ids;
      after = `(${[...ids].at(-1)}`;
    }
  }

  async #range(stream: string): Promise<{ entryId: string; fields: Map<string, string> }[]> {
    const rows: { entryId: string; fields: Map<string, string> }[] = [];
    for (let after = '-'; ; ) {
      const page = list(await this.#server.command('XRANGE', stream, after, '+', 'COUNT', entriesPerPage));
      for (const row of page) {
        const [entryId, fields = null] = list(row);
        rows.push({ entryId: String(entryId), fields: record(fields) as Map<string, string> });
      }
      if (page.length < entriesPerPage) return rows;
      after = `(${rows.at(-1)?.entryId}`;
    }
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
