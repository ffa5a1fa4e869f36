import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ServerConnection } from '../src/server-connection.js';
import { SingleServer } from '../src/single-server.js';
import { errorReply, FakeConnector, turn } from './fake-connector.js';

const events = {
  connected: jest.fn(),
  disconnected: jest.fn(),
  reconnecting: jest.fn(),
  failed: jest.fn(),
};

let connector: FakeConnector;
let connection: ServerConnection;

function connect(failFast = false): void {
  connector = new FakeConnector();
  const { only: shard } = new SingleServer({ host: 'redis.test', port: 6379 });
  connection = new ServerConnection({ connector, role: 'control', shard, mastersOnly: false, events, failFast });
}

async function opened(): Promise<void> {
  connection.opened(1).catch(() => {
    // what the test is about tells
  });
  await connector.last.open();
}

/** How an exchange of one command ends: a kind of failure, or the reply. */
function outcome(name: string, withinMs = 1_000): Promise<unknown> {
  return connection.command([name], withinMs).catch((error: { kind: string }) => error.kind);
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  jest.spyOn(Math, 'random').mockReturnValue(1);
  connect();
});

afterEach(() => {
  connection.close();
  jest.useRealTimers();
  jest.restoreAllMocks();
  jest.clearAllMocks();
});

describe('a connection that is open', () => {
  test('answers each command with its reply, or with what its error means', async () => {
    await opened();
    const replies = connection.exchange([['A'], ['B'], ['C']], 1_000);
    await connector.last.answer('a', errorReply('NOGROUP No such key'), 'c');
    expect(await replies).toEqual(['a', expect.objectContaining({ kind: 'group-lost' }), 'c']);
    expect(connection.clientId).toBe(7);
  });

  test('is condemned by a deadline that passes, opened anew, and sends nothing twice', async () => {
    await opened();
    const [slow, quick] = [outcome('SLOW', 100), outcome('OTHER', 1_000)];
    await jest.advanceTimersByTimeAsync(101);
    expect(await slow).toBe('unknown');
    expect(await quick).toBe('unknown');
    const [first] = connector.links;
    expect(first?.destroyed).toBe(true);
    const next = outcome('NEXT');
    await jest.advanceTimersByTimeAsync(1);
    await connector.last.open();
    await connector.last.answer('next');
    expect(await next).toBe('next');
    expect(connector.last.sent).toEqual([['NEXT']]);
    expect(connector.links).toHaveLength(2);
    // a late answer of the first one changes nothing
    await first?.answer('late');
  });

  test('keeps the answers that came before it ended; the rest is unknown', async () => {
    await opened();
    const replies = connection.exchange([['A'], ['B']], 1_000);
    await connector.last.answer('a');
    await connector.last.end();
    expect(await replies).toEqual(['a', expect.objectContaining({ kind: 'unknown' })]);
    expect(events.disconnected).toHaveBeenCalledTimes(1);
  });

  test.each(['READONLY You cannot write', 'UNBLOCKED force unblock'])(
    'is opened anew after %s, which says that the server is another one',
    async (text) => {
      await opened();
      const reply = outcome('A');
      await connector.last.answer(errorReply(text));
      expect(await reply).toBe('refused');
      expect(connector.last.destroyed).toBe(true);
      await jest.advanceTimersByTimeAsync(1);
      expect(connector.links).toHaveLength(2);
    },
  );

  test.each([
    ['LOADING Redis is loading', 'offline'],
    ['OOM command not allowed', 'refused'],
    ['BUSY Redis is busy', 'refused'],
  ])('stays open after %s', async (text, kind) => {
    await opened();
    const reply = outcome('A');
    await connector.last.answer(errorReply(text));
    expect(await reply).toBe(kind);
    expect(connector.last.destroyed).toBe(false);
  });
});

