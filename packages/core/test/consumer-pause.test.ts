import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

function working(options: Partial<ConsumerOptions> = {}) {
  const stage = new ConsumingStage(options);
  const started: unknown[] = [];
  const jobs: Gate[] = [];
  stage.consumer.subscribe('*', ({ data }: ConsumedEvent) => {
    started.push(data);
    const job = gate();
    jobs.push(job);
    return job.promise;
  });
  return { stage, started, jobs };
}

const entries = (...data: unknown[]) => data.map((value) => fieldsOf('a', value, { key: 'k' }));

describe('pause', () => {
  test('starts no handler and reads nothing, lets running ones end, and keeps what was read in order', async () => {
    const { stage, started, jobs } = working({ ordering: 'key' });
    await stage.consumer.start();
    stage.stream.add(...entries(1, 2, 3));
    await turn();
    stage.consumer.pause();
    jobs[0]?.open();
    await elapse(2_000);
    const reads = stage.subscription.calls.read.length;
    stage.stream.add(...entries(4));
    await elapse(5_000);
    expect([started, stage.group.acknowledged.length, stage.subscription.calls.read.length]).toEqual([[1], 1, reads]);
    stage.consumer.resume();
    for (let index = 1; index < 4; index += 1) {
      await until(() => jobs.length > index);
      jobs[index]?.open();
    }
    await until(() => stage.group.pending.size === 0);
    expect(started).toEqual([1, 2, 3, 4]);
  });

  test('keeps what is held alive', async () => {
    const { stage } = working({ claimIdleMs: 3_000 });
    await stage.consumer.start();
    const ids = stage.stream.add(...entries(1, 2));
    await turn();
    stage.consumer.pause();
    await elapse(30_000);
    for (const id of ids) expect(Date.now() - (stage.group.pending.get(id)?.touchedAtMs ?? 0)).toBeLessThan(2_500);
    expect(stage.count('leaseLost')).toBe(0);
  });

  test('holds retries back, which then start once', async () => {
    const { stage, started, jobs } = working({ recoveryStrategy: () => 1_000 });
    await stage.consumer.start();
    stage.stream.add(...entries(1));
    await turn();
    stage.consumer.pause();
    jobs[0]?.fail(new Error('again'));
    await elapse(5_000);
    expect(started).toEqual([1]);
    stage.consumer.resume();
    await elapse(100);
    expect(started).toEqual([1, 1]);
  });

  test('stops also what was just about to start, and it starts once afterwards', async () => {
    const { stage, started, jobs } = working({ recoveryStrategy: () => 10 });
    await stage.consumer.start();
    stage.stream.add(...entries(1));
    await turn();
    const answer = gate();
    let isAsked = false;
    stage.subscription.intercept.start = async (next) => {
      isAsked = true;
      await answer.promise;
      return next();
    };
    jobs[0]?.fail(new Error('again'));
    await until(() => isAsked);
    stage.consumer.pause();
    answer.open();
    await elapse(1_000);
    expect(started).toEqual([1]);
    stage.consumer.resume();
    await elapse(1_000);
    expect(started).toEqual([1, 1]);
  });

  test('before start holds everything back from the beginning', async () => {
    const { stage, started } = working();
    stage.consumer.pause();
    await stage.consumer.start();
    stage.stream.add(...entries(1));
    await elapse(3_000);
    expect([started, stage.subscription.calls.read]).toEqual([[], []]);
    stage.consumer.resume();
    await until(() => started.length === 1);
  });

  test('and resume before start leave no trace', async () => {
    const { stage, started } = working();
    stage.consumer.pause();
    stage.consumer.resume();
    await stage.consumer.start();
    stage.stream.add(...entries(1));
    await until(() => started.length === 1);
  });

  test('twice is undone by one resume, and resume alone does nothing', async () => {
    const { stage, started } = working();
    await stage.consumer.start();
    stage.consumer.resume();
    stage.consumer.pause();
    stage.consumer.pause();
    stage.consumer.resume();
    stage.stream.add(...entries(1, 2));
    await until(() => started.length === 2);
  });

  test('does not keep a stop from handing everything back; resume after stop starts nothing', async () => {
    const { stage, started } = working({ concurrency: 1 });
    await stage.consumer.start();
    stage.stream.add(...entries(1, 2, 3));
    await turn();
    stage.consumer.pause();
    const stopped = stage.consumer.stop({ timeoutMs: 100 });
    stage.consumer.resume();
    await until(() => stage.consumer.state === 'stopped');
    stage.consumer.resume();
    await turn();
    await expect(stopped).resolves.toEqual({ finished: 0, released: 3, abandoned: 1 });
    expect(started).toEqual([1]);
  });
});
