import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ConsumedEvent } from '../src/index.js';
import { ConsumingStage, fieldsOf, gate } from './support/consuming.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe("with ordering 'key'", () => {
  test('one key never runs twice at once, and keeps its order across retries, whatever handlers do', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
          keys: fc.integer({ min: 1, max: 40 }),
          concurrency: fc.integer({ min: 1, max: 32 }),
          prefetch: fc.integer({ min: 1, max: 64 }),
          share: fc.constantFrom(0, 0.05, 0.3, 0.6),
        }),
        async ({ seed, keys, concurrency, prefetch, share }) => {
          const total = 400;
          let state = seed;
          const random = () => {
            state = (state * 48_271) % 2_147_483_647;
            return state / 2_147_483_647;
          };
          const stage = new ConsumingStage({
            ordering: 'key',
            concurrency,
            prefetch,
            maxRetries: 3,
            recoveryStrategy: (attempt) => attempt * 7,
          });
          const running = new Set<string>();
          const finished = new Map<string, number[]>();
          let open = total;
          const handler = async ({ key = '', data, attempt }: ConsumedEvent<number>) => {
            expect(running.has(key)).toBe(false);
            running.add(key);
            expect(running.size).toBeLessThanOrEqual(concurrency);
            const kind = random();
            if (kind > 0.3) await new Promise((resolve) => setTimeout(resolve, Math.floor(kind * 20)));
            running.delete(key);
            if (random() < share && attempt < 4) throw new Error('again');
            open -= 1;
            finished.set(key, [...(finished.get(key) ?? []), data]);
          };
          await stage.consumer.subscribe('*', handler).start();
          for (let index = 0; index < total; index += 1) {
            stage.stream.add(fieldsOf('a', index, { key: `k${Math.floor(random() * keys)}` }));
            if (index % 100 === 0) await elapse(3);
          }
          await until(() => open === 0 && stage.group.pending.size === 0);
          for (const order of finished.values()) expect(order).toEqual([...order].sort((left, right) => left - right));
          expect(new Set(stage.group.acknowledged).size).toBe(total);
          expect(stage.group.acknowledged).toHaveLength(total);
          expect([stage.count('error'), stage.count('leaseLost'), stage.count('deadLettered')]).toEqual([0, 0, 0]);
          await stage.end();
        },
      ),
      { numRuns: 8, endOnFailure: true },
    );
  });

  test('a waiting retry holds its key back, and no other one', async () => {
    const stage = new ConsumingStage({ ordering: 'key', concurrency: 1, recoveryStrategy: () => 1_000 });
    const log: string[] = [];
    const handler = ({ key, data, attempt }: ConsumedEvent<number>) => {
      log.push(`${key}${data}.${attempt}`);
      if (data === 1 && key === 'x' && attempt === 1) throw new Error('again');
    };
    await stage.consumer.subscribe('*', handler).start();
    for (const [key, data] of [
      ['x', 1],
      ['x', 2],
      ['y', 1],
      ['x', 3],
      ['y', 2],
    ] as const) {
      stage.stream.add(fieldsOf('a', data, { key }));
    }
    await elapse(900);
    expect(log).toEqual(['x1.1', 'y1.1', 'y2.1']);
    await elapse(200);
    expect(log.slice(3)).toEqual(['x1.2', 'x2.1', 'x3.1']);
  });

  test('what waits behind a retry is parked: its data is dropped, and fetched again when its turn comes', async () => {
    const stage = new ConsumingStage({ ordering: 'key', prefetch: 10, recoveryStrategy: () => 1_000 });
    const handled: number[] = [];
    const handler = ({ data, attempt }: ConsumedEvent<number>) => {
      if (data === 0 && attempt === 1) throw new Error('again');
      handled.push(data);
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...Array.from({ length: 50 }, (_, index) => fieldsOf('a', index, { key: 'x' })));
    await elapse(500);
    // parked entries do not count against prefetch: everything was read, and nothing is loaded
    expect(stage.group.position).toBe(50);
    expect(stage.subscription.calls.fetch).toEqual([]);
    await elapse(1_000);
    expect(handled).toEqual(Array.from({ length: 50 }, (_, index) => index));
    const fetched = stage.subscription.calls.fetch.flatMap(([ids]) => ids);
    expect(fetched).toHaveLength(50);
    expect(new Set(fetched).size).toBe(50);
  });

  test('a parked entry that was deleted meanwhile is announced and acknowledged, and the next one goes on', async () => {
    const stage = new ConsumingStage({ ordering: 'key', recoveryStrategy: () => 1_000 });
    const handled: number[] = [];
    const handler = ({ data, attempt }: ConsumedEvent<number>) => {
      if (data === 0 && attempt === 1) throw new Error('again');
      handled.push(data);
    };
    await stage.consumer.subscribe('*', handler).start();
    const ids = stage.stream.add(...[0, 1, 2].map((data) => fieldsOf('a', data, { key: 'x' })));
    await elapse(500);
    stage.stream.trim(ids[1]!);
    await elapse(1_000);
    expect(handled).toEqual([0, 2]);
    expect(stage.occurrences('lostByTrim')).toEqual([
      { stream: 'orders', group: 'billing', entryId: ids[1], count: 1 },
    ]);
    expect(stage.group.pending.size).toBe(0);
  });

  test('after a dead letter the key goes on', async () => {
    const stage = new ConsumingStage({ ordering: 'key', recoveryStrategy: 'none' });
    const handled: number[] = [];
    const handler = ({ data }: ConsumedEvent<number>) => {
      if (data === 0) throw new Error('never');
      handled.push(data);
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...[0, 1, 2].map((data) => fieldsOf('a', data, { key: 'x' })));
    await until(() => handled.length === 2);
    expect(stage.count('deadLettered')).toBe(1);
  });

  test('the key goes on without waiting for an acknowledgement, or for the dead letters', async () => {
    const stage = new ConsumingStage({ ordering: 'key', recoveryStrategy: 'none' });
    const never = new Promise<never>(() => {});
    stage.transport.prepare = ({ intercept }) => {
      intercept.acknowledge = () => never;
      intercept.deadLetter = () => never;
    };
    const handled: number[] = [];
    const handler = ({ data }: ConsumedEvent<number>) => {
      handled.push(data);
      if (data === 1) throw new Error('never');
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...[0, 1, 2].map((data) => fieldsOf('a', data, { key: 'x' })));
    await turn();
    expect(handled).toEqual([0, 1, 2]);
  });

  test('events without a key run side by side, and so do equal keys of two streams', async () => {
    const stage = new ConsumingStage({ ordering: 'key', streams: ['orders', 'payments'] });
    let running = 0;
    const handler = () => {
      running += 1;
      return new Promise(() => {});
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(fieldsOf('a'), fieldsOf('a'));
    for (const key of ['orders', 'payments']) stage.transport.server.stream(key).add(fieldsOf('a', 1, { key: 'x' }));
    await turn();
    expect(running).toBe(4);
  });

  test('an empty key is a key', async () => {
    const stage = new ConsumingStage({ ordering: 'key' });
    let running = 0;
    const handler = () => {
      running += 1;
      return new Promise(() => {});
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(fieldsOf('a', 1, { key: '' }), fieldsOf('a', 2, { key: '' }));
    await turn();
    expect(running).toBe(1);
  });

  test('a lane opens again however its last holder ended: many retries in one instant', async () => {
    // handlers end in the very microtasks in which the backlog of parked entries ends its loop
    for (let depth = 0; depth < 40; depth += 1) {
      const stage = new ConsumingStage({ ordering: 'key', recoveryStrategy: () => 10 });
      const handled: number[] = [];
      const release = gate();
      const handler = async ({ data, attempt, key }: ConsumedEvent<number>) => {
        if (attempt === 1 && data === 0) throw new Error('again');
        if (key === 'slow') {
          await release.promise;
          for (let step = 0; step < depth; step += 1) await null;
        }
        handled.push(data);
      };
      stage.transport.prepare = ({ intercept }) => {
        intercept.fetch = async (next, ids) => {
          // the second key's retry is loaded while the first one's handler is about to end
          if (ids.length === 1 && handled.length === 0 && stage.subscription.calls.fetch.length > 1) release.open();
          return next();
        };
      };
      await stage.consumer.subscribe('*', handler).start();
      stage.stream.add(fieldsOf('a', 0, { key: 'slow' }), fieldsOf('a', 1, { key: 'slow' }));
      await elapse(5);
      stage.stream.add(fieldsOf('a', 0, { key: 'quick' }), fieldsOf('a', 1, { key: 'quick' }));
      await elapse(900);
      release.open();
      await elapse(100);
      expect([depth, handled.length]).toEqual([depth, 4]);
      await stage.end();
    }
  });
});

describe("with ordering 'none'", () => {
  test('events of one key run side by side', async () => {
    const stage = new ConsumingStage();
    let running = 0;
    const handler = () => {
      running += 1;
      return new Promise(() => {});
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(fieldsOf('a', 1, { key: 'x' }), fieldsOf('a', 2, { key: 'x' }));
    await turn();
    expect(running).toBe(2);
  });
});