describe('a connection that is not open', () => {
  test('sends what waits in the order of the calls, and before what comes later', async () => {
    const waiting = [outcome('A'), outcome('B')];
    events.connected.mockImplementationOnce(() => {
      waiting.push(outcome('C'));
    });
    await connector.last.open();
    expect(connector.last.sent).toEqual([['A'], ['B'], ['C']]);
    await connector.last.answer('a', 'b', 'c');
    expect(await Promise.all(waiting)).toEqual(['a', 'b', 'c']);
  });

  test('answers offline what was not sent within its time, and never sends it', async () => {
    const early = outcome('A', 100);
    await jest.advanceTimersByTimeAsync(100);
    expect(await early).toBe('offline');
    await connector.last.open();
    expect(connector.last.sent).toEqual([]);
  });

  test('gives up an attempt that takes too long, and makes another', async () => {
    const waiting = outcome('A', 10_000);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(connector.last.destroyed).toBe(true);
    await jest.advanceTimersByTimeAsync(50);
    expect(connector.links).toHaveLength(2);
    await connector.last.open();
    await connector.last.answer('a');
    expect(await waiting).toBe('a');
  });

  test('tries again ever more slowly, up to two seconds', async () => {
    const waiting = outcome('A', 60_000);
    for (const delayMs of [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]) {
      const attempts = connector.links.length;
      await connector.last.refuse('ECONNREFUSED');
      await jest.advanceTimersByTimeAsync(delayMs - 1);
      expect(connector.links).toHaveLength(attempts);
      await jest.advanceTimersByTimeAsync(1);
      expect(connector.links).toHaveLength(attempts + 1);
    }
    expect(events.failed).toHaveBeenCalledTimes(1);
    await connector.last.open();
    await connector.last.answer('a');
    expect(await waiting).toBe('a');
  });

  test('tries again at once after a connection that lasted, and not in a hot loop after others', async () => {
    await opened();
    await connector.last.end();
    const delays: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const attempts = connector.links.length;
      const endedAt = performance.now();
      while (connector.links.length === attempts) await jest.advanceTimersByTimeAsync(1);
      delays.push(Math.round(performance.now() - endedAt));
      await connector.last.open();
      await connector.last.end();
    }
    expect(delays.map((delay) => delay > 40)).toEqual([false, true, true, true]);
    await jest.advanceTimersByTimeAsync(1_000);
    await connector.last.open();
    await jest.advanceTimersByTimeAsync(2_000);
    await connector.last.end();
    const attempts = connector.links.length;
    await jest.advanceTimersByTimeAsync(1);
    expect(connector.links).toHaveLength(attempts + 1);
  });

  test.each(['WRONGPASS invalid username-password pair', 'NOAUTH Authentication required.'])(
    'tells everybody at once of %s, and tries again slowly',
    async (text) => {
      const waiting = outcome('A', 60_000);
      await connector.last.refuse(text);
      expect(await waiting).toBe('denied');
      expect(await outcome('B', 60_000)).toBe('denied');
      await jest.advanceTimersByTimeAsync(999);
      expect(connector.links).toHaveLength(1);
      await jest.advanceTimersByTimeAsync(1_001);
      expect(connector.links).toHaveLength(2);
      await connector.last.open();
      const after = outcome('C');
      await connector.last.answer('c');
      expect(await after).toBe('c');
    },
  );

  test('when failing fast: tells everybody of the first failed attempt', async () => {
    connect(true);
    const waiting = outcome('A', 60_000);
    await connector.last.refuse('ECONNREFUSED');
    expect(await waiting).toBe('offline');
    expect(await outcome('B', 60_000)).toBe('offline');
  });

  test('counts the attempts of those who wait for it alone', async () => {
    const opening = connection.opened(2).then(
      () => 'open',
      (error: { kind: string }) => error.kind,
    );
    await connector.last.refuse('ECONNREFUSED');
    await jest.advanceTimersByTimeAsync(50);
    await connector.last.refuse('ECONNREFUSED');
    expect(await opening).toBe('offline');
  });

  test('survives a client that throws instead of opening', async () => {
    connector.failures.push(new TypeError('redis://alice:secret@host is wrong'));
    const waiting = connection.command(['A'], 100);
    await Promise.all([expect(waiting).rejects.toThrow(/^(?!.*secret)/), jest.advanceTimersByTimeAsync(100)]);
  });
});

describe('a connection that is closed', () => {
  test('answers closed what waits and what comes, and unknown what is under way', async () => {
    const waiting = outcome('A');
    connection.close();
    expect(await waiting).toBe('closed');
    expect(await outcome('B')).toBe('closed');
    connect();
    await opened();
    const underWay = outcome('C');
    connection.close();
    await turn();
    expect(await underWay).toBe('unknown');
    expect(jest.getTimerCount()).toBe(0);
  });

  test('is not opened by an attempt that was under way', async () => {
    const waiting = outcome('A');
    connection.close();
    await connector.last.open();
    expect(connector.last.destroyed).toBe(true);
    expect(await waiting).toBe('closed');
    expect(events.connected).not.toHaveBeenCalled();
  });
});
