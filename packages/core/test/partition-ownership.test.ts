import { describe, expect, jest, test } from '@jest/globals';
import { type EventConsumer, partitionOf } from '../src/index.js';
import { type Gate, gate } from './support/consuming.js';
import { PartitionedStage } from './support/partitions.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const leaseMs = 3_000;
const handles = (stage: PartitionedStage, name: string) =>
  stage.transport.subscriptions.filter(({ options }) => options.consumer === name);

/** How many partitions each consumer owns. */
function shares(stage: PartitionedStage): number[] {
  return stage.consumers.map(({ partitions }) => partitions.length);
}

async function stopped(consumer: EventConsumer, timeoutMs = 10_000) {
  const report = consumer.stop({ timeoutMs });
  await until(() => consumer.state === 'stopped' || consumer.state === 'failed');
  return report;
}

describe('the shares', () => {
  test('one consumer owns all partitions as soon as it has started', async () => {
    const stage = new PartitionedStage(8);
    await stage.start('a');
    expect(stage.owned()).toEqual(['0,1,2,3,4,5,6,7']);
    expect(stage.of('partitionsAssigned')).toEqual([
      { consumer: 'a', value: { stream: 'orders', group: 'billing', partitions: [0, 1, 2, 3, 4, 5, 6, 7] } },
    ]);
  });

  test('settle within three lease periods when others join, and after one is gone without a word', async () => {
    const stage = new PartitionedStage(8);
    for (const name of ['a', 'b', 'c', 'd']) await stage.start(name);
    await until(() => shares(stage).join() === '2,2,2,2', 3 * leaseMs);
    expect(new Set(stage.owned().flatMap((each) => each.split(','))).size).toBe(8);
    const release = stage.isolate('b');
    await until(() => [0, 2, 3].reduce((sum, index) => sum + (shares(stage)[index] ?? 0), 0) === 8, 3 * leaseMs);
    expect(shares(stage)[1]).toBe(0);
    release();
    await until(() => shares(stage).join() === '2,2,2,2', 3 * leaseMs);
  });

  test('leave no more than n mod m consumers with one more than the others', async () => {
    const stage = new PartitionedStage(5);
    for (const name of ['a', 'b', 'c']) await stage.start(name);
    await until(() => shares(stage).join() === '2,2,1', 3 * leaseMs);
  });

  test('more consumers than partitions: the others wait, are alive, and take over at once', async () => {
    const stage = new PartitionedStage(1);
    const first = await stage.start('a');
    const second = await stage.start('b');
    expect(shares(stage)).toEqual([1, 0]);
    expect(second.lastPollAt).toBeDefined();
    const before = second.lastPollAt ?? 0;
    await elapse(2_000);
    expect(second.lastPollAt).toBeGreaterThan(before);
    await stopped(first);
    await until(() => second.partitions.length === 1, 1_100);
  });

  test('a consumer of the same name waits for the other one, and is refused when it stays', async () => {
    const stage = new PartitionedStage(2);
    await stage.start('a');
    const starting = stage.consumer('a').start();
    const refused = expect(starting).rejects.toMatchObject({ code: 'EVENTS_CONSUMER_NAME_IN_USE' });
    await elapse(leaseMs + 2_000);
    await refused;
  });
});

test('a consumer whose name went to another one while it was frozen ends', async () => {
  const stage = new PartitionedStage(2);
  const first = await stage.start('a');
  const release = stage.isolate('a');
  await elapse(leaseMs + 100);
  const table = stage.transport.partitionTable('orders');
  stage.transport.partitionsOf('orders').members.set('billing a', { handle: table, endsAtMs: Date.now() + 60_000 });
  release();
  await until(() => first.state === 'failed', leaseMs);
  expect(stage.of('error')).toMatchObject([{ value: { code: 'EVENTS_CONSUMER_NAME_IN_USE' } }]);
});

