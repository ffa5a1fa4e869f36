import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions, HandlerContext } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

/** A consumer with `handlerTimeoutMs: 1_000` whose handlers the test ends. */
async function hanging(options: Partial<ConsumerOptions> = {}) {
  const stage = new ConsumingStage({ handlerTimeoutMs: 1_000, recoveryStrategy: () => 100, ...options });
  const started: { readonly data: unknown; readonly attempt: number }[] = [];
  const contexts: HandlerContext[] = [];
  const jobs: Gate[] = [];
  const handler = ({ data, attempt }: ConsumedEvent, context: HandlerContext) => {
    started.push({ data, attempt });
    contexts.push(context);
    const job = gate();
    jobs.push(job);
    return job.promise;
  };
  await stage.consumer.subscribe('*', handler).start();
  return { stage, started, contexts, jobs };
}

describe('a handler that runs longer than handlerTimeoutMs', () => {
  test('has its signal aborted then, and not before', async () => {
    const { stage, contexts } = await hanging();
    stage.stream.add(fieldsOf('a'));
    await elapse(990);
    expect(contexts[0]?.signal.aborted).toBe(false);
    await elapse(20);
    expect(contexts[0]?.signal.reason).toMatchObject({ code: 'EVENTS_HANDLER_TIMEOUT' });
  });

  test('frees its slot, but not its key', async () => {
    const { stage, started } = await hanging({ concurrency: 1, ordering: 'key' });
    stage.stream.add(
      fieldsOf('a', 'first', { key: 'x' }),
      fieldsOf('a', 'same key', { key: 'x' }),
      fieldsOf('a', 'other key', { key: 'y' }),
    );
    await elapse(990);
    expect(started).toHaveLength(1);
    await elapse(30);
    expect(started.map(({ data }) => data)).toEqual(['first', 'other key']);
    await elapse(900);
    expect(started).toHaveLength(2);
  });

  test('is tried again once it has settled, as a failed attempt', async () => {
    for (const end of ['open', 'fail'] as const) {
      const { stage, started, jobs } = await hanging();
      stage.stream.add(fieldsOf('a', 'x'));
      await elapse(1_500);
      expect([started.length, stage.count('retry')]).toEqual([1, 0]);
      if (end === 'open') jobs[0]?.open();
      else jobs[0]?.fail(new Error('late'));
      await elapse(300);
      expect(started.map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(stage.occurrences('retry')).toEqual([
        expect.objectContaining({ error: expect.objectContaining({ code: 'EVENTS_HANDLER_TIMEOUT' }) }),
      ]);
      expect(stage.group.acknowledged).toEqual([]);
    }
  });

  test('and never settles goes to the dead letters after as much time again, and its key goes on', async () => {
    const { stage, started } = await hanging({ ordering: 'key' });
    stage.stream.add(fieldsOf('a', 1, { key: 'x' }), fieldsOf('a', 2, { key: 'x' }));
    await elapse(1_900);
    expect(stage.count('deadLettered')).toBe(0);
    await elapse(200);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({ reason: 'handler-never-settled', attempts: 1 }),
    ]);
    expect(started.map(({ data }) => data)).toEqual([1, 2]);
  });

  test('and settles after that changes nothing', async () => {
    const { stage, jobs, started } = await hanging();
    stage.stream.add(fieldsOf('a'));
    await elapse(2_500);
    jobs[0]?.fail(new Error('much too late'));
    await elapse(2_000);
    expect([stage.count('deadLettered'), stage.count('retry'), started.length, stage.group.pending.size]).toEqual([
      1, 0, 1, 0,
    ]);
  });

  test('may not settle its event any more', async () => {
    const { stage, contexts } = await hanging();
    stage.stream.add(fieldsOf('a'));
    await elapse(1_100);
    await expect(contexts[0]?.ack()).rejects.toMatchObject({ code: 'EVENTS_HANDLER_TIMEOUT' });
    await expect(contexts[0]?.nack()).rejects.toMatchObject({ code: 'EVENTS_HANDLER_TIMEOUT' });
    expect(stage.group.acknowledged).toEqual([]);
  });

  test('after it acknowledged is left alone: no retry, no dead letter, no error', async () => {
    const { stage, contexts, jobs } = await hanging();
    stage.stream.add(fieldsOf('a'));
    await turn();
    void contexts[0]?.ack();
    await elapse(5_000);
    jobs[0]?.open();
    await elapse(100);
    expect([
      stage.count('retry'),
      stage.count('deadLettered'),
      stage.count('error'),
      stage.group.acknowledged.length,
    ]).toEqual([0, 0, 0, 1]);
  });

  test('after it asked for another attempt gets none while it hangs: it goes to the dead letters', async () => {
    const { stage, contexts, started } = await hanging();
    stage.stream.add(fieldsOf('a'));
    await turn();
    void contexts[0]?.nack({ delayMs: 100 });
    await elapse(2_100);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'handler-never-settled' })]);
    await elapse(5_000);
    expect([started.length, stage.group.pending.size]).toEqual([1, 0]);
  });

  test('is not hurried when extend gives it its time anew', async () => {
    const { stage, contexts, jobs } = await hanging();
    stage.stream.add(fieldsOf('a'));
    for (let round = 0; round < 5; round += 1) {
      await elapse(900);
      await contexts[0]?.extend();
    }
    expect(contexts[0]?.signal.aborted).toBe(false);
    jobs[0]?.open();
    await elapse(100);
    expect(stage.group.pending.size).toBe(0);
  });

  test("that is another consumer's by now ends quietly", async () => {
    const { stage, contexts, jobs, started } = await hanging({ claimIdleMs: 300 });
    const [id = ''] = stage.stream.add(fieldsOf('a'));
    await turn();
    stage.group.own(id, 'somebody-else', { touchedAtMs: Infinity });
    await elapse(500);
    expect([stage.count('leaseLost'), contexts[0]?.signal.aborted]).toEqual([1, true]);
    jobs[0]?.fail(new Error('late'));
    await elapse(3_000);
    expect([stage.count('retry'), stage.count('deadLettered'), started.length]).toEqual([0, 0, 1]);
  });
});

