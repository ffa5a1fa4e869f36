// The users in apps/docs/redis-users.md suffice for what they are for, and may do no more.
import { once } from 'node:events';
import { EventAdmin } from '@events/admin';
import {
  changePartitions,
  EventConsumer,
  EventPublisher,
  type Janitor,
  PermissionError,
  type PublisherOptions,
  UnderReplicatedError,
} from '@events/core';
import { RedisTransport as IoredisTransport } from '@events/redis-ioredis';
import { RedisTransport as NodeRedisTransport } from '@events/redis-node';
import { until } from '@events/tooling-redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readPage } from './support/pages.js';
import { type Ground, grounds } from './support/redis-grounds.js';
import { additionNames, commandsIn, everybody, onCluster, type Role, roles, ruleOf } from './support/redis-users.js';

const adapters = [
  ['redis-ioredis', IoredisTransport],
  ['redis-node', NodeRedisTransport],
] as const;
type RedisTransport = IoredisTransport | NodeRedisTransport;

/** What this page's servers, of version 7.0, do not have. */
const newer = new Set(['waitaof']);
/** Permitted where they are tried, and needed only when a connection is lost, a slot moves, or a read is cut short. */
const seldom = new Set(['asking', 'client|unblock']);

let ground: Ground;
let transports: RedisTransport[] = [];
const tried = new Set<string>();

const all = { limit: null, isExact: true, keepUnread: null };

/** Whatever a trimmer does but for trimming to a length, with a group that has been silent for long, and one that is gone. */
async function tendAsTrimmer(janitor: Janitor, master: Ground['servers'][number]): Promise<void> {
  await master.command('XGROUP', 'CREATE', 'prod:orders', 'old', '0');
  await master.command('XREADGROUP', 'GROUP', 'old', 'a', 'COUNT', '1', 'STREAMS', 'prod:orders', '>');
  await master.command('HSET', '{prod:orders}:groups', 'other', '1');
  expect(await janitor.takeTurn('prod:orders', 'trim', 60_000)).toBe(true);
  expect(await janitor.survey('prod:orders')).toMatchObject({ bytes: expect.any(Number), groups: [{ name: 'old' }] });
  const keepUnread = { released: ['old'], silentMs: 60_000 };
  expect(await janitor.trim('prod:orders', { ...all, keepUnread, bound: { maxLength: 1 } })).toMatchObject({
    removed: 0,
  });
}

/** The additions with these names, of the role's table. */
const added = (role: Role, ...names: readonly string[]): string[] =>
  names.flatMap((name) => {
    tried.add(name);
    return [...(role.additions.get(name) ?? [`there is no row ${name}`])];
  });

/** Makes the user of `role` on every server, with what the ground and `additions` add. Returns its words. */
async function permit(role: Role, ...additions: readonly string[]): Promise<readonly string[]> {
  const rule = ruleOf(role, ground.additions, additions).filter((word) => !newer.has(word.replace('+', '')));
  for (const server of ground.servers) {
    await server.command('ACL', 'SETUSER', ...rule);
    await server.command('ACL', 'LOG', 'RESET');
    await server.command('CONFIG', 'RESETSTAT');
    await server.command('SCRIPT', 'FLUSH'); // so that scripts are sent whole once
  }
  return rule;
}

/** What was denied on any server, but for the one question that only an operator may ask. */
async function denied(): Promise<string[]> {
  const lines: string[] = [];
  for (const server of ground.servers) {
    const log = (await server.command('ACL', 'LOG')) as unknown as unknown[][];
    for (const line of log) {
      const [object, username] = ['object', 'username'].map((name) => String(line[line.indexOf(name) + 1]));
      if (object !== 'config|get') lines.push(`${username}: ${object}`);
    }
  }
  return lines;
}

/** The commands of `rule` that no server has executed since `permit`. */
async function unused(rule: readonly string[]): Promise<string[]> {
  const used = new Set<string>(seldom);
  for (const server of ground.servers) {
    const stats = String(await server.command('INFO', 'commandstats'));
    for (const [, name = '', calls] of stats.matchAll(/^cmdstat_([a-z|]+):calls=(\d+)/gm)) {
      if (Number(calls) > 0) used.add(name);
    }
  }
  return commandsIn(rule).filter((name) => !used.has(name));
}