describe('the owner', () => {
  test('renews its leases, and keeps them', async () => {
    const stage = new PartitionedStage(4);
    await stage.start('a');
    await elapse(60_000);
    expect(stage.of('partitionsRevoked')).toEqual([]);
    const renewals = handles(stage, 'a').map(({ calls }) => calls.own.length);
    expect(Math.max(...renewals)).toBeLessThan(80);
    expect(Math.min(...renewals)).toBeGreaterThan(40);
    expect(handles(stage, 'a').flatMap(({ calls }) => [...calls.claim, ...calls.register])).toEqual([]);
  });

  test('handles the events of a key in order, from wherever it got them', async () => {
    const stage = new PartitionedStage(4);
    const numbers = Array.from({ length: 40 }, (_, index) => stage.publish(`key-${index % 5}`));
    await stage.start('a');
    await until(() => stage.runs.length === 40);
    for (const key of new Set(stage.runs.map(({ event }) => event.key))) {
      const ofKey = stage.runs.filter(({ event }) => event.key === key).map(({ number }) => number);
      expect(ofKey).toEqual([...ofKey].sort((one, other) => one - other));
    }
    expect([...stage.numbers()].sort((one, other) => one - other)).toEqual(numbers);
  });

  test('starts no handler, and forgets what it holds, once its own clock says that the lease is over', async () => {
    const stage = new PartitionedStage(1);
    const job = gate();
    stage.handle = () => job.promise;
    await stage.start('a', { concurrency: 1 });
    stage.publish('x');
    stage.publish('y');
    await until(() => stage.runs.length === 1);
    const release = stage.isolate('a');
    await elapse(leaseMs);
    expect(stage.of('partitionsRevoked')).toEqual([
      { consumer: 'a', value: { stream: 'orders', group: 'billing', partitions: [0], reason: 'lost' } },
    ]);
    expect(stage.runs[0]?.signal.aborted).toBe(true);
    job.open();
    await elapse(10);
    expect(stage.runs.length).toBe(1);
    expect(stage.stream(0).group.acknowledged).toEqual([]);
    release();
    await until(() => stage.runs.length === 3, 3 * leaseMs);
    expect(stage.numbers()).toEqual([1, 1, 2]);
  });

  test('asks the clock before every handler: timers may be late in a process that was frozen', async () => {
    const stage = new PartitionedStage(1);
    const job = gate();
    stage.handle = () => job.promise;
    await stage.start('a', { concurrency: 1 });
    stage.publish('x');
    stage.publish('y');
    await until(() => stage.runs.length === 1);
    const clock = performance.now.bind(performance);
    performance.now = () => clock() + leaseMs;
    try {
      job.open();
      await turn();
      expect(stage.runs.length).toBe(1);
      expect(stage.of('partitionsRevoked').length).toBe(1);
    } finally {
      performance.now = clock;
    }
  });

  test('counts its lease from when the renewal was sent, not from when it was answered', async () => {
    const stage = new PartitionedStage(1);
    const consumer = await stage.start('a');
    const handle = stage.ownerOf(0);
    const late = gate();
    const startedAt = Date.now();
    if (handle !== undefined) {
      handle.intercept.own = async (next) => {
        const answer = await next();
        await late.promise;
        return answer;
      };
    }
    await elapse(leaseMs - 200);
    late.open();
    await turn();
    if (handle !== undefined) handle.replace(['own'], () => new Promise(() => {}));
    await until(() => consumer.partitions.length === 0, 2 * leaseMs);
    expect(Date.now() - startedAt).toBeLessThanOrEqual(leaseMs * 1.34 + 50);
  });
});

