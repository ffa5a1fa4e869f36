import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions, HandlerContext } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

async function deduplicating(
  handle: (event: ConsumedEvent, context: HandlerContext) => unknown = () => {},
  options: Partial<ConsumerOptions> = {},
) {
  const stage = new ConsumingStage({ deduplicate: true, recoveryStrategy: () => 100, ...options });
  const handled: string[] = [];
  const handler = (event: ConsumedEvent, context: HandlerContext) => {
    handled.push(event.id);
    return handle(event, context);
  };
  await stage.consumer.subscribe('*', handler).start();
  return { stage, handled };
}

describe('with deduplicate', () => {
  test('an id that this group has handled is skipped and acknowledged', async () => {
    const { stage, handled } = await deduplicating();
    stage.stream.add(fieldsOf('a', 1, { id: 'x' }));
    await until(() => stage.group.pending.size === 0 && handled.length === 1);
    stage.stream.add(fieldsOf('a', 2, { id: 'x' }), fieldsOf('a', 3, { id: 'y' }));
    await until(() => stage.group.pending.size === 0 && handled.length === 2);
    expect(handled).toEqual(['x', 'y']);
    expect(stage.occurrences('skipped')).toEqual([expect.objectContaining({ reason: 'duplicate' })]);
    expect(stage.subscription.calls.handled).toEqual([
      [['x'], 600_000],
      [['x', 'y'], 600_000],
    ]);
  });

  test('also when a consumer before this one handled it', async () => {
    const { stage, handled } = await deduplicating();
    stage.group.handled.add('x');
    stage.stream.add(fieldsOf('a', 1, { id: 'x' }));
    await until(() => stage.count('skipped') === 1);
    expect(handled).toEqual([]);
  });

  test.each(['none', 'key'] as const)('copies within one read are handled once, ordering %s', async (ordering) => {
    const jobs: Gate[] = [];
    const { stage, handled } = await deduplicating(
      () => {
        const job = gate();
        jobs.push(job);
        return job.promise;
      },
      { ordering },
    );
    stage.stream.add(...[1, 2, 3].map((data) => fieldsOf('a', data, { id: 'x', key: 'k' })));
    await elapse(100);
    expect(handled).toEqual(['x']);
    jobs[0]?.open();
    await until(() => stage.group.pending.size === 0);
    expect([handled.length, stage.count('skipped')]).toEqual([1, 2]);
  });

  test('a copy is handled when the first one failed for good', async () => {
    const { stage, handled } = await deduplicating(
      ({ data }) => {
        if (data === 1) throw new Error('no');
      },
      { recoveryStrategy: 'none' },
    );
    stage.stream.add(fieldsOf('a', 1, { id: 'x' }), fieldsOf('a', 2, { id: 'x' }));
    await until(() => stage.group.pending.size === 0);
    expect([handled, stage.count('deadLettered'), stage.count('skipped')]).toEqual([['x', 'x'], 1, 0]);
  });

  test.each<[string, (context: HandlerContext) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['calls nack and returns', (context) => context.nack()],
    ['calls nack without waiting', (context) => void context.nack()],
  ])('an event whose handler %s is tried again, and not taken for its own duplicate', async (_name, fail) => {
    const { stage, handled } = await deduplicating(({ attempt }, context) =>
      attempt === 1 ? fail(context) : undefined,
    );
    stage.stream.add(fieldsOf('a', 1, { id: 'x' }));
    await until(() => stage.group.pending.size === 0);
    expect([handled, stage.count('skipped')]).toEqual([['x', 'x'], 0]);
  });

  test('an event that its handler acknowledged counts as handled, even if it threw then', async () => {
    const { stage, handled } = await deduplicating(async (_event, context) => {
      await context.ack();
      throw new Error('after all');
    });
    stage.stream.add(fieldsOf('a', 1, { id: 'x' }), fieldsOf('a', 2, { id: 'x' }));
    await until(() => stage.group.pending.size === 0);
    expect([handled, stage.count('skipped')]).toEqual([['x'], 1]);
  });

  test('the mark is set by the acknowledgement, with window and cap, and not before', async () => {
    const { stage } = await deduplicating(() => {}, { deduplicate: { windowMs: 5_000, maxEntries: 7 } });
    const [id = ''] = stage.stream.add(fieldsOf('a', 1, { id: 'x' }));
    await turn();
    expect(stage.group.handled.size).toBe(0);
    await elapse(100);
    expect(stage.subscription.calls.acknowledge).toEqual([
      [{ ids: [id], postponed: [], marks: { eventIds: ['x'], windowMs: 5_000, maxEntries: 7 } }],
    ]);
  });

  test('a window that had to be cut short is told', async () => {
    const { stage } = await deduplicating();
    stage.subscription.intercept.acknowledge = async (next) => ({ ...(await next()), effectiveWindowMs: 1_234 });
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('deduplicationShortened') === 1);
    expect(stage.occurrences('deduplicationShortened')).toEqual([
      { stream: 'orders', group: 'billing', effectiveWindowMs: 1_234 },
    ]);
  });

  test('nothing is handled unasked while the server cannot say what was handled', async () => {
    const { stage, handled } = await deduplicating();
    stage.subscription.intercept.handled = () => Promise.reject(new StubFailure('offline'));
    stage.stream.add(fieldsOf('a', 1, { id: 'x' }));
    await elapse(10_000);
    expect([handled, stage.count('error')]).toEqual([[], 1]);
    delete stage.subscription.intercept.handled;
    await until(() => handled.length === 1);
  });

  test('a stop while the server cannot say so hands everything back', async () => {
    const { stage, handled } = await deduplicating();
    stage.subscription.intercept.handled = () => Promise.reject(new StubFailure('offline'));
    const ids = stage.stream.add(fieldsOf('a', 1, { id: 'x' }), fieldsOf('a', 1, { id: 'y' }));
    await elapse(1_000);
    const report = stage.consumer.stop({ timeoutMs: 1_000 });
    await until(() => stage.consumer.state === 'stopped');
    await expect(report).resolves.toMatchObject({ released: 2 });
    expect([handled, [...stage.subscription.released].sort()]).toEqual([[], [...ids].sort()]);
  });
});

test('without deduplicate copies are handled each, and nobody is asked', async () => {
  const { stage, handled } = await deduplicating(() => {}, { deduplicate: false });
  stage.stream.add(fieldsOf('a', 1, { id: 'x' }), fieldsOf('a', 2, { id: 'x' }));
  await until(() => stage.group.pending.size === 0);
  expect(handled).toEqual(['x', 'x']);
  expect(stage.subscription.calls.handled).toEqual([]);
  expect(stage.subscription.calls.acknowledge[0]?.[0]).not.toHaveProperty('marks');
});
