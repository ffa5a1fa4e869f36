import { plainAppending } from '@events/conformance';
import { OptionsError } from '@events/core';
import type { RedisTransportOptions } from '@events/redis-streams';
import { until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const entry = { stream: 'orders', id: 'any', fields: ['a', 'b'] };

const node = { host: 'localhost', port: 1 };

/** Options, borrowed clients, TLS. */
export function optionsSuite(kit: TransportKit): void {
  describe(`${kit.name}, its options`, () => {
    const laboratory = new Laboratory(kit);

    test.each<[string, Record<string, unknown>]>([
      ['sentinels need name', { sentinels: [node] }],
      ['sentinels must be a list', { sentinels: [], name: 'main' }],
      ['sentinels must hold', { sentinels: [{ host: 'a' }], name: 'main' }],
      ['sentinels and url', { sentinels: [node], name: 'main', url: 'redis://localhost' }],
      ['sentinels and port', { sentinels: [node], name: 'main', port: 1 }],
      ['sentinels and cluster', { sentinels: [node], name: 'main', cluster: [node] }],
      ['name means nothing', { name: 'main' }],
      ['name must be', { sentinels: [node], name: '' }],
      ['sentinelPassword means nothing', { sentinelPassword: 'secret', cluster: [node] }],
      ['sentinelTls means nothing', { sentinelTls: true }],
      ['sentinelTls must be', { sentinels: [node], name: 'main', sentinelTls: 'yes' }],
      ['sentinelUsername was given', { sentinels: [node], name: 'main', sentinelUsername: 'alice' }],
      ['cluster must be a list', { cluster: node }],
      ['cluster must hold', { cluster: [{ host: '', port: 1 }] }],
      ['cluster and host', { cluster: [node], host: 'localhost' }],
      ['cluster and db', { cluster: [node], db: 1 }],
      ['nodeAddressMap means nothing', { nodeAddressMap: {} }],
      ['nodeAddressMap must be', { cluster: [node], nodeAddressMap: { 'a:1': 'b:2' } }],
      ['client and sentinels', { client: {}, sentinels: [node], name: 'main' }],
      ['client and nodeAddressMap', { client: {}, nodeAddressMap: {} }],
      ['hots', { hots: 'localhost' }],
      ['url and host', { url: 'redis://localhost', host: 'localhost' }],
      ['url and port', { url: 'redis://localhost', port: 1 }],
      ['url and password', { url: 'redis://:one@localhost', password: 'another' }],
      ['url and db', { url: 'redis://localhost/1', db: 2 }],
      ['url must be', { url: 'http://localhost' }],
      ['url must be', { url: 'localhost:6379' }],
      ['number of a database', { url: 'redis://localhost/orders' }],
      ['query', { url: 'redis://localhost?password=secret' }],
      ['percent-encoded', { url: 'redis://:%zz@localhost' }],
      ['tls', { url: 'redis://localhost', tls: true }],
      ['tls: false', { url: 'rediss://localhost', tls: false }],
      ['tls must be', { tls: 'yes' }],
      ['username was given', { username: 'alice' }],
      ['port', { port: 70_000 }],
      ['port', { port: '6379' }],
      ['db', { db: -1 }],
      ['host', { host: '' }],
      ['maxRetries', { maxRetries: 1.5 }],
      ['failoverStrategy', { failoverStrategy: 'hope' }],
      ['append', { append: 'fast' }],
      ['client and url', { client: {}, url: 'redis://localhost' }],
      ['client and clientOptions', { client: {}, clientOptions: {} }],
      ['client', { client: 'redis' }],
      [`not a client of ${kit.name}`, { client: {} }],
    ])('refuses what is unknown, wrong or contradictory, and names it: %s', (named, options) => {
      const create = () => kit.create(options as RedisTransportOptions);
      expect(create).toThrow(OptionsError);
      expect(create).toThrow(new RegExp(named));
      expect(create).not.toThrow(/secret/);
    });

    test('a url says all that the parts say', async () => {
      const password = 'p@ss:w/rd';
      const server = await laboratory.server({ users: [`alice on >${password} ~* +@all`] });
      const { host, port } = server;
      const byUrl = laboratory.transport({ url: `redis://alice:${encodeURIComponent(password)}@${host}:${port}/3` });
      const byParts = laboratory.transport({ host, port, username: 'alice', password, db: 3 });
      for (const transport of [byUrl, byParts]) {
        expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
      }
      expect(String(await server.command('INFO', 'keyspace'))).toMatch(/db3:keys=1/);
      expect(String(await server.command('CLIENT', 'LIST'))).toContain('user=alice');
    });

    test('TLS: by rediss:// with an authority, or by tls', async () => {
      const server = await laboratory.server({ tls: true });
      const { url, ca, port } = server.tls ?? { url: '', ca: '', port: 0 };
      for (const options of [
        { url, tls: { ca } },
        { host: server.host, port, tls: { ca } },
      ]) {
        const transport = laboratory.transport(options);
        await transport.connect();
        expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
      }
      const distrustful = laboratory.transport({ url, maxRetries: 0 });
      await expect(distrustful.connect()).rejects.toMatchObject({
        code: 'EVENTS_TRANSPORT',
        message: expect.stringMatching(/CERT|SELF_SIGNED|SIGNATURE/),
      });
    });

    test('connections have names that say what they are for, and there are no more than are needed', async () => {
      const server = await laboratory.server();
      const transport = laboratory.transport({ url: server.url });
      const names = async () =>
        [...String(await server.command('CLIENT', 'LIST')).matchAll(/ name=(events:\S+)/g)]
          .map(([, name]) => name)
          .sort();
      expect(await names()).toEqual([]);
      const [one, two] = [transport.appender(plainAppending), transport.appender(plainAppending)];
      await Promise.all([one.append([entry], 2_000), two.append([entry], 2_000)]);
      const subscription = transport.subscription({ stream: 'orders', group: 'group', consumer: 'one' });
      await subscription.ensureGroup('beginning');
      await transport.inspector().describe('orders');
      expect(await names()).toEqual(['events:control', 'events:writer']);
      await subscription.read(1, 0);
      expect(await names()).toEqual(['events:control', 'events:reader', 'events:writer']);
      await one.close();
      expect(await names()).toContain('events:writer');
      await two.close();
      await subscription.close();
      await until(async () => (await names()).join() === 'events:control');
      await transport.close();
      await until(async () => (await names()).length === 0);
    });

    test('a server that evicts is warned of', async () => {
      const config = { 'maxmemory-policy': 'allkeys-lru' };
      const server = await laboratory.server({ appendOnly: true, maxMemory: '64mb', config });
      const transport = laboratory.transport({ url: server.url });
      const warnings: string[] = [];
      transport.on('warning', (warning) => warnings.push(warning));
      await transport.connect();
      await transport.capabilities();
      expect(warnings).toEqual([expect.stringContaining('allkeys-lru')]);
    });

    test('a borrowed client lends its options, is never used, and stays open', async () => {
      const password = 'secret';
      const server = await laboratory.server({ password });
      const application = await laboratory.client({ port: server.port, password });
      const transport = laboratory.transport({ client: application.client });
      await transport.connect();
      expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
      const subscription = transport.subscription({ stream: 'orders', group: 'group', consumer: 'one' });
      await subscription.ensureGroup('latest');
      const reading = subscription.read(1, 1_000);
      // a client that blocks could not answer meanwhile
      expect(await Promise.race([application.ping(), reading])).toBe('PONG');
      await transport.close();
      expect(transport.classify(await reading.catch((error: unknown) => error)).kind).toMatch(/unknown|closed/);
      expect(await application.ping()).toBe('PONG');
    });
  });
}
