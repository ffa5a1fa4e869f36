import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ConsumedEvent, HandlerContext, Subscription } from '../src/index.js';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

const settings = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
  ordering: fc.constantFrom('none' as const, 'key' as const),
  deduplicate: fc.boolean(),
  concurrency: fc.integer({ min: 1, max: 8 }),
  prefetch: fc.integer({ min: 1, max: 40 }),
  handlerTimeoutMs: fc.constantFrom(0, 50),
});

const unreliable: readonly (keyof Subscription)[] = [
  'read',
  'claim',
  'owned',
  'fetch',
  'start',
  'keepAlive',
  'acknowledge',
  'handled',
  'postpone',
  'deadLetter',
];

// Whatever goes wrong, each event ends acknowledged or dead-lettered, and nothing is left over that would make the
// consumer smaller than it was: no slot, no place in the prefetch, no lane, no turn of a suspect.
test('a consumer comes out of any trouble whole', async () => {
  await fc.assert(
    fc.asyncProperty(settings, async ({ seed, ...options }) => {
      let state = seed;
      const random = () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      let isCalm = false;
      let blocked = 0;
      const handled = new Set<unknown>();
      const running = new Map<string, number>();
      const stage = new ConsumingStage({ ...options, claimIdleMs: 600, maxRetries: 4, recoveryStrategy: () => 20 });

      const misbehave = async ({ data }: ConsumedEvent, context: HandlerContext): Promise<void> => {
        const luck = random();
        if (luck < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 80));
        if (luck < 0.05) void context.extend();
        if (luck > 0.9) throw new Error('no');
        if (luck > 0.85) return context.nack({ delayMs: random() * 50 });
        if (luck > 0.8) return context.deadLetter('chaos');
        if (luck > 0.75) void context.ack();
        handled.add(data);
      };
      const handler = async (event: ConsumedEvent, context: HandlerContext) => {
        if (event.data === 'block') {
          blocked += 1;
          return new Promise<void>(() => {});
        }
        const { key = '' } = event;
        running.set(key, (running.get(key) ?? 0) + 1);
        if (options.ordering === 'key' && options.handlerTimeoutMs === 0) expect(running.get(key)).toBe(1);
        expect(running.size).toBeLessThanOrEqual(options.handlerTimeoutMs === 0 ? options.concurrency : 1_000);
        try {
          if (!isCalm) await misbehave(event, context);
          handled.add(event.data);
        } finally {
          const left = (running.get(key) ?? 1) - 1;
          if (left === 0) running.delete(key);
          else running.set(key, left);
        }
      };
      await stage.consumer.subscribe('*', handler).start();
      const { subscription } = stage;
      for (const verb of unreliable) {
        const fail = async (next: () => Promise<never>): Promise<never> => {
          const luck = isCalm ? 1 : random();
          if (luck < 0.02) throw new StubFailure('refused');
          if (luck < 0.04) throw new StubFailure('offline');
          if (luck > 0.9 && luck < 0.95) await new Promise((resolve) => setTimeout(resolve, random() * 30));
          const answer = await next();
          // done, and the answer lost
          if (luck < 0.06) throw new StubFailure('unknown');
          return answer;
        };
        subscription.intercept[verb] = fail as never;
      }

      const key = () => `k${Math.floor(random() * 6)}`;
      for (let round = 0; round < 30; round += 1) {
        stage.stream.add(
          ...Array.from({ length: 6 }, (_, index) => fieldsOf('a', `${round}.${index}`, { key: key() })),
        );
        if (random() < 0.1) stage.stream.add(['not', 'ours']);
        const luck = random();
        const { pending } = stage.group;
        for (const entry of pending.values()) {
          // another consumer takes it, and vanishes or hands it back
          if (random() < 0.02) {
            Object.assign(entry, { consumer: 'other', released: random() < 0.5, touchedAtMs: 0 });
          }
        }
        if (luck < 0.1) stage.consumer.pause();
        if (luck < 0.1 || luck > 0.9) setTimeout(() => stage.consumer.resume(), random() * 200);
        await elapse(random() * 60);
      }
      isCalm = true;
      stage.consumer.resume();
      await until(() => stage.group.pending.size === 0 && stage.group.position === stage.stream.entries.length);

      // nothing was lost
      const lettered = new Set(subscription.deadLettered.map(({ id }) => id));
      const acknowledged = new Set(stage.group.acknowledged);
      for (const { id } of stage.stream.entries) expect(lettered.has(id) || acknowledged.has(id)).toBe(true);
      expect(handled.size + lettered.size).toBeGreaterThanOrEqual(180);

      // every slot, every place, and every lane is free again
      await elapse(2_000);
      const before = stage.group.position;
      stage.stream.add(...Array.from({ length: 60 }, (_, index) => fieldsOf('a', 'block', { key: `new ${index}` })));
      await elapse(options.handlerTimeoutMs === 0 ? 1_500 : 40);
      expect(blocked).toBe(Math.min(options.concurrency, options.prefetch));
      expect(stage.group.position - before).toBeGreaterThan(Math.floor(Math.min(60, options.prefetch) / 2));
      await stage.end();
    }),
    { numRuns: 12, endOnFailure: true },
  );
});

test('every lane is open after trouble: each key goes on', async () => {
  const stage = new ConsumingStage({ ordering: 'key', claimIdleMs: 600, recoveryStrategy: () => 20, prefetch: 16 });
  const handled: string[] = [];
  let isCalm = false;
  let turns = 0;
  const handler = async ({ key = '' }: ConsumedEvent, context: HandlerContext) => {
    turns += 1;
    if (!isCalm && turns % 3 === 0) throw new Error('no');
    if (!isCalm && turns % 5 === 0) return context.nack({ delayMs: 1 });
    handled.push(key);
  };
  await stage.consumer.subscribe('*', handler).start();
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  for (let round = 0; round < 20; round += 1) {
    stage.stream.add(...keys.map((key) => fieldsOf('a', round, { key })));
    for (const entry of stage.group.pending.values()) {
      turns += 1;
      if (turns % 17 === 0) Object.assign(entry, { consumer: 'other', released: turns % 2 === 0, touchedAtMs: 0 });
    }
    // the whole group goes, and is read again from its beginning
    if (round === 10) stage.stream.groups.clear();
    await elapse(50);
  }
  isCalm = true;
  await until(() => stage.group.pending.size === 0 && stage.group.position === stage.stream.entries.length);
  handled.length = 0;
  stage.stream.add(...keys.map((key) => fieldsOf('a', 'last', { key })));
  await until(() => handled.length === keys.length, 5_000);
  expect(handled.sort()).toEqual([...keys].sort());
});
