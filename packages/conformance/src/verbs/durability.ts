import assert from 'node:assert/strict';
import type { AppendAnswer, AppenderOptions, Durability, NewEntry, Stored, Transport } from '@events/core';
import { patienceMs } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { outcomeOf } from './outcome.js';

const timeoutMs = 3_000;
const withinMs = timeoutMs + patienceMs;

export const durabilityScenarios: readonly Scenario[] = [
  {
    name: 'durability: tells what the replicas have acknowledged, and that nobody can where there are none',
    async run(stage) {
      const stream = stage.stream();
      const replicas = Math.max(stage.replicas, 1);
      const appender = (await stage.transport()).appender(
        durably({ level: 'replicas', replicas, timeoutMs: stage.replicas > 0 ? timeoutMs : 100 }),
      );
      const answers = await appender.append(numbered(stream, 100), withinMs);
      if (await isUnsupported(stage, stream, answers)) return;
      for (const answer of answers) {
        const { isDuplicate, isDurable, replicas: reached } = storedIn(answer);
        assert.deepEqual([isDuplicate, isDurable, reached], [false, stage.replicas > 0, stage.replicas]);
      }
      await assertStoredAs(stage, stream, answers);
    },
  },
  {
    name: 'durability: more replicas than there are is a shortfall, and everything is stored',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.transport();
      const durability: Durability = { level: 'replicas', replicas: stage.replicas + 1, timeoutMs: 200 };
      const appender = transport.appender(durably(durability));
      const startedAt = performance.now();
      const calls = [0, 1].map(() => appender.append(numbered(stream, 3), withinMs));
      const answers = (await Promise.all(calls)).flat();
      if (await isUnsupported(stage, stream, answers)) return;
      assert.ok(performance.now() - startedAt >= 190, 'the replicas are given the time');
      for (const answer of answers) {
        const { isDuplicate, isDurable, replicas } = storedIn(answer);
        assert.deepEqual([isDuplicate, isDurable], [false, false]);
        assert.ok(replicas !== null && replicas <= stage.replicas, `${replicas} replicas have it`);
      }
      await assertStoredAs(stage, stream, answers);
    },
  },
  {
    name: 'durability: who waits for replicas holds up nobody else',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.transport();
      const durability: Durability = { level: 'replicas', replicas: stage.replicas + 1, timeoutMs };
      const plain = transport.appender(plainAppending);
      await plain.append(numbered(stream, 1), patienceMs);
      let isWaiting = true;
      const waiting = transport
        .appender(durably(durability))
        .append(numbered(stream, 1), withinMs)
        .finally(() => {
          isWaiting = false;
        });
      for (let round = 0; round < 5; round += 1)
        assert.equal(outcomeOf((await plain.append(numbered(stream, 1), patienceMs))[0]), 'stored');
      const heldUp = !isWaiting;
      if (outcomeOf((await waiting)[0]) === 'unsupported') return;
      assert.equal(heldUp, false, 'the plain entries are answered while the others wait');
    },
  },
  {
    name: 'durability: an entry that is refused is a failure, among others that are stored',
    async run(stage) {
      const stream = stage.stream();
      const durability: Durability = { level: 'replicas', replicas: Math.max(stage.replicas, 1), timeoutMs: 100 };
      const appender = (await stage.transport()).appender(durably(durability));
      const [zero, one, two] = numbered(stream, 3) as [NewEntry, NewEntry, NewEntry];
      const answers = await appender.append([zero, { ...one, fields: ['odd'] }, two], withinMs);
      if (await isUnsupported(stage, stream, answers)) return;
      assert.deepEqual(answers.map(outcomeOf), ['stored', 'invalid', 'stored']);
    },
  },
  {
    name: 'durability: a duplicate is told with what the replicas have',
    async run(stage) {
      const stream = stage.stream();
      const options: AppenderOptions = {
        durability: { level: 'replicas', replicas: Math.max(stage.replicas, 1), timeoutMs: 500 },
        idempotency: { windowMs: 60_000, maxEntries: 1_000, onShortened: () => {} },
      };
      const appender = (await stage.transport()).appender(options);
      const first = await appender.append(numbered(stream, 60), withinMs);
      if (await isUnsupported(stage, stream, first)) return;
      const again = await (await stage.open()).appender(options).append(numbered(stream, 60), withinMs);
      const reach = { isDurable: stage.replicas > 0, replicas: stage.replicas };
      assert.deepEqual(
        again,
        first.map((answer) => ({ entryId: storedIn(answer).entryId, isDuplicate: true, ...reach })),
      );
      await assertStoredAs(stage, stream, first);
    },
  },
  {
    name: 'durability: on disk is told where the server can say so, and otherwise nothing is sent',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.transport();
      const appender = transport.appender(durably({ level: 'fsync', replicas: 0, timeoutMs: 2_000 }));
      const calls = [0, 1].map(() => appender.append(numbered(stream, 3), withinMs));
      const answers = (await Promise.all(calls)).flat();
      if ((await transport.capabilities()).commands.WAITAOF === true) {
        for (const answer of answers) assert.equal(typeof storedIn(answer).isDurable, 'boolean');
        await assertStoredAs(stage, stream, answers);
      } else {
        assert.ok(await isUnsupported(stage, stream, answers, 'fsync'), 'it is refused');
      }
    },
  },
];

function durably(durability: Durability): AppenderOptions {
  return { ...plainAppending, durability };
}

function numbered(stream: string, count: number): readonly NewEntry[] {
  return Array.from({ length: count }, (_, number) => ({
    stream,
    id: `event ${number}`,
    fields: ['number', `${number}`],
  }));
}

/** Whether all is refused as unsupported, which only a broker without replicas may do, and then without storing any. */
async function isUnsupported(
  stage: Stage,
  stream: string,
  answers: readonly AppendAnswer[],
  level = 'replicas',
): Promise<boolean> {
  const outcomes = new Set(answers.map(outcomeOf));
  if (!outcomes.has('unsupported')) return false;
  assert.equal(outcomes.size, 1, 'all of it is refused');
  if (level === 'replicas') assert.equal(stage.replicas, 0, 'there are replicas to ask');
  for (const answer of answers)
    assert.match(typeof answer === 'object' && 'kind' in answer ? answer.cause.message : '', /\w{3}/);
  const transport: Transport = await stage.transport();
  assert.equal(await transport.inspector().describe(stream), undefined);
  return true;
}

function storedIn(answer: AppendAnswer): Stored {
  assert.ok(typeof answer === 'object' && 'entryId' in answer, `stored with more to say, and not ${outcomeOf(answer)}`);
  return answer;
}

async function assertStoredAs(stage: Stage, stream: string, answers: readonly AppendAnswer[]): Promise<void> {
  const entries = await (await stage.transport()).inspector().range(stream, '-', '+', 1_000);
  assert.deepEqual(
    entries.map(({ id }) => id),
    answers.map((answer) => storedIn(answer).entryId),
  );
}
