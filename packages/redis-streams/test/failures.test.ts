import type { FailureKind } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { LinkFailure } from '../src/connector.js';
import { failureOf, replyFailure } from '../src/failures.js';

describe('an error reply is told by its first word', () => {
  test.each<[string, FailureKind]>([
    ['LOADING Redis is loading the dataset in memory', 'offline'],
    ['MASTERDOWN Link with MASTER is down', 'offline'],
    ['CLUSTERDOWN The cluster is down', 'offline'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'offline'],
    ['MOVED 3999 127.0.0.1:6381', 'refused'],
    ['ASK 3999 127.0.0.1:6381', 'refused'],
    ["READONLY You can't write against a read only replica.", 'refused'],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 1b2c, on @user_script:3.", 'refused'],
    ['NOREPLICAS Not enough good replicas to write.', 'refused'],
    ['MISCONF Redis is configured to save RDB snapshots', 'refused'],
    ['BUSY Redis is busy running a script.', 'refused'],
    ['UNBLOCKED the stream key no longer exists', 'refused'],
    ['NOSCRIPT No matching script. Please use EVAL.', 'refused'],
    ['ERR max number of clients reached', 'refused'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'invalid'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'invalid'],
    ["ERR wrong number of arguments for 'xadd' command", 'invalid'],
    ['ERR The ID specified in XADD is equal or smaller than the target stream top item', 'invalid'],
    ['ERR The stream has exhausted the last possible ID, unable to add more items', 'invalid'],
    ['NOAUTH Authentication required.', 'denied'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'denied'],
    ["NOPERM this user has no permissions to run the 'xadd' command", 'denied'],
    ['DENIED Redis is running in protected mode', 'denied'],
    ["NOGROUP No such key 'orders' or consumer group 'group'", 'group-lost'],
    ['STRANGE something of a later version', 'unknown'],
    ['', 'unknown'],
  ])('%s', (text, kind) => {
    expect(replyFailure(text).kind).toBe(kind);
    expect(replyFailure(text).cause).toBeInstanceOf(Error);
  });
});

test.each([
  "ERR unknown command 'XADD', with args beginning with: 'orders' 'secret'",
  "ERR Error in script: 'secret'",
  'ERR unknown subcommand secret',
  'STRANGE secret',
  'OOM full. secret',
  'WRONGTYPE wrong\r\nsecret',
])('a text that may quote arguments is not kept: %s', (text) => {
  const { message, cause } = replyFailure(text);
  expect([message, cause.message, cause.stack].join()).not.toContain('secret');
});

test('the end of a connection is offline for what was not sent, and unknown for what was', () => {
  const refused = new LinkFailure({ type: 'lost', code: 'ECONNREFUSED' });
  expect(failureOf(refused, 'host:1', false)).toMatchObject({
    kind: 'offline',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  expect(failureOf(refused, 'host:1', true)).toMatchObject({
    kind: 'unknown',
    message: expect.stringContaining('host:1'),
  });
  expect(failureOf(new LinkFailure({ type: 'unsent' }), 'host:1', true).kind).toBe('offline');
  expect(failureOf(new TypeError('secret'), 'host:1', true)).toMatchObject({
    kind: 'unknown',
    message: expect.not.stringContaining('secret'),
  });
});