/** What the user's permissions say of a command, asked of the server that holds its key. */
async function mayRun(role: Role, command: string, key: string): Promise<boolean> {
  const server = await ground.masterOf(key);
  return (await server.command('ACL', 'DRYRUN', role.username, ...command.split(' '))) === 'OK';
}

async function refused(role: Role, commands: readonly string[]): Promise<void> {
  const permitted: string[] = [];
  for (const command of commands) if (await mayRun(role, command, 'prod:orders')) permitted.push(command);
  expect(permitted).toEqual([]);
}

afterEach(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  transports = [];
});

test('the READMEs of the adapters lead to the page', () => {
  for (const [adapter] of adapters) expect(readPage(`packages/${adapter}/README.md`).text).toContain('redis-users.md');
});

describe.each(Object.entries(grounds))('%s', (where, start) => {
  beforeAll(async () => {
    ground = await start();
  }, 60_000);

  afterAll(async () => {
    await ground.stop();
  });

  beforeEach(async () => {
    for (const server of ground.servers) {
      const role = (await server.command('ROLE')) as unknown as unknown[];
      if (role[0] === 'master') await server.command('FLUSHALL');
    }
  });

  describe.each(adapters)('%s', (_adapter, Transport) => {
    const logIn = ({ username, password }: Role, options: object = {}): RedisTransport => {
      const transport = new Transport({ ...ground.place, username, password, ...options });
      transports.push(transport);
      return transport;
    };
    const stream = { streamPrefix: 'prod', timeoutMs: 2_000 };
    const publisher = (options: Partial<PublisherOptions> = {}, transport = logIn(roles.publisher)) =>
      new EventPublisher({ ...stream, source: 'shop', defaultStream: 'orders', ...options, transport });
    const consumer = (options: object = {}): EventConsumer =>
      new EventConsumer({
        ...{ streamPrefix: 'prod', stream: 'orders', group: 'billing', claimIdleMs: 300 },
        ...{ recoveryStrategy: () => 20, transport: logIn(roles.consumer), ...options },
      });
    /** A publisher that may do whatever consumers need to be there. */
    const source = async (...names: readonly string[]) => {
      const words = ruleOf(roles.publisher, ground.additions, added(roles.publisher, ...names));
      for (const server of ground.servers) await server.command('ACL', 'SETUSER', ...words);
    };

    describe('a publisher', () => {
      test('publishes, and may do nothing else', async () => {
        const rule = await permit(roles.publisher);
        await logIn(roles.publisher).connect();
        await publisher().publish('order.placed', null);
        await publisher().publishBatch(new Array(20).fill({ type: 'order.placed', data: null }));
        expect(await denied()).toEqual([]);
        expect(await unused(rule)).toEqual([]);
        const elsewhere = publisher({ streamPrefix: 'staging' });
        await expect(elsewhere.publish('order.placed', null)).rejects.toThrow(PermissionError);
        const inspector = logIn(roles.publisher).inspector();
        await expect(inspector.range('prod:orders', '-', '+', 1)).rejects.toMatchObject({ kind: 'denied' });
        await refused(roles.publisher, [
          ...[
            'XADD {prod:orders}:dlq * a b',
            'XREADGROUP GROUP g c STREAMS prod:orders >',
            'XTRIM prod:orders MAXLEN 0',
          ],
          ...[
            'DEL prod:orders',
            'EVAL return 0',
            'FLUSHALL',
            'KEYS *',
            'CONFIG GET requirepass',
            'XACK prod:orders g 1-1',
          ],
        ]);
      });

      test('waits for replicas', async () => {
        const rule = await permit(roles.publisher, ...added(roles.publisher, 'durability: { replicas }'));
        const isAlone = ground.servers.length === 1;
        const durable = publisher({ durability: { replicas: 1, timeoutMs: isAlone ? 100 : 2_000 }, timeoutMs: 10_000 });
        const outcome = await durable.publish('order.placed', null).catch((error: unknown) => error);
        if (isAlone) expect(outcome).toBeInstanceOf(UnderReplicatedError);
        else expect(outcome).toMatchObject({ status: 'stored', replicas: 1 });
        expect(await denied()).toEqual([]);
        expect(await unused(rule.filter((word) => !word.startsWith('+') || word === '+wait'))).toEqual([]);
      });

      test('publishes idempotently, in partitions, by script, and compares after a failover; and may still delete nothing', async () => {
        const names = ['idempotent', 'failoverRecovery', 'partitions', "append: 'script'"];
        const rule = await permit(roles.publisher, ...added(roles.publisher, ...names));
        await logIn(roles.publisher).connect();
        const idempotent = publisher({ idempotent: { windowMs: 60_000, maxEntries: 4 } });
        for (const id of 'abcdef') await idempotent.publish('order.placed', null, { id });
        expect(await idempotent.publish('order.placed', null, { id: 'f' })).toMatchObject({ status: 'duplicate' });
        const batch = new Array(20).fill({ type: 'order.placed', data: null });
        for (let round = 0; round < 3; round += 1) {
          await publisher({}, logIn(roles.publisher, { append: 'script' })).publishBatch(batch);
        }
        await publisher({ partitions: 4, defaultStream: 'parts' }).publishBatch(batch);
        const inspector = logIn(roles.publisher).inspector();
        const [first] = await inspector.range('prod:orders', '-', '+', 1);
        expect(await inspector.describe('prod:orders')).toMatchObject({ firstEntryId: first?.id });
        expect(await inspector.fetch('prod:orders', [first?.id ?? ''])).toEqual([first]);
        expect(await denied()).toEqual([]);
        expect(await unused(rule)).toEqual([]);
        await refused(roles.publisher, [
          ...['DEL prod:orders', 'UNLINK prod:orders', 'UNLINK {prod:orders}:dlq', 'XADD {prod:orders}:dlq * a b'],
          ...['SET prod:orders x', 'GET {prod:orders}:retry:billing', 'XTRIM prod:orders MAXLEN 0', 'FLUSHALL'],
          ...['XRANGE {prod:orders}:dlq - +', 'EVAL return 1 {prod:orders}:dlq', 'CONFIG GET requirepass'],
        ]);
      });
    });

    test('a publisher trims, and one with a seal finds it; and may still not read letters', async () => {
      const rule = await permit(roles.publisher, ...added(roles.publisher, 'trimStrategy', 'environmentSeal'));
      await logIn(roles.publisher).connect();
      await publisher().publishBatch(new Array(5).fill({ type: 'order.placed', data: null }));
      const janitor = logIn(roles.publisher).janitor();
      await tendAsTrimmer(janitor, await ground.masterOf('prod:orders'));
      expect(await janitor.trim('prod:orders', { ...all, bound: { maxLength: 2 } })).toMatchObject({ removed: 3 });
      expect([await janitor.seal('prod'), await janitor.seal('staging')]).toEqual([['prod'], ['prod']]);
      await janitor.close();
      expect(await denied()).toEqual([]);
      expect(await unused(rule)).toEqual([]);
      await refused(roles.publisher, [
        ...['DEL prod:orders', 'UNLINK {prod:orders}:groups', 'XRANGE {prod:orders}:dlq - +', 'SREM events:seal prod'],
        ...['XGROUP DESTROY prod:orders g', 'XTRIM staging:orders MAXLEN 0', 'DEL events:seal', 'FLUSHALL'],
      ]);
    });

    test('a consumer removes groups and consumers that nobody uses, and finds the seal; and may still delete no stream', async () => {
      const names = ['cleanupUnusedGroups', 'environmentSeal'];
      const words = added(roles.consumer, ...names);
      await permit(roles.consumer, ...words);
      await source();
      await publisher().publish('order.placed', null);
      const transport = logIn(roles.consumer);
      const member = { stream: 'prod:orders', group: 'old', consumer: 'gone' };
      const subscription = transport.subscription(member);
      await subscription.ensureGroup('beginning');
      await subscription.register(60_000);
      expect(await subscription.progress()).toMatchObject({ pending: 0 });
      const [entry] = await subscription.read(1, 100);
      const janitor = transport.janitor();
      expect(await janitor.takeTurn('prod:orders', 'groups', 60_000)).toBe(true);
      expect(await janitor.survey('prod:orders')).toMatchObject({
        bytes: expect.any(Number),
        groups: [{ pending: 1 }],
      });
      expect(await janitor.removeConsumer('prod:orders', 'old', 'gone', 0)).toBe('in-use');
      await subscription.acknowledge({ ids: [entry?.id ?? ''], postponed: [] });
      expect(await janitor.removeConsumer('prod:orders', 'old', 'gone', 0)).toBe('removed');
      expect(await janitor.removeGroup('prod:orders', 'old', 0)).toBe('removed');
      expect([await janitor.seal('prod'), await janitor.seal('staging')]).toEqual([['prod'], ['prod']]);
      await janitor.close();
      expect(await denied()).toEqual([]);
      expect(await unused(words)).toEqual([]);
      await refused(roles.consumer, ['DEL prod:orders', 'XTRIM prod:orders MAXLEN 0', 'SREM events:seal prod']);
    });

    describe('a consumer', () => {
      test('consumes, retries, gives up, keeps alive, claims, deduplicates, stops; and may publish and delete nothing', async () => {
        const rule = await permit(
          roles.consumer,
          ...(everybody.get('a consumer') ?? []),
          ...[
            ...added(roles.consumer, 'deduplicate', 'deadLetter: { stream }'),
            ...('cluster' in ground.place ? (onCluster.get('a consumer with deadLetter: { stream }') ?? []) : []),
          ].map((word) => word.replace('<name>', 'failed')),
        );
        await source();
        await logIn(roles.consumer).connect();
        const publishing = publisher();
        const handled: string[] = [];
        const first = consumer({ deduplicate: { maxEntries: 4 } });
        first.subscribe('again', ({ attempt }) => {
          if (attempt === 1) throw new Error('once more');
          handled.push('again');
        });
        first.subscribe('never', (_event, { deadLetter }) => deadLetter('never'));
        first.subscribe('long', () => new Promise((resolve) => setTimeout(resolve, 500)));
        first.subscribe('many', () => undefined);
        first.subscribe('hangs', () => new Promise(() => undefined));
        const deadLettered = once(first, 'deadLettered');
        await first.start();
        const types = ['again', 'never', 'long', 'hangs'];
        await publishing.publishBatch(types.map((type) => ({ type, id: type, data: null })));
        await deadLettered;
        await until(() => handled.includes('again'));
        const skipped = once(first, 'skipped');
        await publishing.publish('again', null, { id: 'again' });
        expect((await skipped)[0]).toMatchObject({ reason: 'duplicate' });
        await publishing.publishBatch(new Array(20).fill({ type: 'many', data: null }));
        await new Promise((resolve) => setTimeout(resolve, 400)); // as long as it takes until `long` and `hangs` are kept alive
        expect(await first.stop({ timeoutMs: 0 })).toMatchObject({ abandoned: 1 });

        const second = consumer({ deadLetter: { stream: 'failed' } });
        second.subscribe('*', ({ type }, { deadLetter }) => {
          handled.push(type);
          return type === 'hangs' ? deadLetter('again') : undefined;
        });
        await second.start();
        const failed = await ground.masterOf('prod:failed');
        await until(async () => (await failed.command('XLEN', 'prod:failed')) === 1);
        await second.stop();
        const master = await ground.masterOf('prod:orders');
        expect(await master.command('XLEN', '{prod:orders}:dlq')).toBe(1);

        const third = consumer();
        third.subscribe('*', ({ type }) => handled.push(type));
        await master.command('XGROUP', 'CREATECONSUMER', 'prod:orders', 'billing', 'gone');
        await master.command('HSET', '{prod:orders}:groups', 'billing gone', '1');
        const removed = once(third, 'consumerRemoved');
        await third.start();
        expect((await removed)[0]).toMatchObject({ consumer: 'gone' });
        const lost = once(third, 'groupLost');
        await master.command('DEL', 'prod:orders');
        await lost;
        await publishing.publish('after', null);
        await until(() => handled.includes('after'));
        await third.stop();
        expect(await denied()).toEqual([]);
        expect(await unused(rule)).toEqual([]);
        const intruder = publisher({}, logIn(roles.consumer));
        await expect(intruder.publish('order.placed', null)).rejects.toThrow(PermissionError);
        await refused(roles.consumer, [
          ...[
            'XADD prod:orders * a b',
            'DEL prod:orders',
            'UNLINK prod:orders',
            'DEL {prod:orders}:dlq',
            'XTRIM prod:orders MAXLEN 0',
          ],
          ...[
            'XGROUP DESTROY prod:orders billing',
            'XGROUP SETID prod:orders billing 0',
            'XDEL prod:orders 1-1',
            'FLUSHALL',
          ],
          ...['XRANGE staging:orders - +', 'CONFIG GET requirepass', 'KEYS *', 'SET prod:orders x'],
        ]);
      }, 30_000);

      test('owns partitions, and takes them over', async () => {
        const own = added(roles.consumer, 'partitions');
        const rule = await permit(roles.consumer, ...(everybody.get('a consumer') ?? []), ...own);
        await source('partitions');
        const handled = new Set<string>();
        const member = (): EventConsumer => {
          const made = consumer({ partitions: 4, ordering: 'key', partitionLeaseMs: 1_000, deduplicate: false });
          made.subscribe('*', ({ id, attempt }) => {
            if (attempt === 1) throw new Error('once more');
            handled.add(id);
          });
          return made;
        };
        const members = [member(), member()] as const;
        await members[0].start();
        const publishing = publisher({ partitions: 4 });
        const send = (from: number) =>
          publishing.publishBatch(
            Array.from({ length: 20 }, (_, at) => ({ type: 'any', id: `${from + at}`, key: `${at}`, data: null })),
          );
        await send(0);
        await until(() => handled.size === 20, { timeoutMs: 10_000 });
        await members[1].start();
        await send(20);
        await until(() => handled.size === 40, { timeoutMs: 10_000 });
        await members[0].stop();
        await send(40);
        await until(() => handled.size === 60, { timeoutMs: 10_000 });
        await members[1].stop();
        expect(await denied()).toEqual([]);
        expect(await unused(rule.filter((word) => own.includes(word)))).toEqual([]);
      }, 40_000);
    });

    test('a reader looks, and changes nothing', async () => {
      const rule = await permit(roles.reader);
      await source();
      await publisher().publish('order.placed', null);
      await logIn(roles.reader).connect();
      const inspector = logIn(roles.reader).inspector();
      const [entry] = await inspector.range('prod:orders', '-', '+', 10);
      expect(await inspector.describe('prod:orders')).toMatchObject({ length: 1 });
      expect(await inspector.fetch('prod:orders', [entry?.id ?? ''])).toEqual([entry]);
      expect(await inspector.range('{prod:orders}:dlq', '-', '+', 10)).toEqual([]);
      expect(await denied()).toEqual([]);
      expect(await unused(rule)).toEqual([]);
      await expect(
        logIn(roles.reader)
          .janitor()
          .trim('prod:orders', { ...all, bound: { maxLength: 0 } }),
      ).rejects.toMatchObject({ kind: 'denied' });
      expect(await inspector.memory(['prod:orders'])).toEqual([null]);
      await refused(roles.reader, [
        ...['XADD prod:orders * a b', 'XACK prod:orders g 1-1', 'XGROUP CREATE prod:orders g 0', 'DEL prod:orders'],
        ...[
          'XREADGROUP GROUP g c STREAMS prod:orders >',
          'EVAL return 1 prod:orders',
          'CONFIG GET requirepass',
          'FLUSHALL',
        ],
      ]);
    });

    test('an operator looks into an environment, and trims in it', async () => {
      await permit(roles.operator);
      await source();
      await permit(roles.consumer);
      await publisher().publishBatch(new Array(5).fill({ type: 'order.placed', data: null }));
      const master = await ground.masterOf('prod:orders');
      await master.command('XGROUP', 'CREATE', 'prod:orders', 'billing', '0');
      const admin = new EventAdmin({ transport: logIn(roles.operator), streamPrefix: 'prod' });
      expect(await admin.streams()).toMatchObject([{ name: 'orders', length: 5, bytes: expect.any(Number) }]);
      expect(await admin.describe('orders')).toMatchObject([{ deadLetters: 0, groups: [{ group: 'billing' }] }]);
      expect(await admin.lag('orders')).toMatchObject([{ lag: 5 }]);
      expect(await admin.pending('orders', 'billing')).toEqual([]);
      expect((await admin.memory()).totalBytes).toBeGreaterThan(0);
      const strategy = { maxLength: 2, trimThreshold: 1, keepUnread: false };
      expect(await admin.trim('orders', strategy, { dryRun: true })).toMatchObject([{ removed: 3 }]);
      expect(await admin.trim('orders', strategy)).toMatchObject([{ removed: 3, lost: [{ unread: 3 }] }]);
      expect(await admin.allowPrefix('prod')).toEqual(['prod']);
      expect(await admin.disallowPrefix('prod')).toEqual([]);
      await admin.close();
      expect(await denied()).toEqual([]);
    });

    test('an operator trims, changes partitions and sees the settings, and may not destroy', async () => {
      const rule = await permit(roles.operator);
      await source('partitions');
      await publisher().publishBatch(new Array(5).fill({ type: 'order.placed', data: null }));
      const parted = publisher({ partitions: 2, defaultStream: 'parts' });
      await parted.publish('order.placed', null);
      const master = await ground.masterOf('prod:orders');
      const transport = logIn(roles.operator);
      const { settings, version } = await transport.capabilities();
      expect({ ...settings, version }).toMatchObject({ appendFsync: 'everysec', version: expect.any(String) });
      const janitor = transport.janitor();
      const inspector = transport.inspector();
      await tendAsTrimmer(janitor, master);
      expect(await janitor.trim('prod:orders', { ...all, bound: { maxLength: 1 } })).toMatchObject({ removed: 4 });
      const keys = new Set<string>();
      for await (const page of inspector.keys('prod:')) for (const { key } of page) keys.add(key);
      expect(keys).toContain('prod:orders');
      expect(await inspector.memory(['prod:orders'])).toEqual([expect.any(Number)]);
      expect(await inspector.count('prod:orders', '-', '+')).toBe(1);
      expect(await inspector.pending('prod:orders', 'old', '0-0', 10, undefined)).toHaveLength(1);
      expect(await inspector.consumers('prod:orders', 'old')).toHaveLength(1);
      expect(await janitor.seal('prod')).toEqual(['prod']);
      expect(await janitor.changeSeal(['next'], ['prod'])).toEqual(['next']);
      await janitor.close();
      expect(await master.command('XLEN', 'prod:orders')).toBe(1);
      for (const part of ['p0', 'p1']) {
        const owner = await ground.masterOf(`prod:parts:${part}`);
        await owner.command('XGROUP', 'CREATE', `prod:parts:${part}`, 'billing', '$', 'MKSTREAM');
      }
      await changePartitions({ transport, stream: 'parts', streamPrefix: 'prod', from: 2, to: 3 });
      const [entry] = await transport.inspector().range('prod:orders', '-', '+', 1);
      expect(entry?.id).toMatch(/^\d+-\d+$/);
      await transport.connect();
      expect(await denied()).toEqual([]);
      expect(await unused(rule)).toEqual([]);
      await refused(roles.operator, [
        ...['DEL prod:orders', 'XADD prod:orders * a b', 'XGROUP DESTROY prod:orders g', 'FLUSHALL', 'ACL LIST'],
        ...['CONFIG SET maxmemory 0', 'DEBUG SLEEP 1', 'SHUTDOWN', 'XTRIM staging:orders MAXLEN 0'],
      ]);
    });
  });

  if (where !== 'Sentinel') return;

  test.each([
    'SENTINEL FAILOVER main',
    'SENTINEL REMOVE main',
    'SENTINEL SET main quorum 1',
    'ACL LIST',
    'PUBLISH channel text',
  ])('who looks for the master may not run %s on a sentinel', async (command) => {
    const answers = (ground.sentinels ?? []).map((sentinel) =>
      sentinel.command('ACL', 'DRYRUN', roles.finder.username, ...command.split(' ')),
    );
    for (const answer of await Promise.all(answers)) expect(answer).not.toBe('OK');
  });
});

test('every row of the page was tried', () => {
  const elsewhere = [...everybody.keys(), ...onCluster.keys(), 'durability: { fsync }'];
  expect(additionNames.filter((name) => !tried.has(name) && !elsewhere.includes(name))).toEqual([]);
});
