import { describe, expect, test } from '@jest/globals';
import type { ConsumedEvent, ConsumerOptions, FailureKind, Fields, StandardSchema } from '../src/index.js';
import { ConsumingStage, fieldsOf, gate } from './support/consuming.js';
import { StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

async function hopeless(
  options: Partial<ConsumerOptions> = {},
  thrown: { readonly error: unknown } = { error: new RangeError('no use') },
) {
  const stage = new ConsumingStage({ recoveryStrategy: 'none', consumer: 'worker-1', ...options });
  const handled: unknown[] = [];
  const handler = ({ data }: ConsumedEvent) => {
    handled.push(data);
    if (data !== 'good') throw thrown.error;
  };
  await stage.consumer.subscribe('a', handler).start();
  return { stage, handled };
}

function provenanceOf(stage: ConsumingStage, index = 0): Record<string, unknown> {
  const [name, json] = stage.subscription.deadLettered[index]?.provenance ?? [];
  expect(name).toBe('deadLetter');
  return JSON.parse(String(json));
}

describe('a dead letter', () => {
  test('goes to a stream beside the one read, in one step, with everything that is known', async () => {
    const { stage } = await hopeless({ streamPrefix: 'prod' });
    const stream = stage.transport.server.stream('prod:orders');
    const now = Date.now();
    const [id = ''] = stream.add(fieldsOf('a', { password: 'swordfish' }, { id: 'event-9', key: 'k' }));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.subscription.deadLettered).toEqual([
      { id, stream: '{prod:orders}:dlq', provenance: ['deadLetter', expect.any(String)] },
    ]);
    expect(provenanceOf(stage)).toEqual({
      reason: 'retries-exhausted',
      error: { name: 'RangeError', message: 'no use', stack: expect.stringContaining('RangeError: no use') },
      attempts: 1,
      stream: 'prod:orders',
      entryId: id,
      group: 'billing',
      consumer: 'worker-1',
      firstFailureTime: new Date(now).toISOString(),
      lastFailureTime: new Date(now).toISOString(),
    });
    expect(JSON.stringify(stage.subscription.deadLettered)).not.toContain('swordfish');
    expect(stage.occurrences('deadLettered')).toEqual([
      {
        stream: 'prod:orders',
        group: 'billing',
        entryId: id,
        event: { id: 'event-9', type: 'a', key: 'k' },
        reason: 'retries-exhausted',
        attempts: 1,
        deadLetterStream: '{prod:orders}:dlq',
        error: expect.any(RangeError),
      },
    ]);
    expect(stage.subscription.calls.acknowledge).toEqual([]);
  });

  test.each<[Partial<ConsumerOptions>, string]>([
    [{ stream: 'x{eu}:orders' }, 'x{eu}:orders:dlq'],
    [{ deadLetter: { stream: 'failed' } }, 'failed'],
    [{ deadLetter: { stream: 'failed' }, streamPrefix: 'prod' }, 'prod:failed'],
  ])('with %j goes to %s', async (options, target) => {
    const { stage } = await hopeless(options);
    stage.subscription.stream.add(fieldsOf('a'));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.subscription.deadLettered[0]?.stream).toBe(target);
  });

  test('remembers when the event failed first, and how often', async () => {
    const { stage } = await hopeless({ recoveryStrategy: () => 1_000, maxRetries: 2 });
    const now = Date.now();
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('deadLettered') === 1);
    const provenance = provenanceOf(stage);
    expect(provenance).toMatchObject({ attempts: 3, firstFailureTime: new Date(now).toISOString() });
    expect(Date.parse(String(provenance.lastFailureTime))).toBeGreaterThanOrEqual(now + 2_000);
  });

  test.each<[string, unknown, object]>([
    ['a text', 'no use', { name: 'string', message: 'no use' }],
    ['nothing', undefined, { name: 'undefined', message: 'undefined' }],
    ['what has no text', Object.create(null), { name: expect.any(String), message: expect.any(String) }],
  ])('of a handler that threw %s says what can be said', async (_name, thrown, error) => {
    const { stage } = await hopeless({}, { error: thrown });
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('deadLettered') === 1);
    expect(provenanceOf(stage).error).toEqual(error);
  });

  test.each<FailureKind>(['offline', 'refused', 'unknown', 'denied', 'invalid'])(
    'that the server does not take (%s) is tried until it does, told once, and acknowledged never',
    async (kind) => {
      const { stage, handled } = await hopeless();
      let refusals = 0;
      stage.subscription.intercept.deadLetter = (next) => {
        refusals += 1;
        return refusals <= 8 ? Promise.reject(new StubFailure(kind)) : next();
      };
      stage.stream.add(fieldsOf('a', 'bad'), fieldsOf('a', 'good'));
      await elapse(1_000);
      expect([handled, stage.count('deadLettered'), stage.group.pending.size]).toEqual([['bad', 'good'], 0, 1]);
      await until(() => stage.count('deadLettered') === 1);
      expect([stage.count('error'), refusals]).toEqual([1, 9]);
    },
  );

  test('that cannot be moved because the entry was deleted is announced as lost', async () => {
    const { stage } = await hopeless();
    stage.subscription.intercept.deadLetter = (next, id) => {
      stage.stream.trim(id);
      return next();
    };
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('lostByTrim') === 1);
    expect(stage.count('deadLettered')).toBe(0);
  });

  test('that another consumer owns by now is announced as such', async () => {
    const { stage } = await hopeless();
    stage.subscription.intercept.deadLetter = async () => 'not-owned';
    stage.stream.add(fieldsOf('a'));
    await until(() => stage.count('leaseLost') === 1);
    expect(stage.count('deadLettered')).toBe(0);
  });

  test('in great number that cannot be moved stops the reading, and says so', async () => {
    const { stage } = await hopeless();
    const answer = gate();
    stage.subscription.intercept.deadLetter = async (next) => {
      await answer.promise;
      return next();
    };
    for (let page = 0; page < 23; page += 1) stage.stream.add(...Array.from({ length: 500 }, () => ['not', 'ours']));
    await elapse(3_000);
    expect(stage.group.position).toBeLessThanOrEqual(10_500);
    await until(() => stage.count('backpressure') > 0);
    expect(stage.occurrences('backpressure')).toContainEqual(expect.objectContaining({ reason: 'unacknowledged' }));
    answer.open();
    await until(() => stage.group.pending.size === 0 && stage.group.position === 11_500);
    await elapse(1_100);
    expect(stage.occurrences('recovered')).toContainEqual(expect.objectContaining({ reason: 'unacknowledged' }));
  });
});

