import { inspect } from 'node:util';
import { plainAppending } from '@events/conformance';
import { until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const password = 'correct-horse-battery-staple';
const payload = 'payload-that-nobody-may-see';
const stream = 'prod:orders';
const entry = { stream, id: 'any', fields: ['data', payload] };
const hourMs = 3_600_000;

/** What the transport needs and no more: see the README. */
const publisherRules = `publisher on >${password} resetchannels %W~prod:* +xadd`;
const consumerRules =
  `consumer on >${password} resetchannels ~prod:* ~{prod:* +xreadgroup +xack +xclaim +xpending +xrange +xadd ` +
  '+xgroup|create +xgroup|createconsumer +xgroup|delconsumer +evalsha +eval +get +set +del +unlink +hset +hdel +hmget +time ' +
  '+sadd +scard +smismember +pexpire';

/** Credentials, permissions, and what must not get out. */
export function securitySuite(kit: TransportKit): void {
  describe(`${kit.name}, with an eye on security`, () => {
    const laboratory = new Laboratory(kit);

    test.each(Object.entries(kit.protocols))(
      'users with the fewest permissions can do everything over %s',
      async (_, clientOptions) => {
        const server = await laboratory.server({ users: ['default off', publisherRules, consumerRules] });
        const { host, port } = server;
        const publishing = laboratory.transport({
          host,
          port,
          username: 'publisher',
          password,
          append: 'script',
          clientOptions,
        });
        const consuming = laboratory.transport({ host, port, username: 'consumer', password, clientOptions });
        await publishing.connect();
        await consuming.connect();
        expect(await consuming.capabilities()).toMatchObject({
          version: null,
          evictionPolicy: null,
          commands: { XACKDEL: false },
        });
        const appender = publishing.appender(plainAppending);
        for (let round = 0; round < 3; round += 1) {
          const answers = await appender.append(new Array(8).fill(entry), 2_000);
          expect(answers.every((answer) => typeof answer === 'string')).toBe(true);
        }
        const one = consuming.subscription({ stream, group: 'group', consumer: 'one' });
        const other = consuming.subscription({ stream, group: 'group', consumer: 'other' });
        await one.ensureGroup('beginning');
        expect(await one.register(hourMs)).toBe(true);
        const ids = (await one.read(24, 1_000)).map(({ id }) => id);
        expect(ids).toHaveLength(24);
        const [first = '', second = '', third = ''] = ids;
        expect(await one.start(first, 2)).toBe(true);
        expect(await one.postpone(first, 'record')).toBe(true);
        expect(await one.keepAlive([first])).toEqual([first]);
        expect(await one.release([second])).toBe(1);
        expect((await other.claim(hourMs, 10)).entries).toHaveLength(1);
        expect(await one.deadLetter(third, '{prod:orders}:dlq', ['reason', 'none'])).toBe('moved');
        const marks = { eventIds: ['event'], windowMs: hourMs, maxEntries: 10 };
        expect(await one.acknowledge({ ids: [first], postponed: [first], marks })).toMatchObject({ count: 1 });
        expect(await one.handled(['event'], hourMs)).toEqual([true]);
        expect(await one.owned('0-0', 100)).toHaveLength(21);
        // CLIENT UNBLOCK is denied: the read takes its time, and nothing fails
        const reading = one.read(1, 200);
        await one.interruptRead();
        expect(await reading).toEqual([]);
        await one.acknowledge({ ids, postponed: [] });
        await one.close();
        await other.close();
        expect(await server.command('EXISTS', '{prod:orders}:consumers:group:one')).toBe(0);
      },
    );

    test('what a user may not do is denied, to the entry that it concerns', async () => {
      const server = await laboratory.server({ users: [publisherRules] });
      const { host, port } = server;
      const appender = laboratory.transport({ host, port, username: 'publisher', password }).appender(plainAppending);
      const answers = await appender.append([entry, { stream: 'secret', id: 'any', fields: ['a', 'b'] }, entry], 2_000);
      expect(answers).toEqual([expect.any(String), expect.objectContaining({ kind: 'denied' }), expect.any(String)]);
    });

    test('wrong credentials are denied at once; right ones are taken up without a restart', async () => {
      const server = await laboratory.server({ users: ['alice on >another ~* +@all'] });
      const { host, port } = server;
      const transport = laboratory.transport({ host, port, username: 'alice', password });
      const startedAt = performance.now();
      const connecting = transport.connect();
      await expect(connecting).rejects.toMatchObject({
        code: 'EVENTS_PERMISSION',
        message: expect.stringContaining(`${host}:${port}`),
      });
      const appender = transport.appender(plainAppending);
      const [answer] = await appender.append([entry], 20_000);
      expect(answer).toMatchObject({ kind: 'denied' });
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      await server.command('ACL', 'SETUSER', 'alice', `>${password}`);
      await until(async () => typeof (await appender.append([entry], 2_000))[0] === 'string');
    });

    test('missing credentials are denied', async () => {
      const server = await laboratory.server({ password });
      const { host, port } = server;
      for (const clientOptions of Object.values(kit.protocols)) {
        const transport = laboratory.transport({ host, port, clientOptions });
        expect(await transport.appender(plainAppending).append([entry], 2_000)).toMatchObject([{ kind: 'denied' }]);
        await expect(transport.connect()).rejects.toMatchObject({ code: 'EVENTS_PERMISSION' });
      }
    });

    test('a database that does not exist is an error, and never another database', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: `${server.url}/9999` });
      expect(await transport.appender(plainAppending).append([entry], 2_000)).toMatchObject([{ kind: 'invalid' }]);
      await expect(transport.connect()).rejects.toMatchObject({ code: 'EVENTS_TRANSPORT' });
      expect(await server.command('DBSIZE')).toBe(0);
    });

    test('neither passwords nor payloads are in errors, events, or what a transport shows of itself', async () => {
      const server = await laboratory.server({ users: [`alice on >${password} ~* +@all`, publisherRules] });
      const { host, port } = server;
      const shown: unknown[] = [];
      const watch = (transport: ReturnType<TransportKit['create']>) => {
        for (const name of ['error', 'disconnected', 'warning', 'connected'] as const) {
          transport.on(name, (...details: unknown[]) => shown.push(details));
        }
        shown.push(transport, JSON.stringify(transport));
        return transport;
      };
      const wrong = watch(laboratory.transport({ host, port, username: 'alice', password: `${password}!` }));
      shown.push(
        await wrong.connect().catch((error: unknown) => error),
        await wrong.appender(plainAppending).append([entry], 500),
      );
      const right = watch(laboratory.transport({ url: `redis://alice:${password}@${host}:${port}` }));
      await server.command('SET', 'text', 'value');
      const appender = right.appender(plainAppending);
      const refused = [
        { stream: 'text', id: 'any', fields: ['data', payload] },
        { stream, id: 'any', fields: [payload] },
        { stream, id: 'any', fields: [] },
      ];
      shown.push(await appender.append(refused, 2_000));
      const limited = watch(laboratory.transport({ host, port, username: 'publisher', password }));
      shown.push(
        await limited
          .appender(plainAppending)
          .append([{ stream: 'other', id: 'any', fields: ['data', payload] }], 2_000),
      );
      await server.freeze();
      shown.push(await appender.append([entry], 100));
      await server.thaw();
      const subscription = right.subscription({ stream: 'text', group: 'group', consumer: 'one' });
      shown.push(await subscription.deadLetter('1-1', 'dead', ['data', payload]).catch((error: unknown) => error));
      const everything = inspect(shown, { depth: 20, showHidden: true, customInspect: false, maxStringLength: null });
      expect(everything).not.toMatch(/payload-that|correct-horse/);
      expect(`${inspect(shown, { depth: 20 })}`).not.toMatch(/payload-that|correct-horse/);
    });
  });
}
