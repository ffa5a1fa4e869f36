import type { AppendAnswer, AppenderOptions, Capabilities, Durability } from '@events/core';
import { expect, test } from '@jest/globals';
import type { Command } from '../src/connector.js';
import { RedisFailure, replyFailure, unknownOutcome } from '../src/failures.js';
import type { Shard } from '../src/shard.js';
import { appenderOn, FakeConnection, leader } from './fake-writer.js';

const replicas: Durability = { level: 'replicas', replicas: 2, timeoutMs: 500 };
const fsync: Durability = { level: 'fsync', replicas: 1, timeoutMs: 300 };
const idempotency = { windowMs: 1_000, maxEntries: 10, onShortened: () => {} };
const entry = { stream: 'orders', id: 'event', fields: ['a', 'b'] };
const redis72 = async () => ({ engine: 'redis', version: '7.2.0', commands: { WAITAOF: true } });

/** A server that stores everything, and says `waited` to whoever waits. */
function server(waited: unknown): FakeConnection {
  return new FakeConnection((commands) => commands.map((command, index) => replyTo(command, index, waited)));
}

function replyTo(command: Command, index: number, waited: unknown): unknown {
  if (command[0] === 'WAIT' || command[0] === 'WAITAOF') return waited;
  if (command[0] === 'XADD') return `1-${index}`;
  return command[1] === 'return 1' ? 1 : [-1, '1-0'];
}

function durably(durability: Durability, more: Partial<AppenderOptions> = {}): AppenderOptions {
  return { ...leader, durability, ...more };
}

test('leader: nothing is waited for, and an answer is an id', async () => {
  const connection = server(undefined);
  const appender = appenderOn(connection, { options: leader });
  expect(await appender.append([entry, entry], 2_000)).toEqual(['1-0', '1-1']);
  expect(connection.plan).toEqual([['XADD', 'XADD']]);
});

test('replicas: one WAIT ends the write, on the same connection, in no transaction and no script', async () => {
  const connection = server(2);
  const appender = appenderOn(connection, { options: durably(replicas) });
  const answers = await appender.append([entry, entry, entry], 2_500);
  expect(answers).toEqual(
    ['1-0', '1-1', '1-2'].map((entryId) => ({ entryId, isDuplicate: false, isDurable: true, replicas: 2 })),
  );
  expect(connection.plan).toEqual([['XADD', 'XADD', 'XADD', 'WAIT']]);
  expect(connection.exchanges[0]?.at(-1)).toEqual(['WAIT', '2', '500']);
  expect(connection.budgets).toEqual([2_500]);
  expect(connection.suspicions).toBe(0);
});

test('replicas: with scripts, too, the wait ends the write', async () => {
  const connection = server(2);
  const once = appenderOn(connection, { options: durably(replicas, { idempotency }) });
  expect(await once.append([entry], 2_000)).toMatchObject([{ entryId: '1-0', isDurable: true, replicas: 2 }]);
  expect(connection.plan).toEqual([['EVAL', 'WAIT']]);
  for (const [command] of connection.exchanges) expect(String(command?.[1])).not.toMatch(/WAIT/);

  const scripted = server(2);
  scripted.answer = (commands) =>
    commands.map((command) =>
      command[0] === 'WAIT'
        ? 2
        : command[0] === 'XADD'
          ? '1-0'
          : command[1] === 'return 1'
            ? 1
            : ['1-1', '1-2', '1-3', '1-4'],
    );
  const appender = appenderOn(scripted, { options: durably(replicas), mode: 'script' });
  const batch = [entry, entry, entry, entry];
  await appender.append(batch, 2_000);
  const answers = await appender.append(batch, 2_000);
  expect(answers.at(-1)).toEqual({ entryId: '1-4', isDuplicate: false, isDurable: true, replicas: 2 });
  expect(scripted.plan).toEqual([['XADD', 'XADD', 'XADD', 'XADD', 'WAIT'], ['EVAL'], ['EVAL', 'WAIT']]);
});

test.each<[string, unknown, number | null]>([
  ['a shortfall', 1, 1],
  ['no replica at all', 0, 0],
  ['an answer that is lost', unknownOutcome('The connection ended'), null],
  ['a refusal', replyFailure('NOPERM this user has no permissions to run WAIT'), null],
  ['an unknown shape', 'OK', null],
  ['a missing answer', undefined, null],
])('replicas: %s is told with the entries, which are stored', async (_, waited, reached) => {
  const connection = server(waited);
  const appender = appenderOn(connection, { options: durably(replicas) });
  const answers = await appender.append([entry, entry], 2_000);
  expect(answers).toEqual(
    ['1-0', '1-1'].map((entryId) => ({ entryId, isDuplicate: false, isDurable: false, replicas: reached })),
  );
  expect(connection.suspicions).toBe(1);
  expect(connection.renewals).toBe(0);
});

test('replicas: what was not stored stays the failure that it is', async () => {
  const connection = server(2);
  const failures = [replyFailure('OOM command not allowed'), unknownOutcome('The connection ended')];
  connection.answer = () => ['1-0', ...failures, unknownOutcome('The connection ended')];
  const appender = appenderOn(connection, { options: durably(replicas) });
  const answers = await appender.append([entry, entry, entry], 2_000);
  expect(answers).toEqual([{ entryId: '1-0', isDuplicate: false, isDurable: false, replicas: null }, ...failures]);
  connection.answer = () => Promise.reject(new RedisFailure('offline', new Error('down')));
  expect(await appender.append([entry], 2_000)).toMatchObject([{ kind: 'offline' }]);
});

