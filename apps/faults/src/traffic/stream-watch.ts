import type { RedisReply, RedisServer } from '@events/tooling-redis';

const everyMs = 100;

/** A stream at one moment. */
export interface StreamSample {
  /** Unix ms. */
  readonly at: number;
  readonly length: number;
  /** Of the whole server. */
  readonly memoryBytes: number;
  /** How many entries each group has left to read or to acknowledge. */
  readonly behind: ReadonlyMap<string, number>;
}

const look = `local length = redis.call('XLEN', KEYS[1])
local groups = length > 0 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}
local last = length > 0 and redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] or '0-0'
return {length, redis.call('INFO', 'memory'), groups, last}`;

/** Looks at a stream ten times a second, without the library under test. */
export class StreamWatch {
  readonly samples: StreamSample[] = [];
  readonly #server: RedisServer;
  readonly #stream: string;
  #isOver = false;
  readonly #looking: Promise<void>;

  constructor(server: RedisServer, stream: string) {
    this.#server = server;
    this.#stream = stream;
    this.#looking = this.#run();
  }

  get latest(): StreamSample | undefined {
    return this.samples.at(-1);
  }

  async sample(): Promise<StreamSample> {
    const reply = await this.#server.command('EVAL', look, 1, this.#stream);
    const [length, memory, groups, last] = list(reply);
    const sample = {
      at: Date.now(),
      length: Number(length),
      memoryBytes: Number(/^used_memory:(\d+)/m.exec(String(memory))?.[1]),
      behind: new Map(list(groups).map((group) => behindOf(list(group), String(last)))),
    };
    this.samples.push(sample);
    return sample;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.sample();
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}

function behindOf(words: readonly RedisReply[], last: string): [group: string, entries: number] {
  const said = (name: string) => words[words.indexOf(name) + 1];
  // for a group that has lost entries, lag stays above 0 when nothing is left to read
  const unread = said('last-delivered-id') === last ? 0 : Number(said('lag') ?? Number.NaN);
  return [String(said('name')), unread + Number(said('pending'))];
}

function list(reply: RedisReply | undefined): readonly RedisReply[] {
  if (!Array.isArray(reply)) throw new Error(`The server answered ${JSON.stringify(reply)} where a list was expected`);
  return reply;
}