describe('with deadLetter false', () => {
  test('what failed for good stays pending and is reported as stalled; its key goes on', async () => {
    const { stage, handled } = await hopeless({ deadLetter: false, ordering: 'key' });
    const ids = stage.stream.add(fieldsOf('a', 'bad', { key: 'x' }), fieldsOf('a', 'good', { key: 'x' }), [
      'not',
      'ours',
    ]);
    await elapse(60_000);
    expect(handled).toEqual(['bad', 'good']);
    expect(stage.occurrences('stalled')).toEqual([
      expect.objectContaining({ entryId: ids[2], reason: 'undecodable', event: undefined }),
      expect.objectContaining({ entryId: ids[0], reason: 'retries-exhausted', error: expect.any(RangeError) }),
    ]);
    expect([...stage.group.pending.keys()].sort()).toEqual([ids[0], ids[2]].sort());
    expect(stage.group.acknowledged).toEqual([ids[1]]);
    expect(stage.subscription.calls.deadLetter).toEqual([]);
  });

  test('it is kept alive, so that nobody tries it again', async () => {
    const { stage } = await hopeless({ deadLetter: false, claimIdleMs: 3_000 });
    const [id = ''] = stage.stream.add(fieldsOf('a', 'bad'));
    await elapse(30_000);
    expect(Date.now() - (stage.group.pending.get(id)?.touchedAtMs ?? 0)).toBeLessThan(2_500);
  });
});

describe('an entry that is no event goes to the dead letters with a reason, and the loop goes on', () => {
  test.each<[string, Fields]>([
    ['another format', ['not', 'ours']],
    ['nothing at all', []],
    ['missing fields', ['id', '1', 'type', 'a']],
    ['invalid JSON', ['id', '1', 'type', 'a', 'meta', '{}', 'data', '{']],
    ['binary', ['id', '1', 'type', 'a', 'meta', '{}', 'data', new Uint8Array([0xff, 0xfe])]],
    ['__proto__', ['id', '1', 'type', 'a', 'meta', '{}', 'data', '{"__proto__":{}}']],
  ])('%s', async (_name, fields) => {
    const { stage, handled } = await hopeless();
    stage.stream.add(fields, fieldsOf('a', 'good'));
    await until(() => stage.count('deadLettered') === 1 && handled.length === 1);
    expect(stage.occurrences('deadLettered')).toEqual([
      expect.objectContaining({
        reason: 'undecodable',
        attempts: 0,
        error: expect.objectContaining({ code: 'EVENTS_UNDECODABLE' }),
      }),
    ]);
  });
});