describe('an owner whose partition was taken', () => {
  async function takenFrom(verb: 'postpone' | 'acknowledge' | 'own' | 'keepAlive') {
    const stage = new PartitionedStage(1);
    const job = gate();
    stage.handle = () => job.promise;
    await stage.start('a', { claimIdleMs: verb === 'keepAlive' ? 300 : 60_000, recoveryStrategy: () => 10 });
    stage.publish('x');
    stage.publish('x');
    await until(() => stage.runs.length === 1);
    // somebody else became the owner behind its back
    const thief = stage.transport.subscription({ stream: 'orders:p0', group: 'billing', consumer: 'thief' });
    Object.assign(stage.stream(0).leaseOf('billing'), { endsAtMs: 0 });
    expect(await thief.own(60_000)).toBe(true);
    expect((await thief.takeOver('0-0', 10)).entries.length).toBe(2);
    if (verb === 'acknowledge') job.open();
    if (verb === 'postpone') job.fail(new Error('no'));
    // an acknowledgement lingers for 5 ms; a renewal comes with a third of the lease
    await until(() => stage.of('partitionsRevoked').length === 1, verb === 'own' ? leaseMs / 3 : 200);
    await elapse(2_000);
    return stage;
  }

  test.each(['postpone', 'acknowledge', 'own', 'keepAlive'] as const)(
    'learns it from %s, and settles nothing',
    async (verb) => {
      const stage = await takenFrom(verb);
      // until it is told, the lease lasts by its own clock
      expect(stage.numbers()).toEqual(verb === 'acknowledge' ? [1, 2] : [1]);
      const { acknowledged, pending } = stage.stream(0).group;
      expect(acknowledged).toEqual([]);
      expect([...pending.values()].map(({ consumer, record }) => [consumer, record])).toEqual([
        ['thief', null],
        ['thief', null],
      ]);
      expect(stage.consumers[0]?.partitions).toEqual([]);
      expect(stage.of('error')).toEqual([]);
    },
  );

  test('may become the owner again, behind the other one', async () => {
    const stage = await takenFrom('acknowledge');
    stage.handle = () => undefined;
    Object.assign(stage.stream(0).leaseOf('billing'), { endsAtMs: 0 });
    await until(() => stage.stream(0).group.pending.size === 0, leaseMs);
    expect(stage.numbers()).toEqual([1, 2, 1, 2]);
  });
});

