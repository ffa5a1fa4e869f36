import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions } from '../src/index.js';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

async function reading(options: Partial<ConsumerOptions> = {}) {
  const stage = new ConsumingStage(options);
  const handled: unknown[] = [];
  await stage.consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
  return { stage, handled };
}

/** Loses the group, and the stream with it if `everything` went. */
function lose(stage: ConsumingStage, everything = true): void {
  stage.stream.groups.clear();
  if (!everything) return;
  stage.stream.entries.length = 0;
  stage.stream.byId.clear();
  stage.stream.lastGeneratedId = '0-0';
}

describe('a lost group', () => {
  test('is created again where onGroupLost says, announced, and read on', async () => {
    const cases: [Partial<ConsumerOptions>, unknown, string, string][] = [
      [{}, 'beginning', 'beginning', 'beginning'],
      [{ onGroupLost: 'beginning' }, 'beginning', 'beginning', 'beginning'],
      [{ onGroupLost: { entryId: '5-5' } }, { entryId: '5-5' }, 'entryId', '5-5'],
    ];
    for (const [options, from, policy, position] of cases) {
      const { stage, handled } = await reading(options);
      stage.stream.add(fieldsOf('a', 1));
      await until(() => handled.length === 1);
      lose(stage);
      await until(() => stage.count('groupCreated') === 2);
      expect(stage.group.from).toEqual(from);
      expect(stage.occurrences('groupLost')).toEqual([{ stream: 'orders', group: 'billing', policy, from: position }]);
      stage.stream.add(fieldsOf('a', 2));
      await until(() => handled.length === 2);
      expect(stage.consumer.state).toBe('running');
    }
  });

  test("with 'fail' ends the consumer, which says why", async () => {
    const { stage } = await reading({ onGroupLost: 'fail' });
    lose(stage);
    await until(() => stage.consumer.state === 'failed');
    expect(stage.occurrences('groupLost')).toEqual([expect.objectContaining({ policy: 'fail', from: null })]);
    expect(stage.occurrences('error')).toEqual([expect.objectContaining({ code: 'EVENTS_GROUP_NOT_FOUND' })]);
    await elapse(5_000);
    expect([stage.stream.groups.size, stage.subscription.isClosed]).toEqual([0, true]);
  });

  test('is told of once, and healed once, however many verbs run into it', async () => {
    const stage = new ConsumingStage({ recoveryStrategy: () => 10 });
    const jobs: Gate[] = [];
    const handler = () => {
      const job = gate();
      jobs.push(job);
      return job.promise;
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...Array.from({ length: 10 }, () => fieldsOf('a')));
    await turn();
    lose(stage);
    for (const [index, job] of jobs.entries()) {
      if (index % 2 === 0) job.open();
      else job.fail(new Error('no'));
    }
    await elapse(5_000);
    expect([stage.count('groupLost'), stage.count('groupCreated')]).toEqual([1, 2]);
  });

  test('whose group is there after all is left alone', async () => {
    const { stage, handled } = await reading();
    let losses = 0;
    stage.subscription.intercept.read = (next) => {
      losses += 1;
      return losses < 3 ? Promise.reject(new StubFailure('group-lost')) : next();
    };
    await elapse(3_000);
    stage.stream.add(fieldsOf('a', 1));
    await until(() => handled.length === 1);
    expect([stage.count('groupLost'), stage.group.from]).toEqual([0, 'beginning']);
  });

  test('is healed as soon as the server lets it be', async () => {
    const { stage, handled } = await reading();
    await turn();
    stage.transport.inspectorFailure = new StubFailure('refused', 'LOADING');
    lose(stage);
    await elapse(5_000);
    expect(stage.count('groupLost')).toBe(0);
    expect(stage.occurrences<{ message: string }>('error').map(({ message }) => message)).toEqual([
      expect.stringContaining('restore'),
    ]);
    stage.transport.inspectorFailure = undefined;
    stage.stream.add(fieldsOf('a', 1));
    await until(() => handled.length === 1);
  });

  test('takes along what was held: handlers are told, nothing of it is started, and its acknowledgements are dropped', async () => {
    const stage = new ConsumingStage({ concurrency: 1, recoveryStrategy: () => 100, ordering: 'key' });
    const started: { readonly data: unknown; readonly signal: AbortSignal }[] = [];
    const jobs: Gate[] = [];
    const handler = ({ data }: ConsumedEvent, { signal }: { readonly signal: AbortSignal }) => {
      started.push({ data, signal });
      const job = gate();
      jobs.push(job);
      return job.promise;
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...[1, 2, 3].map((data) => fieldsOf('a', data, { key: 'x' })));
    await turn();
    lose(stage);
    await until(() => stage.count('groupCreated') === 2);
    expect(started.map(({ data, signal }) => [data, signal.aborted])).toEqual([[1, true]]);
    jobs[0]?.fail(new Error('gave up'));
    stage.stream.add(fieldsOf('a', 4, { key: 'x' }));
    await until(() => started.length === 2);
    expect(started[1]?.data).toBe(4);
    jobs[1]?.open();
    await until(() => stage.group.pending.size === 0);
    await elapse(5_000);
    expect([stage.count('retry'), stage.count('deadLettered'), started.length]).toEqual([0, 0, 2]);
  });

  test('does not close the lane of a retry that was just about to start', async () => {
    const stage = new ConsumingStage({ ordering: 'key', recoveryStrategy: () => 100, prefetch: 1, concurrency: 1 });
    const handled: unknown[] = [];
    const handler = ({ data, attempt }: ConsumedEvent) => {
      if (data === 1 && attempt === 1) throw new Error('no');
      handled.push(data);
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.subscription.intercept.start = (next) => {
      if (stage.count('groupLost') === 0) lose(stage);
      return next();
    };
    stage.stream.add(fieldsOf('a', 1, { key: 'x' }));
    await until(() => stage.count('groupCreated') === 2);
    stage.stream.add(fieldsOf('a', 2, { key: 'x' }));
    await until(() => handled.includes(2), 20_000);
  });

  test('whose entries are read again does not lose what is acknowledged afterwards', async () => {
    const { stage, handled } = await reading();
    const answer = gate();
    const sent: string[][] = [];
    stage.subscription.intercept.acknowledge = async (next, { ids }) => {
      sent.push([...ids]);
      if (sent.length === 1) await answer.promise;
      return next();
    };
    stage.stream.add(fieldsOf('a', 1), fieldsOf('a', 2));
    await until(() => sent.length === 1);
    // the group goes while an acknowledgement is on its way; everything is read again
    lose(stage, false);
    await until(() => stage.count('groupCreated') === 2 && handled.length === 4);
    answer.open();
    await until(() => stage.group.pending.size === 0, 30_000);
    expect(handled).toEqual([1, 2, 1, 2]);
  });

  test('is noticed by acknowledgements that match nothing', async () => {
    const { stage } = await reading();
    stage.subscription.intercept.read = (next) => (stage.stream.groups.size === 0 ? new Promise(() => {}) : next());
    stage.subscription.intercept.acknowledge = async () => {
      lose(stage);
      return { count: 0, effectiveWindowMs: null };
    };
    stage.stream.add(fieldsOf('a', 1));
    await until(() => stage.count('groupLost') === 1);
  });
});

describe("with onGroupLost 'resume'", () => {
  /** Where the group is created again after it was lost with so much of the stream left. */
  async function resumed(prepare: (stage: ConsumingStage, ids: string[]) => void, hold = false): Promise<unknown> {
    const stage = new ConsumingStage({ onGroupLost: 'resume', concurrency: 1 });
    const handled: unknown[] = [];
    const never = new Promise(() => {});
    const handler = ({ data }: ConsumedEvent) => {
      handled.push(data);
      return hold ? never : undefined;
    };
    await stage.consumer.subscribe('*', handler).start();
    const ids = stage.stream.add(fieldsOf('a', 1));
    await elapse(200_000);
    ids.push(...stage.stream.add(fieldsOf('a', 2)));
    await elapse(100);
    prepare(stage, ids);
    await until(() => stage.count('groupCreated') === 2);
    return stage.group.from;
  }

  const margin = (id: string) => ({ entryId: `${Number.parseInt(id, 10) - 60_000}-0` });

  test('goes on a minute before the last entry read, when nothing is open', async () => {
    let last = '';
    const from = await resumed((stage, ids) => {
      last = ids[1] ?? '';
      lose(stage, false);
    });
    expect(from).toEqual(margin(last));
  });

  test('goes on a minute before the oldest entry that is not settled', async () => {
    let oldest = '';
    const from = await resumed((stage, ids) => {
      oldest = ids[0] ?? '';
      lose(stage, false);
    }, true);
    expect(from).toEqual(margin(oldest));
  });

  test('begins at the beginning when the stream does not reach that far: it is another one, or an older copy', async () => {
    expect(
      await resumed((stage, ids) => {
        lose(stage, false);
        stage.stream.lastGeneratedId = ids[0] ?? '';
      }),
    ).toBe('beginning');
  });

  test('begins at the beginning when the stream is gone', async () => {
    expect(await resumed((stage) => lose(stage))).toBe('beginning');
  });

  test('begins at the beginning when nothing was read yet', async () => {
    const { stage } = await reading({ onGroupLost: 'resume', startFrom: 'latest' });
    stage.stream.lastGeneratedId = '1700000000000-0';
    lose(stage, false);
    await until(() => stage.count('groupCreated') === 2);
    expect([stage.group.from, stage.occurrences('groupLost')]).toEqual([
      'beginning',
      [expect.objectContaining({ from: 'beginning' })],
    ]);
  });

  test('never goes below the first id', async () => {
    const { stage, handled } = await reading({ onGroupLost: 'resume' });
    stage.stream.lastGeneratedId = '5-3';
    stage.stream.entries.push({ id: '5-3', fields: fieldsOf('a', 1) });
    stage.stream.byId.set('5-3', stage.stream.entries[0]!);
    for (const wake of [...stage.stream.waitingReads]) wake();
    await until(() => handled.length === 1);
    await elapse(100);
    lose(stage, false);
    await until(() => stage.count('groupCreated') === 2);
    expect(stage.group.from).toEqual({ entryId: '0-0' });
  });
});
