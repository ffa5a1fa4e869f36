import { plainAppending } from '@events/conformance';
import type { AppendAnswer, FailureKind, Transport } from '@events/core';
import { until } from '@events/tooling-redis';
import { describe, expect, jest, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const stream = 'orders';
const entry = { stream, id: 'any', fields: ['a', 'b'] };
const member = { stream, group: 'group', consumer: 'one' };
/** What a busy machine may add to a deadline. */
const slackMs = 1_500;

/** What the transport answers, and how it recovers, when its server or the way to it fails. */
export function faultsSuite(kit: TransportKit): void {
  describe(`${kit.name}, when something fails`, () => {
    const laboratory = new Laboratory(kit);

    test('a frozen server: an append is unknown in time, and nothing is stored twice', async () => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url }).appender(plainAppending);
      expect(kindsOf(await appender.append([entry], 2_000))).toEqual(['stored']);
      await server.freeze();
      const startedAt = performance.now();
      const calls = [appender.append([entry, entry], 300), appender.append([entry], 300)];
      expect(kindsOf((await Promise.all(calls)).flat())).toEqual(['unknown', 'unknown', 'unknown']);
      expect(performance.now() - startedAt).toBeLessThan(300 + slackMs);
      await server.thaw();
      await until(
        async () =>
          kindsOf(await appender.append([{ stream: 'after', id: 'any', fields: ['a', 'b'] }], 2_000))[0] === 'stored',
      );
      expect(Number(await server.command('XLEN', stream))).toBeLessThanOrEqual(4);
    });

    test('a frozen server: what is not sent is offline', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      await server.freeze();
      expect(kindsOf(await transport.appender(plainAppending).append([entry], 200))).toEqual(['offline']);
      expect(await kindOf(transport, transport.inspector().describe(stream))).toBe('offline');
      await server.thaw();
      await until(async () =>
        (await transport.appender(plainAppending).append([entry], 2_000)).every((answer) => typeof answer === 'string'),
      );
      expect(await server.command('XLEN', stream)).toBe(1);
    });

    test('a frozen server: a verb and a blocking read end within their deadlines, and go on after it', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const subscription = transport.subscription(member);
      await subscription.ensureGroup('beginning');
      const reading = kindOf(transport, subscription.read(1, 300));
      await server.freeze();
      const startedAt = performance.now();
      expect(await kindOf(transport, subscription.owned('0-0', 1))).toBe('unknown');
      expect(performance.now() - startedAt).toBeLessThan(2_000 + slackMs);
      expect(['unknown', 'offline']).toContain(await reading);
      expect(performance.now() - startedAt).toBeLessThan(2_300 + slackMs);
      await server.thaw();
      await transport.connect();
      await server.command('XADD', stream, '*', 'a', 'b');
      // the read that was given up may have been executed, so the entry may be owned instead of unread
      const found = await until(async () => {
        const entries = [...(await subscription.read(1, 0)), ...(await subscription.owned('0-0', 1))];
        return entries.length > 0 && entries;
      });
      expect(new Set(found.map(({ id }) => id)).size).toBe(1);
    });

    test('answers that are lost: an append is unknown, stored once, and never sent again', async () => {
      const server = await laboratory.server();
      const proxy = await laboratory.proxy(server);
      const appender = laboratory.transport({ url: proxy.url }).appender(plainAppending);
      await appender.append([entry], 2_000);
      proxy.setMode('dropReplies');
      expect(kindsOf(await appender.append([entry, entry], 300))).toEqual(['unknown', 'unknown']);
      proxy.setMode('pass');
      proxy.cut();
      expect(kindsOf(await appender.append([entry], 2_000))).toEqual(['stored']);
      expect(await server.command('XLEN', stream)).toBe(4);
    });

    test('a connection that breaks among the answers: those that came count', async () => {
      const server = await laboratory.server();
      const proxy = await laboratory.proxy(server);
      const appender = laboratory.transport({ url: proxy.url }).appender(plainAppending);
      await appender.append([entry], 2_000);
      const cut = proxy.cutAfterBytes(1_000, 'toClient');
      const answers = await appender.append(new Array(200).fill(entry), 2_000);
      expect(await cut).toBe(true);
      const stored = answers.filter((answer) => typeof answer === 'string');
      expect(kindsOf(answers)).toEqual(answers.map((_, index) => (index < stored.length ? 'stored' : 'unknown')));
      expect(stored.length).toBeGreaterThan(10);
      const length = Number(await until(async () => server.command('XLEN', stream)));
      expect(length).toBeGreaterThanOrEqual(1 + stored.length);
      expect(length).toBeLessThanOrEqual(201);
      expect(kindsOf(await appender.append([entry], 2_000))).toEqual(['stored']);
    });

    test('a reader that is killed: its read fails at once, and the next one works', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const subscription = transport.subscription(member);
      await subscription.ensureGroup('beginning');
      const reading = kindOf(transport, subscription.read(1, 20_000));
      await until(async () => (await server.dropConnection('events:reader')) > 0);
      const startedAt = performance.now();
      expect(await reading).toBe('unknown');
      expect(performance.now() - startedAt).toBeLessThan(slackMs);
      await server.command('XADD', stream, '*', 'a', 'b');
      expect(await subscription.read(1, 1_000)).toHaveLength(1);
    });

    test('a server that is gone: offline in time, and in use again when it is back', async () => {
      const server = await laboratory.server({ appendOnly: 'always' });
      const transport = laboratory.transport({ url: server.url });
      const appender = transport.appender(plainAppending);
      await appender.append([entry], 2_000);
      await server.kill();
      await until(async () => kindsOf(await appender.append([entry], 200))[0] === 'offline');
      expect(kindsOf(await appender.append([entry], 200))).toEqual(['offline']);
      await server.restart();
      expect(kindsOf(await appender.append([entry], 5_000))).toEqual(['stored']);
    });

    test('a server that is gone, when failing fast: nobody waits for it', async () => {
      const server = await laboratory.server();
      await server.kill();
      const transport = laboratory.transport({ url: server.url, failoverStrategy: 'failfast' });
      const startedAt = performance.now();
      await expect(transport.connect()).rejects.toMatchObject({ code: 'EVENTS_TRANSPORT', retryable: true });
      expect(kindsOf(await transport.appender(plainAppending).append([entry], 20_000))).toEqual(['offline']);
      expect(performance.now() - startedAt).toBeLessThan(slackMs);
    });

    test('scripts that the server forgets are sent again', async () => {
      const server = await laboratory.server();
      const subscription = laboratory.transport({ url: server.url }).subscription(member);
      await subscription.ensureGroup('beginning');
      await server.command('XADD', stream, '*', 'a', 'b');
      const [read] = await subscription.read(1, 0);
      for (const record of ['one', 'two']) {
        expect(await subscription.postpone(read?.id ?? '', record)).toBe(true);
        await server.command('SCRIPT', 'FLUSH');
      }
      expect(await subscription.owned('0-0', 1)).toMatchObject([{ record: 'two' }]);
    });

    test.each(['pipeline', 'script'] as const)(
      'a server that may not write (%s): refused, and the connection is opened anew',
      async (append) => {
        const server = await laboratory.server();
        const transport = laboratory.transport({ url: server.url, append });
        const appender = transport.appender(plainAppending);
        const batch = new Array(8).fill(entry);
        // the first batch goes without the script, while it is asked whether the script may be used
        for (let round = 0; round < 3; round += 1)
          expect(new Set(kindsOf(await appender.append(batch, 2_000)))).toEqual(new Set(['stored']));
        let connected = 0;
        transport.on('connected', () => {
          connected += 1;
        });
        await server.command('REPLICAOF', '127.0.0.1', '1');
        expect(new Set(kindsOf(await appender.append(batch, 2_000)))).toEqual(new Set(['refused']));
        await until(() => connected > 0);
        await server.command('REPLICAOF', 'NO', 'ONE');
        expect(new Set(kindsOf(await appender.append(batch, 2_000)))).toEqual(new Set(['stored']));
      },
    );

    test.each(['pipeline', 'script'] as const)('a server that is full (%s): refused', async (append) => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url, append }).appender(plainAppending);
      const batch = new Array(8).fill(entry);
      for (let round = 0; round < 3; round += 1) await appender.append(batch, 2_000);
      await server.command('CONFIG', 'SET', 'maxmemory', '1');
      expect(new Set(kindsOf(await appender.append(batch, 2_000)))).toEqual(new Set(['refused']));
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      expect(new Set(kindsOf(await appender.append(batch, 2_000)))).toEqual(new Set(['stored']));
    });

    test('a stall of this process is not taken for silence of the server', async () => {
      const server = await laboratory.server();
      const appender = laboratory.transport({ url: server.url }).appender(plainAppending);
      await appender.append([entry], 2_000);
      const answers = appender.append([entry], 100);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const second = appender.append([entry], 100);
      // until the command has left; then nothing is read for longer than the deadline
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      const stalledUntil = performance.now() + 400;
      while (performance.now() < stalledUntil);
      expect(kindsOf([...(await answers), ...(await second)])).toEqual(['stored', 'stored']);
    });

    test('listeners that throw disturb nobody, and nobody has to listen', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      transport.once('connected', () => {
        throw new Error('as intended');
      });
      expect(kindsOf(await transport.appender(plainAppending).append([entry], 2_000))).toEqual(['stored']);
      expect(warn).toHaveBeenCalledTimes(1);
      expect(String(warn.mock.calls[0]?.[0])).toContain('as intended');
      warn.mockRestore();
      await server.kill();
      await until(async () => kindsOf(await transport.appender(plainAppending).append([entry], 100))[0] === 'offline');
    });
  });
}

function kindsOf(answers: readonly AppendAnswer[]): readonly string[] {
  return answers.map((answer) => (typeof answer === 'object' && 'kind' in answer ? answer.kind : 'stored'));
}

function kindOf(transport: Transport, verb: Promise<unknown>): Promise<FailureKind | 'resolved'> {
  return verb.then(
    () => 'resolved' as const,
    (error: unknown) => transport.classify(error).kind,
  );
}
