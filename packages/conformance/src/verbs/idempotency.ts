import assert from 'node:assert/strict';
import type { AppendAnswer, Appender, AppenderOptions, Fields, Idempotency, NewEntry, Transport } from '@events/core';
import { patienceMs, until } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { outcomeOf } from './outcome.js';

const hourMs = 3_600_000;

/** How an appender stores that stores each event once. */
function once(changes: Partial<Idempotency> = {}): AppenderOptions {
  const idempotency = { windowMs: hourMs, maxEntries: 100_000, onShortened: () => {}, ...changes };
  return { ...plainAppending, idempotency };
}

export const idempotencyScenarios: readonly Scenario[] = [
  {
    name: 'idempotency: an event is stored once, and the answer to the next call is the entry of then',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(once());
      const [first] = await appender.append(numbered(stream, 1), patienceMs);
      assert.deepEqual(told([first]), [['stored', true]]);
      const entryId = entryIdIn(first);
      for (let round = 0; round < 3; round += 1) {
        const [answer] = await appender.append(numbered(stream, 1), patienceMs);
        assert.deepEqual(answer, { entryId, isDuplicate: true, isDurable: true, replicas: null });
      }
      assert.deepEqual(await stored(stage, stream), [[entryId, '0']]);
    },
  },
  {
    name: 'idempotency: an event is stored once, whoever sends it, and all are told the same entry',
    async run(stage) {
      const stream = stage.stream();
      const transports = await Promise.all([stage.transport(), stage.open(), stage.open()]);
      const appenders = transports.flatMap((transport) => [transport.appender(once()), transport.appender(once())]);
      const calls = appenders.map((appender) => appender.append(numbered(stream, 20), patienceMs));
      const answers = await Promise.all(calls);
      for (let number = 0; number < 20; number += 1) {
        const own = answers.map((each) => each[number]);
        assert.equal(new Set(own.map(entryIdIn)).size, 1, `every answer for event ${number} names one entry`);
        assert.equal(own.filter(isDuplicate).length, appenders.length - 1, `one of them stored event ${number}`);
      }
      assert.equal((await stored(stage, stream)).length, 20);
    },
  },
  {
    name: 'idempotency: an event that is there twice in one call is stored once',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(once());
      const [zero, one] = numbered(stream, 2) as [NewEntry, NewEntry];
      const answers = await appender.append([zero, one, zero, one, one], patienceMs);
      assert.deepEqual(answers.map(isDuplicate), [false, false, true, true, true]);
      const [first = '', second = ''] = answers.map(entryIdIn);
      assert.deepEqual(answers.map(entryIdIn), [first, second, first, second, second]);
      assert.deepEqual(await stored(stage, stream), [
        [first, '0'],
        [second, '1'],
      ]);
    },
  },
  {
    name: 'idempotency: is of an appender that was asked for it, and of one stream',
    async run(stage) {
      const [stream, other] = [stage.stream(), stage.stream()];
      const transport = await stage.transport();
      const careful = transport.appender(once());
      const entries = [...numbered(stream, 2), ...numbered(other, 2)];
      assert.deepEqual((await careful.append(entries, patienceMs)).map(isDuplicate), [false, false, false, false]);
      const plain = await transport.appender(plainAppending).append(numbered(stream, 2), patienceMs);
      assert.deepEqual(
        plain.map((answer) => typeof answer),
        ['string', 'string'],
      );
      assert.deepEqual([(await stored(stage, stream)).length, (await stored(stage, other)).length], [4, 2]);
    },
  },
  {
    name: 'idempotency: entries are stored in the order given, and answered at their index, duplicates among them',
    async run(stage) {
      const streams = [stage.stream(), stage.stream(), stage.stream()];
      const appender = (await stage.transport()).appender(once());
      const all = Array.from({ length: 600 }, (_, number) => numberedEntry(streams[number % 3] ?? '', number));
      const early = all.filter((_, number) => number % 7 === 0);
      const before = new Map<string, string>();
      for (const [index, answer] of (await appender.append(early, patienceMs)).entries())
        before.set(early[index]?.id ?? '', entryIdIn(answer));
      const calls = [all.slice(0, 250), all.slice(250, 251), all.slice(251)].map((part) =>
        appender.append(part, patienceMs),
      );
      const answers = (await Promise.all(calls)).flat();
      for (const [number, answer] of answers.entries()) {
        const known = before.get(all[number]?.id ?? '');
        assert.equal(isDuplicate(answer), known !== undefined, `event ${number} is a duplicate or not`);
        if (known !== undefined) assert.equal(entryIdIn(answer), known);
      }
      for (const [index, stream] of streams.entries()) {
        const inOrder = (await stored(stage, stream)).map(([, number]) => Number(number));
        const own = all.map((_, number) => number).filter((number) => number % 3 === index);
        const expected = [...own.filter((number) => number % 7 === 0), ...own.filter((number) => number % 7 !== 0)];
        assert.deepEqual(inOrder, expected);
      }
    },
  },
  {
    name: 'idempotency: what is stored is what was given, under whatever event id',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(once());
      const ids = ['__proto__', 'constructor', ' ', 'a\r\nb', '\u0000', '😀', '1', '-1', 'x'.repeat(2_000), '{a}', '*'];
      const fields = (id: string): Fields => ['same', '1', 'same', id, '', Uint8Array.of(0xff, 0, 0xc3), 'big', big];
      const entries = ids.map((id) => ({ stream, id, fields: fields(id) }));
      assert.deepEqual(
        (await appender.append(entries, patienceMs)).map(isDuplicate),
        ids.map(() => false),
      );
      assert.deepEqual(
        (await appender.append(entries, patienceMs)).map(isDuplicate),
        ids.map(() => true),
      );
      const range = await (await stage.transport()).inspector().range(stream, '-', '+', 100);
      assert.deepEqual(
        range.map((entry) => entry.fields?.map(plain)),
        ids.map((id) => fields(id).map(plain)),
      );
    },
  },
  {
    name: 'idempotency: an entry that is refused is not known, and stops no other',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(once());
      const [zero, one, two] = numbered(stream, 3) as [NewEntry, NewEntry, NewEntry];
      const answers = await appender.append(
        [zero, { ...one, fields: ['odd'] }, two, { ...one, fields: [] }],
        patienceMs,
      );
      assert.deepEqual(answers.map(outcomeOf), ['stored', 'invalid', 'stored', 'invalid']);
      const again = await appender.append([zero, one, two], patienceMs);
      assert.deepEqual(again.map(isDuplicate), [true, false, true]);
      assert.deepEqual(
        (await stored(stage, stream)).map(([, number]) => number),
        ['0', '2', '1'],
      );
    },
  },
  {
    name: 'idempotency: an event is stored again once the window has passed, and not before',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(once({ windowMs: 400 }));
      const [first] = await appender.append(numbered(stream, 1), patienceMs);
      const next = await until('the window has passed', async () => {
        const [answer] = await appender.append(numbered(stream, 1), patienceMs);
        return isDuplicate(answer) ? undefined : answer;
      });
      const passedMs = unixMsOf(entryIdIn(next)) - unixMsOf(entryIdIn(first));
      assert.ok(passedMs >= 400, `the event is stored again after ${passedMs} ms`);
      assert.equal((await stored(stage, stream)).length, 2);
      const [again] = await appender.append(numbered(stream, 1), patienceMs);
      assert.equal(entryIdIn(again), entryIdIn(next));
    },
  },
  {
    name: 'idempotency: remembers maxEntries events, and says nothing as long as these are all',
    async run(stage) {
      const stream = stage.stream();
      const shortened: unknown[] = [];
      const onShortened = (...notice: unknown[]) => shortened.push(notice);
      const appender = (await stage.transport()).appender(once({ maxEntries: 3_000, onShortened }));
      const entries = numbered(stream, 3_000);
      const ids = await appendInParts(appender, entries, 700);
      const again = await appendInParts(appender, entries, 1_100);
      assert.ok(again.every(isDuplicate), 'every event is known');
      assert.deepEqual(again.map(entryIdIn), ids.map(entryIdIn));
      assert.equal((await stored(stage, stream)).length, 3_000);
      assert.deepEqual(shortened, []);
    },
  },
  {
    name: 'idempotency: of more than maxEntries events the oldest are forgotten early, which is told once a minute',
    async run(stage) {
      const stream = stage.stream();
      const shortened: [string, number][] = [];
      const onShortened = (...notice: [string, number]) => shortened.push(notice);
      const transport = await stage.transport();
      const appender = transport.appender(once({ maxEntries: 400, onShortened }));
      const entries = numbered(stream, 1_200);
      await appendInParts(appender, entries, 100);
      assert.deepEqual(
        shortened.map(([where]) => where),
        [stream],
      );
      const [[, effectiveWindowMs] = ['', -1]] = shortened;
      assert.ok(effectiveWindowMs >= 0 && effectiveWindowMs < hourMs, `${effectiveWindowMs} ms are left`);
      // a look changes nothing: what is looked for is known, or would have to be stored
      const latest = await appender.append(entries.slice(-200), patienceMs);
      assert.ok(latest.every(isDuplicate), 'the newest half of what may be remembered is');
      const [oldest] = await appender.append(entries.slice(0, 1), patienceMs);
      assert.equal(isDuplicate(oldest), false);
    },
  },
  {
    name: 'idempotency: with connections breaking, what is unknown is sent again and stored once',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.open();
      const appender = transport.appender(once());
      const known = new Map<string, string>();
      for (let round = 0; round < 12; round += 1) {
        const entries = Array.from({ length: 60 }, (_, index) => numberedEntry(stream, round * 60 + index));
        const appending = appender.append(entries, patienceMs);
        if (round % 2 === 1) await stage.faults.killConnections();
        let missing = noteStored(known, entries, await appending);
        while (missing.length > 0) missing = noteStored(known, missing, await appender.append(missing, patienceMs));
      }
      const entries = await stored(stage, stream);
      assert.equal(entries.length, 720);
      assert.deepEqual(new Map(entries.map(([id, number]) => [`event ${number}`, id])), known);
    },
  },
  {
    name: 'idempotency: what a server that froze did not answer is stored once when it is sent again',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.open();
      const appender = transport.appender(once());
      await appender.append(numbered(stream, 1), patienceMs);
      await stage.faults.freeze();
      let answers: readonly AppendAnswer[];
      try {
        answers = await appender.append(numbered(stream, 5), 300);
      } finally {
        await stage.faults.thaw();
      }
      assert.deepEqual(new Set(answers.map(outcomeOf)), new Set(['unknown']));
      await until('all are stored', async () => {
        const again = await appender.append(numbered(stream, 5), patienceMs);
        return again.every((answer) => outcomeOf(answer) === 'stored');
      });
      assert.deepEqual(
        (await stored(stage, stream)).map(([, number]) => number),
        ['0', '1', '2', '3', '4'],
      );
    },
  },
  {
    name: 'idempotency: everything lost: events are stored again',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(once());
      await appender.append(numbered(stream, 10), patienceMs);
      await stage.faults.loseEverything();
      const answers = await appender.append(numbered(stream, 10), patienceMs);
      assert.deepEqual(
        answers.map(isDuplicate),
        answers.map(() => false),
      );
      assert.equal((await stored(stage, stream)).length, 10);
    },
  },
];