test('fsync: WAITAOF asks for the disk of the server, and for that of so many replicas', async () => {
  const connection = server([1, 1]);
  const appender = appenderOn(connection, { options: durably(fsync), capabilities: redis72 });
  const durable = { entryId: '1-0', isDuplicate: false, isDurable: true, replicas: 1 };
  expect(await appender.append([entry], 2_000)).toEqual([durable]);
  expect(connection.exchanges[0]?.at(-1)).toEqual(['WAITAOF', '1', '1', '300']);
});

test.each<[unknown, boolean, number | null]>([
  [[1, 2], true, 2],
  [[1, 0], false, 0],
  [[0, 2], false, 2],
  [replyFailure('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.'), false, null],
  [1, false, null],
  [['1', '1'], false, null],
])('fsync: %j', async (waited, isDurable, reached) => {
  const appender = appenderOn(server(waited), { options: durably(fsync), capabilities: redis72 });
  expect(await appender.append([entry], 2_000)).toEqual([
    { entryId: '1-0', isDuplicate: false, isDurable, replicas: reached },
  ]);
});

test('fsync: where WAITAOF is missing nothing is sent, and the cause says so', async () => {
  const connection = server([1, 1]);
  const answersOf = async () => ({ engine: 'redis', version: '7.0.15', commands: { WAITAOF: false } });
  let capabilities: () => Promise<Partial<Capabilities>> = answersOf;
  const appender = appenderOn(connection, { options: durably(fsync), capabilities: () => capabilities() });
  const [answer] = await appender.append([entry, entry], 2_000);
  expect(answer).toMatchObject({ kind: 'unsupported', cause: { message: expect.stringMatching(/WAITAOF.*7\.0\.15/) } });
  expect(connection.exchanges).toEqual([]);
  // another server may be there by now
  capabilities = redis72;
  expect(await appender.append([entry], 2_000)).toMatchObject([{ isDurable: true }]);
});

test('fsync: a question that is not answered ends as offline in time, since nothing was sent', async () => {
  const connection = server([1, 1]);
  const silent = appenderOn(connection, { options: durably(fsync), capabilities: () => new Promise(() => {}) });
  expect(await silent.append([entry], 30)).toMatchObject([{ kind: 'offline' }]);
  const lost = () => Promise.reject(unknownOutcome('The connection ended'));
  const broken = appenderOn(connection, { options: durably(fsync), capabilities: lost });
  expect(await broken.append([entry], 2_000)).toMatchObject([{ kind: 'offline' }]);
  expect(connection.exchanges).toEqual([]);
});

test('fsync: calls that wait for the same answer are sent in their order', async () => {
  let resolve: (capabilities: Partial<Capabilities>) => void = () => {};
  const asked = new Promise<Partial<Capabilities>>((settle) => {
    resolve = settle;
  });
  const connection = server([1, 1]);
  const appender = appenderOn(connection, { options: durably(fsync), capabilities: () => asked });
  const numbered = (number: number) => [{ ...entry, fields: ['number', `${number}`] }];
  const calls = [0, 1, 2].map((number) => appender.append(numbered(number), 2_000));
  resolve(await redis72());
  await Promise.all([...calls, asked.then(() => appender.append(numbered(3), 2_000))]);
  expect(connection.exchanges.map(([command]) => command?.at(-1))).toEqual(['0', '1', '2', '3']);
});

test('in a cluster: each connection gets its entries and a wait of its own, and answers are put together', async () => {
  const shards = new Map(['a', 'b'].map((name, shard) => [name, server(shard + 1)]));
  const connectionOf = (stream: string | undefined) => shards.get(stream ?? '') as FakeConnection;
  const appender = appenderOn(connectionOf('a'), { options: durably(replicas), connectionOf });
  const entries = ['a', 'b', 'b', 'a'].map((stream) => ({ ...entry, stream }));
  const answers = (await appender.append(entries, 2_000)) as readonly Exclude<AppendAnswer, string>[];
  expect(answers).toMatchObject([
    { entryId: '1-0', isDurable: false, replicas: 1 },
    { entryId: '1-0', isDurable: true, replicas: 2 },
    { entryId: '1-1', isDurable: true, replicas: 2 },
    { entryId: '1-1', isDurable: false, replicas: 1 },
  ]);
  for (const shard of shards.values()) expect(shard.plan).toEqual([['XADD', 'XADD', 'WAIT']]);
});

test('replicas: writes to several slots of one shard share the time, those to another shard do not', async () => {
  const [near, far] = [{} as Shard, {} as Shard];
  const connections = new Map(['a', 'b', 'c', 'd'].map((stream) => [stream, server(2)]));
  for (const [stream, connection] of connections) connection.shard = stream === 'd' ? far : near;
  const connectionOf = (stream = '') => connections.get(stream) as FakeConnection;
  const appender = appenderOn(connectionOf('a'), { options: durably(replicas), connectionOf });
  await appender.append(
    ['a', 'b', 'c', 'd', 'a'].map((stream) => ({ ...entry, stream })),
    2_500,
  );
  const waits = [...connections.values()].map(({ exchanges }) => exchanges[0]?.at(-1));
  expect(waits).toEqual([166, 166, 166, 500].map((timeoutMs) => ['WAIT', '2', String(timeoutMs)]));
});
