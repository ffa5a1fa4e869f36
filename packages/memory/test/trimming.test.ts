import { EventPublisher, keepUnread, maxAge, maxLength, type PublisherOptions, type TrimPolicy } from '@events/core';
import { describe, expect, test } from '@jest/globals';
import { MemoryTransport } from '../src/index.js';

const deadlineMs = 10_000;

async function until<T>(what: () => Promise<T | undefined | false>): Promise<T> {
  const endsAtMs = Date.now() + deadlineMs;
  for (;;) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > endsAtMs) throw new Error('It did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Notes which passes begin, and for which groups each trim keeps nothing. One entry for each janitor that is opened. */
function watch(transport: MemoryTransport): { surveys: number; released: (readonly string[])[] }[] {
  const watched: { surveys: number; released: (readonly string[])[] }[] = [];
  const open = transport.janitor.bind(transport);
  transport.janitor = () => {
    const janitor = open();
    const notes: { surveys: number; released: (readonly string[])[] } = { surveys: 0, released: [] };
    watched.push(notes);
    const { survey, trim } = { survey: janitor.survey.bind(janitor), trim: janitor.trim.bind(janitor) };
    janitor.survey = (stream) => {
      notes.surveys += 1;
      return survey(stream);
    };
    janitor.trim = (stream, order) => {
      notes.released[notes.surveys] = order.keepUnread?.released ?? [];
      return trim(stream, order);
    };
    return janitor;
  };
  return watched;
}

type Told = { readonly name: string; readonly value: unknown };

function stage(trimStrategy: NonNullable<PublisherOptions['trimStrategy']>, transport = new MemoryTransport()) {
  const told: Told[] = [];
  const publisher = new EventPublisher({ transport, source: 'tests', defaultStream: 'orders', trimStrategy });
  for (const name of ['trimmed', 'trimHeldBack', 'groupReleased', 'dropping', 'error'] as const) {
    publisher.on(name, (value: unknown) => told.push({ name, value }));
  }
  const inspector = transport.inspector();
  const length = async () => (await inspector.describe('orders'))?.length ?? 0;
  const publish = async (count: number) => {
    await Promise.all(Array.from({ length: count }, (_, number) => publisher.publish('order.placed', { number })));
  };
  const group = async (name: string) => {
    const subscription = transport.subscription({ stream: 'orders', group: name, consumer: 'c' });
    await subscription.ensureGroup('beginning');
    await subscription.register(60_000);
    return subscription;
  };
  const sums = () => {
    const trimmed = told.filter(({ name }) => name === 'trimmed').map(({ value }) => value as { removed: number });
    return trimmed.reduce((sum, { removed }) => sum + removed, 0);
  };
  return { transport, publisher, told, length, publish, group, sums };
}

describe('a publisher with a trimStrategy', () => {
  test('trims to the threshold, and counts what went', async () => {
    const { publisher, publish, length, sums, told } = stage({ maxLength: 1_000 });
    await publish(2_500);
    await until(async () => (await length()) === 800);
    expect(sums()).toBe(1_700);
    expect(told.at(-1)?.value).toMatchObject({ stream: 'orders', groups: 0, lost: [], length: 800 });
    await publisher.close();
  });

  test('keeps what a live group has not acknowledged, and trims it afterwards', async () => {
    const { publisher, publish, group, length, told } = stage(keepUnread(maxLength(100)));
    const behind = await group('behind');
    await publish(1_000);
    const read = await behind.read(400, 0);
    await behind.acknowledge({ ids: read.slice(0, 300).map(({ id }) => id), postponed: [] });
    await until(async () => (await length()) === 700);
    await behind.acknowledge({ ids: read.slice(300).map(({ id }) => id), postponed: [] });
    await until(async () => (await length()) === 600);
    expect((await behind.read(1_000, 0)).length).toBe(600);
    for (const { name, value } of told) {
      if (name === 'trimmed') expect(value).toMatchObject({ lost: [] });
    }
    await publisher.close();
  });

  test('names the group that holds it back, once, and no other one when that is released', async () => {
    const transport = new MemoryTransport();
    const watched = watch(transport);
    const { publisher, publish, group, length, told } = stage({ maxLength: 100, maxGroupIdleMs: 8_500 }, transport);
    const done = await group('done');
    await group('behind');
    await publish(500);
    await done.acknowledge({ ids: (await done.read(500, 0)).map(({ id }) => id), postponed: [] });
    const named = () => told.filter(({ name }) => name === 'trimHeldBack');
    await until(async () => named().length > 0);
    expect(named()[0]?.value).toMatchObject({ stream: 'orders', group: 'behind', length: 500, limit: 100 });
    expect(await length()).toBe(500);
    await done.register(60_000);
    await publish(1);
    const surveys = () => watched[0]?.surveys ?? 0;
    const before = surveys();
    await until(async () => surveys() >= before + 2);
    expect(named()).toHaveLength(1);
    await until(async () => {
      await publish(1);
      return told.some(({ name }) => name === 'groupReleased');
    });
    const released = told.find(({ name }) => name === 'groupReleased')?.value;
    expect(released).toMatchObject({ stream: 'orders', group: 'behind' });
    await until(async () => (await length()) < 500);
    expect(named()).toHaveLength(1);
    await publisher.close();
  }, 20_000);

  test('announces that it lets a silent group go, then does, and keeps for it again when it comes back', async () => {
    let now = Date.now();
    const transport = new MemoryTransport({ now: () => now });
    const watched = watch(transport);
    const { publisher, publish, group, length, told } = stage({ maxLength: 100, maxGroupIdleMs: 60_000 }, transport);
    let announcedIn = 0;
    publisher.once('groupReleased', () => {
      announcedIn = watched[0]?.surveys ?? 0;
    });
    const left = await group('left');
    await publish(300);
    now += 61_000;
    await until(async () => (await length()) === 80);
    const names = told.map(({ name }) => name);
    expect(names.indexOf('groupReleased')).toBeLessThan(names.indexOf('trimmed'));
    expect(told.find(({ name }) => name === 'trimmed')?.value).toMatchObject({
      removed: 220,
      lost: [{ group: 'left', unread: 220, pending: 0 }],
    });
    await left.register(60_000);
    const before = told.length;
    await publish(200);
    const surveys = watched[0]?.surveys ?? 0;
    await until(async () => (watched[0]?.surveys ?? 0) >= surveys + 2);
    expect(await length()).toBe(280);
    expect(told.slice(before).map(({ name }) => name)).not.toContain('trimmed');
    expect([watched[0]?.released[announcedIn], watched[0]?.released[announcedIn + 1]]).toEqual([[], ['left']]);
    now += 61_000;
    await until(async () => (await length()) === 80);
    expect(told.filter(({ name }) => name === 'groupReleased')).toHaveLength(2);
    await publisher.close();
  }, 30_000);

  test('drops what is unread only where that was chosen, announced before, and counted exactly', async () => {
    const { publisher, publish, group, length, told } = stage({
      maxLength: 100,
      overflow: 'drop',
      trimPolicy: 'minid',
    });
    const behind = await group('behind');
    await publish(250);
    const read = await behind.read(30, 0);
    await behind.acknowledge({ ids: read.slice(0, 10).map(({ id }) => id), postponed: [] });
    await until(async () => (await length()) === 100);
    const names = told.map(({ name }) => name);
    expect(names.indexOf('dropping')).toBeGreaterThanOrEqual(0);
    const lost = told.flatMap(({ name, value }) =>
      name === 'trimmed' ? (value as { lost: { unread: number; pending: number }[] }).lost : [],
    );
    const total = lost.reduce((sum, { unread, pending }) => sum + unread + pending, 0);
    expect(total).toBe(140);
    expect(lost.reduce((sum, { pending }) => sum + pending, 0)).toBeLessThanOrEqual(20);
    await publisher.close();
  });

  test('trims by age a stream in which nothing is stored any more', async () => {
    let now = Date.now();
    const transport = new MemoryTransport({ now: () => now });
    const { publisher, publish, length } = stage(keepUnread(maxAge(60_000)), transport);
    await publish(50);
    expect(await length()).toBe(50);
    now += 61_000;
    await until(async () => (await length()) === 0);
    await publisher.close();
  }, 20_000);

  test('shares the work: of ten publishers one trims', async () => {
    const transport = new MemoryTransport();
    const watched = watch(transport);
    const stages = Array.from({ length: 10 }, () => stage({ maxLength: 100 }, transport));
    await Promise.all(stages.map(({ publish }) => publish(50)));
    const { length } = stages[0] as (typeof stages)[number];
    await until(async () => (await length()) === 80);
    expect(stages.filter(({ told }) => told.some(({ name }) => name === 'trimmed'))).toHaveLength(1);
    expect(stages.reduce((sum, { sums }) => sum + sums(), 0)).toBe(420);
    await until(async () => Math.max(...watched.map(({ surveys }) => surveys)) >= 3);
    expect(watched.filter(({ surveys }) => surveys > 0)).toHaveLength(1);
    const trimmer = stages.find(({ told }) => told.length > 0) as (typeof stages)[number];
    await trimmer.publisher.close();
    const janitor = transport.janitor();
    expect(await janitor.takeTurn('orders', 'trim', 60_000)).toBe(true);
    await janitor.close();
    const heir = stages.find((each) => each !== trimmer) as (typeof stages)[number];
    await heir.publish(100);
    await until(async () => (await length()) === 80);
    await Promise.all(stages.map(({ publisher }) => publisher.close()));
  }, 30_000);

  test.each<[string, TrimPolicy]>([
    [
      'throws',
      () => {
        throw new TypeError('a bug');
      },
    ],
    ['returns nonsense', () => ({ maxLength: -1 })],
    ['returns something unknown', () => ({ length: 1 }) as never],
  ])('tells of a policy that %s once, and trims nothing', async (_name, policy) => {
    const { publisher, publish, length, told } = stage(policy);
    await publish(20);
    await until(async () => told.length > 0);
    await publish(20);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told.map(({ name }) => name)).toEqual(['error']);
    expect(await length()).toBe(40);
    await publisher.close();
  });

  test('goes on publishing, and says once, when it cannot trim', async () => {
    const transport = new MemoryTransport();
    const janitor = transport.janitor.bind(transport);
    let isBroken = true;
    transport.janitor = () => {
      const real = janitor();
      return Object.assign(Object.create(real), {
        takeTurn: (...turn: Parameters<typeof real.takeTurn>) =>
          isBroken ? Promise.reject(new Error('broken')) : real.takeTurn(...turn),
        survey: (stream: string) => real.survey(stream),
        trim: (...order: Parameters<typeof real.trim>) => real.trim(...order),
        close: () => real.close(),
      });
    };
    const { publisher, publish, length, told } = stage({ maxLength: 10 }, transport);
    await publish(50);
    await until(async () => told.length > 0);
    await publish(50);
    expect(await length()).toBe(100);
    isBroken = false;
    await until(async () => (await length()) === 8);
    expect(told.filter(({ name }) => name === 'error')).toHaveLength(1);
    await publisher.close();
  });
});