const big = 'y'.repeat(70_000);

function numberedEntry(stream: string, number: number): NewEntry {
  return { stream, id: `event ${number}`, fields: ['number', `${number}`] };
}

function numbered(stream: string, count: number): readonly NewEntry[] {
  return Array.from({ length: count }, (_, number) => numberedEntry(stream, number));
}

/** Ids and numbers of the entries in `stream`. */
async function stored(stage: Stage, stream: string): Promise<readonly (readonly [string, unknown])[]> {
  const transport: Transport = await stage.transport();
  const entries = await stage.persist(() => transport.inspector().range(stream, '-', '+', 10_000));
  return entries.map(({ id, fields }) => [id, fields?.[1]]);
}

async function appendInParts(
  appender: Appender,
  entries: readonly NewEntry[],
  size: number,
): Promise<readonly AppendAnswer[]> {
  const answers: AppendAnswer[] = [];
  for (let from = 0; from < entries.length; from += size)
    answers.push(...(await appender.append(entries.slice(from, from + size), patienceMs)));
  return answers;
}

/** Notes under which id each event is stored, which never changes, and gives those of which nothing is known. */
function noteStored(
  known: Map<string, string>,
  entries: readonly NewEntry[],
  answers: readonly AppendAnswer[],
): readonly NewEntry[] {
  return entries.filter(({ id }, index) => {
    const outcome = outcomeOf(answers[index]);
    if (outcome !== 'stored') {
      assert.ok(['unknown', 'offline'].includes(outcome), `${outcome} is no answer of a connection that broke`);
      return true;
    }
    const entryId = entryIdIn(answers[index]);
    assert.equal(known.get(id) ?? entryId, entryId);
    known.set(id, entryId);
    return false;
  });
}

function told(answers: readonly (AppendAnswer | undefined)[]): readonly (readonly [string, boolean])[] {
  return answers.map((answer) => [outcomeOf(answer), !isDuplicate(answer)]);
}

function entryIdIn(answer: AppendAnswer | undefined): string {
  if (typeof answer === 'string') return answer;
  assert.ok(answer !== undefined && 'entryId' in answer, `an entry is stored, and not ${outcomeOf(answer)}`);
  return answer.entryId;
}

function isDuplicate(answer: AppendAnswer | undefined): boolean {
  return typeof answer === 'object' && 'entryId' in answer && answer.isDuplicate;
}

function unixMsOf(entryId: string): number {
  return Number(entryId.split('-')[0]);
}

/** In a form that `deepEqual` compares by content, whatever class the bytes have. */
function plain(value: string | Uint8Array): string | number[] {
  return typeof value === 'string' ? value : [...value];
}
