import { expect, test } from '@jest/globals';
import type { Connection } from '../src/connection.js';
import { offline, type RedisFailure, replyFailure } from '../src/failures.js';
import { PartitionLease } from '../src/partition-lease.js';
import type { ReadingConnection } from '../src/reading-connection.js';
import { StreamReader } from '../src/stream-reader.js';
import { FakeConnection } from './fake-writer.js';

const options = { stream: 'orders', group: 'billing', consumer: 'one' };
/** What the client makes of bytes that are no text, so that they are fetched once more. */
const read = [['orders', [['1-0', ['data', '\uFFFD']]]]];

test.each<[string, () => RedisFailure, string]>([
  ['the connection is down', () => offline('down'), 'unknown'],
  ['the slot has moved', () => replyFailure('MOVED 1 127.0.0.1:1'), 'unknown'],
])('entries whose bytes cannot be fetched are read all the same, and unseen: %s', async (_name, failure, kind) => {
  const reading = new FakeConnection(() => [read]) as unknown as ReadingConnection;
  const control: Connection = new FakeConnection((commands) => commands.map(failure));
  const reader = new StreamReader(options, () => reading, new PartitionLease(options));
  await expect(reader.read(10, 1_000, control)).rejects.toMatchObject({ kind });
});