describe('a hand-over', () => {
  test('waits for the handlers that run, and sends their acknowledgements, before others get the partition', async () => {
    const stage = new PartitionedStage(2);
    const jobs: Gate[] = [];
    stage.handle = () => {
      const job = gate();
      jobs.push(job);
      return job.promise;
    };
    const first = await stage.start('a', { concurrency: 2 });
    for (const key of ['x', 'y', 'z', 'w', 'v', 'u']) for (let round = 0; round < 2; round += 1) stage.publish(key);
    await until(() => stage.runs.length === 2);
    const busy = new Set(stage.runs.map(({ event }) => event.stream));
    const second = await stage.start('b', { concurrency: 1 });
    await elapse(2 * leaseMs);
    expect(first.partitions.length + second.partitions.length).toBe(2);
    if (busy.size === 2) expect(second.partitions).toEqual([]);
    stage.handle = () => undefined;
    for (const job of jobs) job.open();
    await until(() => stage.runs.length === 12, 3 * leaseMs);
    expect(shares(stage)).toEqual([1, 1]);
    await elapse(2 * leaseMs);
    expect(stage.runs.length).toBe(12);
    for (const key of new Set(stage.runs.map(({ event }) => event.key))) {
      const ofKey = stage.runs.filter(({ event }) => event.key === key).map(({ number }) => number);
      expect(ofKey).toEqual([...new Set(ofKey)].sort((one, other) => one - other));
    }
    expect(stage.of('claimed').every((each) => (each as { value: { suspects: number } }).value.suspects === 0)).toBe(
      true,
    );
  });

  test('sends the acknowledgements that are still on their way, so that nothing is handled twice', async () => {
    const chance = jest.spyOn(Math, 'random').mockReturnValue(0.999);
    const stage = new PartitionedStage(2);
    const job = gate();
    stage.handle = () => job.promise;
    const first = await stage.start('a');
    // partition 0 was taken last, and is handed over
    stage.publish(keyIn(0, 2));
    await until(() => stage.runs.length === 1);
    const second = await stage.start('b');
    await elapse(leaseMs);
    expect([first.partitions.length, second.partitions.length]).toEqual([2, 0]);
    job.open();
    await until(() => second.partitions.length === 1);
    await elapse(leaseMs);
    chance.mockRestore();
    expect(second.partitions).toEqual([{ stream: 'orders', partition: 0 }]);
    expect([stage.runs.length, stage.stream(0).group.pending.size]).toEqual([1, 0]);
  });

  test('lets nothing begin that would overtake what was handed back', async () => {
    const chance = jest.spyOn(Math, 'random').mockReturnValue(0.999);
    const stage = new PartitionedStage(2);
    const job = gate();
    stage.handle = () => job.promise;
    await stage.start('a', { concurrency: 1 });
    // partition 1 was taken first and stays; its handler keeps everything of partition 0 waiting
    stage.publish(keyIn(1, 2));
    await until(() => stage.runs.length === 1);
    const handedBack = [1, 2, 3].map(() => stage.publish(keyIn(0, 2)));
    await elapse(50);
    const handle = stage.ownerOf(0);
    if (handle === undefined) throw new Error('no owner');
    let later = 0;
    // a read under way brings another entry while the rest is handed back
    handle.intercept.release = async (next) => {
      const released = await next();
      if (later > 0) return released;
      later = stage.publish(keyIn(0, 2));
      await turn();
      stage.handle = () => undefined;
      job.open();
      await turn();
      return released;
    };
    await stage.start('b');
    await until(() => stage.runs.length === 5, 5 * leaseMs);
    chance.mockRestore();
    const ofPartition = stage.runs.filter(({ event }) => event.stream === 'orders:p0');
    expect(ofPartition.map(({ consumer, number }) => [consumer, number])).toEqual(
      [...handedBack, later].map((number) => ['b', number]),
    );
  });

  test('on stop comes at once: a successor has the partitions within about a second', async () => {
    const stage = new PartitionedStage(4);
    const first = await stage.start('a', { partitionLeaseMs: 10_000 });
    const second = await stage.start('b', { partitionLeaseMs: 10_000 });
    await until(() => shares(stage).join() === '2,2', 30_000);
    await elapse(3_000);
    await stopped(first);
    const stoppedAt = Date.now();
    await until(() => second.partitions.length === 4, 5_000);
    expect(Date.now() - stoppedAt).toBeLessThan(1_600);
  });

  test('on stop ends in time, whatever handlers do, and hands back what they have', async () => {
    const stage = new PartitionedStage(1);
    stage.handle = () => new Promise(() => {});
    const consumer = await stage.start('a', { concurrency: 1 });
    for (let index = 0; index < 3; index += 1) stage.publish('x');
    await until(() => stage.runs.length === 1);
    const stoppedAt = Date.now();
    expect(await stopped(consumer, 500)).toEqual({ finished: 0, released: 3, abandoned: 1 });
    expect(Date.now() - stoppedAt).toBeLessThan(1_000);
    expect(stage.stream(0).leaseOf('billing').owner).toBeUndefined();
    expect(stage.transport.partitionsOf('orders').members.size).toBe(0);
    const heir = await stage.start('b');
    expect(heir.partitions.length).toBe(1);
  });

  test('that is under way when the consumer stops is part of the stop', async () => {
    const stage = new PartitionedStage(2);
    stage.handle = () => new Promise(() => {});
    const first = await stage.start('a');
    stage.publish(keyIn(0, 2));
    stage.publish(keyIn(1, 2));
    await until(() => stage.runs.length === 2);
    await stage.start('b');
    await elapse(1_500);
    expect(first.partitions.length).toBe(2);
    expect((await stopped(first, 200)).abandoned).toBe(2);
    expect(
      stage.transport.subscriptions.filter(({ options, isClosed }) => options.consumer === 'a' && !isClosed),
    ).toEqual([]);
  });

  test('that loses the partition settles nothing', async () => {
    const stage = new PartitionedStage(1);
    const job = gate();
    stage.handle = () => job.promise;
    const first = await stage.start('a');
    stage.publish('x');
    await until(() => stage.runs.length === 1);
    const stopping = first.stop({ timeoutMs: 60_000 });
    await elapse(100);
    Object.assign(stage.stream(0).leaseOf('billing'), { endsAtMs: 0 });
    const thief = stage.transport.subscription({ stream: 'orders:p0', group: 'billing', consumer: 'thief' });
    await thief.own(60_000);
    await until(() => stage.of('partitionsRevoked').length === 1, leaseMs);
    job.open();
    await until(() => first.state === 'stopped');
    expect((await stopping).released).toBe(0);
    expect(stage.stream(0).group.acknowledged).toEqual([]);
    expect(await thief.own(60_000)).toBe(true);
  });
});

