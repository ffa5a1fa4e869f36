import { describe, expect, test } from '@jest/globals';
import { ConsumingStage, fieldsOf } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

/** A consumer of 40 entries whose first read broke; the tenth entry breaks every fetch that it is part of. */
async function broken(options: { readonly deadLetter?: boolean } = {}) {
  const stage = new ConsumingStage(options);
  const handled: string[] = [];
  await stage.consumer.subscribe('*', ({ entryId }) => void handled.push(entryId)).start();
  await elapse(1_500);
  const fetches: (readonly string[])[] = [];
  let isBroken = false;
  stage.subscription.intercept.read = async (next) => {
    const entries = await next();
    if (entries.length === 0 || isBroken) return entries;
    isBroken = true;
    throw new StubFailure('unknown');
  };
  let giant: string | undefined;
  stage.subscription.intercept.fetch = (next, ids) => {
    fetches.push(ids);
    giant ??= ids[9];
    return giant !== undefined && ids.includes(giant) ? Promise.reject(new StubFailure('unknown')) : next();
  };
  stage.stream.add(...Array.from({ length: 40 }, () => fieldsOf('a')));
  return { stage, handled, fetches, isGiant: (ids: readonly string[]) => ids.length === 1 && ids[0] === giant };
}

describe('an entry that breaks every connection it is asked for on', () => {
  test('goes to the dead letters after three tries alone, and its neighbours are handled', async () => {
    const { stage, handled, fetches, isGiant } = await broken();
    await until(() => handled.length === 39 && stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({ reason: 'unreadable', attempts: 0, event: undefined }),
    ]);
    expect(fetches.filter(isGiant)).toHaveLength(3);
    await until(() => stage.group.pending.size === 0);
  });

  test('stalls where nothing is dead-lettered', async () => {
    const { stage, handled } = await broken({ deadLetter: false });
    await until(() => handled.length === 39 && stage.count('stalled') === 1);
    expect(stage.occurrences('stalled')).toEqual([expect.objectContaining({ reason: 'unreadable' })]);
  });

  test('is not blamed while the server answers nothing else', async () => {
    const { stage, handled, fetches } = await broken();
    stage.subscription.intercept.keepAlive = () => Promise.reject(new StubFailure('offline'));
    await until(() => fetches.length > 5);
    await elapse(30_000);
    expect(stage.count('deadLettered')).toBe(0);
    delete stage.subscription.intercept.keepAlive;
    delete stage.subscription.intercept.fetch;
    await until(() => handled.length === 40);
    expect(stage.count('deadLettered')).toBe(0);
  });
});

describe('reads', () => {
  test('begin small and grow', async () => {
    const stage = new ConsumingStage();
    await stage.consumer.subscribe('*', () => {}).start();
    stage.stream.add(...Array.from({ length: 2_000 }, () => fieldsOf('a')));
    await until(() => stage.group.pending.size === 0 && stage.subscription.calls.read.length > 8);
    const counts = stage.subscription.calls.read.map(([count]) => count);
    expect(counts[0]).toBe(16);
    expect(Math.max(...counts)).toBe(256);
  });
});
