/** A decoded RESP2 reply. An error inside an array, such as in the answer to EXEC, is an element of that array. */
export type RedisReply = string | number | null | RedisReplyError | RedisReply[];

/** An error that the server itself answered with, `message` being its text, for example `NOAUTH Authentication required.` */
export class RedisReplyError extends Error {
  override readonly name = 'RedisReplyError';
}

/** The bytes of one command in RESP2. */
export function encodeCommand(words: readonly (string | number | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'object' ? Buffer.from(word) : Buffer.from(String(word));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Decodes RESP2 replies from bytes that arrive in pieces of any size. */
export class ReplyDecoder {
  #bytes: Buffer = Buffer.alloc(0);
  #position = 0;
  #reading: Generator<void, RedisReply> | undefined;

  /** Takes the next bytes and returns the replies that they completed, in order. */
  push(bytes: Uint8Array): RedisReply[] {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#position), bytes]);
    this.#position = 0;
    const replies: RedisReply[] = [];
    while (this.#reading !== undefined || this.#position < this.#bytes.length) {
      this.#reading ??= this.#reply();
      const step = this.#reading.next();
      if (!step.done) break;
      replies.push(step.value);
      this.#reading = undefined;
    }
    return replies;
  }

  *#reply(): Generator<void, RedisReply> {
    const line = (yield* this.#line()).toString();
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return rest;
      case '-':
        return new RedisReplyError(rest);
      case ':':
        return Number(rest);
      case '$': {
        if (rest === '-1') return null;
        const text = (yield* this.#take(Number(rest))).toString();
        yield* this.#take(2);
        return text;
      }
      case '*': {
        if (rest === '-1') return null;
        const items: RedisReply[] = [];
        for (let left = Number(rest); left > 0; left -= 1) items.push(yield* this.#reply());
        return items;
      }
      default:
        throw new Error(`Not a RESP2 reply: ${JSON.stringify(line.slice(0, 80))}`);
    }
  }

  *#line(): Generator<void, Buffer> {
    let end = this.#bytes.indexOf('\r\n', this.#position);
    while (end === -1) {
      yield;
      end = this.#bytes.indexOf('\r\n', this.#position);
    }
    const line = this.#bytes.subarray(this.#position, end);
    this.#position = end + 2;
    return line;
  }

  *#take(count: number): Generator<void, Buffer> {
    while (this.#bytes.length - this.#position < count) yield;
    const taken = this.#bytes.subarray(this.#position, this.#position + count);
    this.#position += count;
    return taken;
  }
}
