import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, HandlerContext } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

async function handling() {
  const stage = new ConsumingStage();
  const started: ConsumedEvent[] = [];
  const contexts: HandlerContext[] = [];
  const jobs: Gate[] = [];
  const handler = (event: ConsumedEvent, context: HandlerContext) => {
    started.push(event);
    contexts.push(context);
    const job = gate();
    jobs.push(job);
    return job.promise;
  };
  await stage.consumer.subscribe('*', handler).start();
  const [id = ''] = stage.stream.add(fieldsOf('a', 1, { id: 'event-a' }));
  await turn();
  /** The group's cursor stands where it stood before the entry, which the promoted server never saw delivered. */
  const forgetDelivery = () => {
    stage.group.pending.delete(id);
    stage.group.position = 0;
    for (const wake of [...stage.stream.waitingReads]) wake();
  };
  return { stage, started, contexts, jobs, id, forgetDelivery };
}

describe('a promoted server that hands out an entry which is in hand', () => {
  test('does not make it run twice at once, and the entry is acknowledged', async () => {
    const { stage, started, jobs, id, forgetDelivery } = await handling();
    forgetDelivery();
    await elapse(100);
    expect(started).toHaveLength(1);
    jobs[0]?.open();
    await elapse(100);
    expect(stage.group.pending.size).toBe(0);
    expect(stage.group.acknowledged).toContain(id);
    expect(stage.count('leaseLost')).toBe(0);
  });

  test('and has given its id to another event: that one is handled, and the first one counts for nothing', async () => {
    const { stage, started, contexts, jobs, id, forgetDelivery } = await handling();
    const entry = stage.stream.byId.get(id);
    if (entry !== undefined) entry.fields = fieldsOf('b', 2, { id: 'event-b' });
    forgetDelivery();
    await elapse(100);
    expect(started.map(({ id: eventId }) => eventId)).toEqual(['event-a', 'event-b']);
    expect(contexts[0]?.signal.aborted).toBe(true);
    jobs[0]?.open();
    await elapse(100);
    expect(stage.group.acknowledged).toEqual([]);
    jobs[1]?.open();
    await elapse(100);
    expect(stage.group.acknowledged).toEqual([id]);
  });

  test('nor is the first one acknowledged when that waited for the server', async () => {
    const { stage, started, jobs, id, forgetDelivery } = await handling();
    const { subscription } = stage;
    subscription.intercept.acknowledge = () => Promise.reject(new StubFailure('offline'));
    jobs[0]?.open();
    await elapse(20);
    const entry = stage.stream.byId.get(id);
    if (entry !== undefined) entry.fields = fieldsOf('b', 2, { id: 'event-b' });
    forgetDelivery();
    await elapse(20);
    delete subscription.intercept.acknowledge;
    await elapse(5_000);
    expect(started).toHaveLength(2);
    expect(stage.group.acknowledged).toEqual([]);
    jobs[1]?.open();
    await elapse(100);
    expect(stage.group.acknowledged).toEqual([id]);
  });
});
