import { connect } from 'node:net';
import { encodeCommand, type RedisReply, RedisReplyError, ReplyDecoder } from './redis-reply.js';

/** Where and as whom a command is sent. */
export interface CommandTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Milliseconds for connecting, authenticating and answering together. */
  readonly timeoutMs: number;
  /** Gives up with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one command over a connection of its own, so that a blocking or slow command holds up no other.
 *
 * @throws RedisReplyError with the server's text when it answers with an error.
 * @throws Error when the connection fails, closes early or does not answer in time.
 */
export function sendCommand(
  target: CommandTarget,
  words: readonly (string | number | Uint8Array)[],
): Promise<RedisReply> {
  const { host, port, username, password, timeoutMs, signal } = target;
  const name = String(words[0] ?? '');
  return new Promise((resolve, reject) => {
    const decoder = new ReplyDecoder();
    const replies: RedisReply[] = [];
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(
      () => fail(new Error(`${name} was not answered within ${timeoutMs} ms by ${host}:${port}`)),
      timeoutMs,
    );
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      finish();
    };
    const fail = (error: Error) => settle(() => reject(error));
    const abort = () => fail(signal?.reason as Error);
    signal?.addEventListener('abort', abort);

    socket.once('connect', () =>
      socket.write(Buffer.concat([encodeCommand(['AUTH', username, password]), encodeCommand(words)])),
    );
    socket.on('error', fail);
    socket.once('close', () => fail(new Error(`${host}:${port} closed the connection before it answered ${name}`)));
    socket.on('data', (bytes) => {
      try {
        replies.push(...decoder.push(bytes));
      } catch (error) {
        fail(error as Error);
        return;
      }
      const [authentication, reply] = replies;
      if (authentication instanceof RedisReplyError) fail(authentication);
      else if (reply instanceof RedisReplyError) fail(reply);
      else if (reply !== undefined) settle(() => resolve(reply));
    });
  });
}