describe('data that does not match its contract', () => {
  const contract: StandardSchema = {
    '~standard': {
      version: 1,
      vendor: 'tests',
      validate: (value) =>
        value === 'good' ? { value: 'GOOD' } : { issues: [{ message: 'is bad', path: ['deep', 'down'] }] },
    },
  };
  const asynchronous: StandardSchema = {
    '~standard': { ...contract['~standard'], validate: async (value) => contract['~standard'].validate(value) },
  };
  const failing = (validate: StandardSchema['~standard']['validate']): StandardSchema => ({
    '~standard': { version: 1, vendor: 'tests', validate },
  });

  async function typed(schema: StandardSchema) {
    const stage = new ConsumingStage({ events: { a: schema } });
    const handled: unknown[] = [];
    await stage.consumer.subscribe('a', ({ data }) => void handled.push(data)).start();
    return { stage, handled };
  }

  test.each([
    ['synchronous', contract],
    ['asynchronous', asynchronous],
  ])(
    'of a %s schema goes to the dead letters at once, and what matches is given as the schema makes it',
    async (_name, schema) => {
      const { stage, handled } = await typed(schema);
      stage.stream.add(fieldsOf('a', 'swordfish', { id: 'e-1' }), fieldsOf('a', 'good'));
      await until(() => stage.count('deadLettered') === 1 && handled.length === 1);
      expect(handled).toEqual(['GOOD']);
      expect(stage.occurrences('validationFailed')).toEqual([
        expect.objectContaining({
          event: { id: 'e-1', type: 'a', key: undefined },
          error: expect.objectContaining({ code: 'EVENTS_VALIDATION' }),
        }),
      ]);
      expect(stage.occurrences('deadLettered')).toEqual([
        expect.objectContaining({ reason: 'validation', attempts: 0 }),
      ]);
      expect(provenanceOf(stage)).toMatchObject({
        reason: 'validation',
        issues: [{ path: 'deep.down', message: 'is bad' }],
      });
      expect(JSON.stringify(stage.subscription.deadLettered)).not.toContain('swordfish');
    },
  );

  test.each<[string, StandardSchema]>([
    [
      'throws',
      failing(() => {
        throw new Error('broken schema');
      }),
    ],
    ['rejects', failing(() => Promise.reject(new Error('broken schema')))],
    ['answers nothing', failing(() => undefined as never)],
  ])('goes there too when the schema %s', async (_name, schema) => {
    const { stage } = await typed(schema);
    stage.stream.add(fieldsOf('a', 'swordfish'));
    await until(() => stage.count('deadLettered') === 1);
    expect(stage.occurrences('deadLettered')).toEqual([expect.objectContaining({ reason: 'validation' })]);
    expect(JSON.stringify(stage.subscription.deadLettered)).not.toContain('swordfish');
  });

  test('keeps the order of a key, whichever schema answers first', async () => {
    const slowFirst = failing(
      (value) => new Promise((resolve) => setTimeout(() => resolve({ value }), value === 1 ? 50 : 1)),
    );
    const stage = new ConsumingStage({ events: { a: slowFirst }, ordering: 'key' });
    const handled: unknown[] = [];
    await stage.consumer.subscribe('a', ({ data }) => void handled.push(data)).start();
    stage.stream.add(...[1, 2, 3].map((data) => fieldsOf('a', data, { key: 'k' })));
    await until(() => handled.length === 3);
    expect(handled).toEqual([1, 2, 3]);
  });
});

test('what a consumer was given by mistake of the server, without fields, is announced and acknowledged', async () => {
  const { stage, handled } = await hopeless();
  stage.subscription.intercept.read = async (next) =>
    (await next()).map((entry, index) => (index === 0 ? { ...entry, fields: null } : entry));
  const ids = stage.stream.add(fieldsOf('a', 'good'), fieldsOf('a', 'good'));
  await elapse(1_500);
  stage.stream.add(fieldsOf('a', 'good'), fieldsOf('a', 'good'));
  await until(() => stage.count('lostByTrim') >= 1);
  await elapse(100);
  await turn();
  expect(handled.length).toBeGreaterThanOrEqual(1);
  expect(ids.length + 2).toBe(handled.length + stage.count('lostByTrim'));
  expect(stage.group.pending.size).toBe(0);
});