describe('trouble', () => {
  test('a server that is away for longer than the lease: everything is forgotten, and owned again after it', async () => {
    const stage = new PartitionedStage(3);
    const consumer = await stage.start('a');
    const table = stage.transport.partitionsOf('orders');
    table.failure = new StubFailure('offline');
    const offline = () => Promise.reject(new StubFailure('offline'));
    stage.transport.prepare = (subscription) =>
      subscription.replace(Object.keys(subscription.calls) as never[], offline as () => Promise<never>);
    for (const handle of handles(stage, 'a'))
      handle.replace(Object.keys(handle.calls) as never[], offline as () => Promise<never>);
    await elapse(2 * leaseMs);
    expect(consumer.partitions).toEqual([]);
    expect(consumer.state).toBe('running');
    table.failure = undefined;
    stage.transport.prepare = undefined;
    for (const handle of handles(stage, 'a'))
      for (const verb of Object.keys(handle.intercept)) delete handle.intercept[verb as never];
    await until(() => consumer.partitions.length === 3, leaseMs);
    stage.publish('x');
    await until(() => stage.runs.length === 1);
    const messages = stage.of('error').map((each) => (each as { value: Error }).value.message);
    expect(new Set(messages).size).toBe(messages.length);
  });

  test('a transport that was closed ends the consumer', async () => {
    const stage = new PartitionedStage(1);
    const consumer = await stage.start('a');
    stage.transport.partitionsOf('orders').failure = new StubFailure('closed');
    await until(() => consumer.state === 'failed', 5_000);
    expect(stage.of('error')).toMatchObject([{ value: { code: 'EVENTS_CLOSED' } }]);
  });

  test.each(['key', 'none'] as const)(
    'another number of partitions ends a consumer with ordering %s',
    async (ordering) => {
      const stage = new PartitionedStage(2);
      const options = ordering === 'key' ? {} : { partitionLeaseMs: undefined };
      const consumer = await stage.start('a', { ordering, ...options });
      expect(consumer.partitions).toEqual([
        { stream: 'orders', partition: 0 },
        { stream: 'orders', partition: 1 },
      ]);
      await elapse(5_000);
      expect(consumer.state).toBe('running');
      stage.transport.partitionsOf('orders').count = 4;
      await until(() => consumer.state === 'failed', 5_000);
      await elapse(2_000);
      expect(stage.of('error')).toMatchObject([{ value: { code: 'EVENTS_PARTITIONS' } }]);
      expect(stage.transport.subscriptions.every(({ isClosed }) => isClosed)).toBe(true);
      await expect(stage.consumer('b', { ordering, ...options }).start()).rejects.toMatchObject({
        code: 'EVENTS_PARTITIONS',
      });
    },
  );

  test('a lease that was granted in an answer that was lost is asked for again by the same handle', async () => {
    const stage = new PartitionedStage(1);
    let isFirst = true;
    stage.transport.prepare = (subscription) => {
      subscription.intercept.own = async (next) => {
        const answer = await next();
        if (!isFirst) return answer;
        isFirst = false;
        throw new StubFailure('unknown');
      };
    };
    const consumer = await stage.start('a');
    expect(consumer.partitions).toEqual([]);
    await until(() => consumer.partitions.length === 1, 1_000);
  });
});

/** A key that falls to a partition. */
function keyIn(partition: number, count: number): string {
  for (let number = 0; ; number += 1) if (partitionOf(`key-${number}`, count) === partition) return `key-${number}`;
}
