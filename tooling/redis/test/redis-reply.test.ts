import { describe, expect, test } from '@jest/globals';
import { encodeCommand, RedisReplyError, ReplyDecoder } from '../src/redis-reply.js';

const stream =
  '+OK\r\n:-7\r\n$6\r\nä\r\nb\0\r\n$-1\r\n*-1\r\n*3\r\n$1\r\na\r\n*1\r\n:1\r\n-ERR inner\r\n-WRONGTYPE outer\r\n*0\r\n$0\r\n\r\n';
const replies = [
  'OK',
  -7,
  'ä\r\nb\0',
  null,
  null,
  ['a', [1], new RedisReplyError('ERR inner')],
  new RedisReplyError('WRONGTYPE outer'),
  [],
  '',
];

describe('RESP2', () => {
  test.each([1, 2, 3, 7, 1000])('replies are decoded from pieces of %i bytes', (size) => {
    const decoder = new ReplyDecoder();
    const bytes = Buffer.from(stream);
    const decoded = [];
    for (let start = 0; start < bytes.length; start += size)
      decoded.push(...decoder.push(bytes.subarray(start, start + size)));
    expect(decoded).toEqual(replies);
  });

  test('what is no reply is refused', () => {
    expect(() => new ReplyDecoder().push(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toThrow(
      'Not a RESP2 reply: "HTTP/1.1 400 Bad Request"',
    );
  });

  test('a command counts bytes, not characters', () => {
    expect(encodeCommand(['SET', 'ä', 1, new Uint8Array([255])]).toString('latin1')).toBe(
      '*4\r\n$3\r\nSET\r\n$2\r\n\u00c3\u00a4\r\n$1\r\n1\r\n$1\r\n\u00ff\r\n',
    );
  });
});