describe('handlers that hang', () => {
  test('are capped at concurrency: then nothing more is read, and that is said once', async () => {
    const { stage, started, jobs } = await hanging({ concurrency: 3, prefetch: 3 });
    stage.stream.add(...Array.from({ length: 20 }, (_, index) => fieldsOf('a', index)));
    await elapse(2_200);
    expect(stage.occurrences('backpressure')).toEqual([
      { reason: 'abandonedHandlers', measured: 3, limit: 3, stream: undefined },
    ]);
    const read = stage.group.position;
    await elapse(30_000);
    expect([stage.group.position, started.length]).toEqual([read, read]);
    expect(stage.count('backpressure')).toBe(1);
    for (const job of jobs) job.open();
    await elapse(1_200);
    expect(stage.occurrences('recovered')).toEqual([expect.objectContaining({ reason: 'abandonedHandlers' })]);
    await elapse(100);
    expect(stage.group.position).toBeGreaterThan(read);
  });

  test('leave no timer behind once they are over', async () => {
    const { stage, jobs } = await hanging();
    stage.stream.add(fieldsOf('a'));
    await turn();
    jobs[0]?.open();
    await elapse(100);
    const stopped = stage.consumer.stop();
    await until(() => stage.consumer.state === 'stopped');
    await stopped;
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a schema that never answers', () => {
  test('does not hold a handler slot for ever', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'tests',
        validate: (value: unknown) => (value === 'hang' ? new Promise<never>(() => {}) : { value }),
      },
    } as const;
    const { stage, started } = await hanging({ concurrency: 1, events: { a: schema } });
    stage.stream.add(fieldsOf('a', 'hang'), fieldsOf('a', 'good'));
    await until(() => started.length === 1, 20_000);
    expect(started[0]?.data).toBe('good');
    await until(() => stage.count('deadLettered') === 1, 20_000);
  });
});

describe('handlerTimeoutMs 0', () => {
  test('lets a handler run as long as it likes, and keeps its event', async () => {
    const { stage, contexts, jobs } = await hanging({ handlerTimeoutMs: 0 });
    stage.stream.add(fieldsOf('a'));
    await elapse(300_000);
    expect([contexts[0]?.signal.aborted, stage.count('leaseLost')]).toEqual([false, 0]);
    jobs[0]?.open();
    await elapse(100);
    expect(stage.group.pending.size).toBe(0);
  });
});
