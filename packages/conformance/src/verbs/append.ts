import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { AppendAnswer, Failure, Fields } from '@events/core';
import { patienceMs, within } from '../patience.js';
import { plainAppending } from '../plain-appending.js';
import type { Scenario } from '../scenario.js';
import { outcomeOf } from './outcome.js';

/** Values that something between here and the server may spoil. */
const awkwardText = [
  '',
  ' ',
  '__proto__',
  'constructor',
  '"quoted"',
  "it's",
  'a\r\nb',
  '\u0000',
  '\uFEFFmark',
  '😀 ünïcode',
  '*',
  '-1',
  '1e3',
];
const notText = [
  Uint8Array.of(0xff, 0xfe, 0x00),
  Uint8Array.of(0xc3),
  Uint8Array.from({ length: 256 }, (_, index) => index),
];

export const appendScenarios: readonly Scenario[] = [
  {
    name: 'append: answers each entry at its index with the id under which it is stored',
    async run(stage) {
      const [orders, payments] = [stage.stream(), stage.stream()];
      const appender = (await stage.transport()).appender(plainAppending);
      const answers = await appender.append(
        [orders, payments, orders, payments, orders].map((stream, index) => ({
          stream,
          id: 'any',
          fields: ['number', `${index}`],
        })),
        patienceMs,
      );
      const inspector = (await stage.transport()).inspector();
      const numbersIn = async (stream: string) =>
        (await inspector.range(stream, '-', '+', 10)).map(({ id, fields }) => [id, fields?.[1]]);
      const [first, second, third, fourth, fifth] = answers;
      assert.deepEqual(await numbersIn(orders), [
        [first, '0'],
        [third, '2'],
        [fifth, '4'],
      ]);
      assert.deepEqual(await numbersIn(payments), [
        [second, '1'],
        [fourth, '3'],
      ]);
    },
  },
  {
    name: 'append: stores the entries of one call in the order given',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 1_000);
      const stored = await (await stage.transport()).inspector().range(stream, '-', '+', 2_000);
      assert.deepEqual(
        stored.map(({ fields }) => Number(fields?.[1])),
        Array.from({ length: 1_000 }, (_, index) => index),
      );
      assert.deepEqual(
        stored.map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: 'append: stores the entries of calls in succession in the order of the calls',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.transport();
      const appender = transport.appender(plainAppending);
      const calls = Array.from({ length: 100 }, (_, call) => {
        const entries = Array.from({ length: 1 + (call % 3) }, (_, index) => ({
          stream,
          id: 'any',
          fields: ['at', `${call}.${index}`],
        }));
        return appender.append(entries, patienceMs);
      });
      const answers = (await Promise.all(calls)).flat();
      const stored = await transport.inspector().range(stream, '-', '+', 1_000);
      assert.deepEqual(
        stored.map(({ id }) => id),
        answers,
      );
      const places = stored.map(({ fields }) => Number(fields?.[1]));
      assert.deepEqual(
        places,
        [...places].sort((left, right) => left - right),
      );
    },
  },
  {
    name: 'append: gives ids that rise',
    async run(stage) {
      const stream = stage.stream();
      const ids = [...(await stage.fill(stream, 50)), ...(await stage.fill(stream, 50))].map((id) =>
        id.split('-').map(BigInt),
      );
      for (const [index, [milliseconds = 0n, sequence = 0n]] of ids.entries()) {
        const [earlierMilliseconds = 0n, earlierSequence = 0n] = ids[index - 1] ?? [];
        const isHigher =
          milliseconds === earlierMilliseconds ? sequence > earlierSequence : milliseconds > earlierMilliseconds;
        assert.ok(isHigher, `${milliseconds}-${sequence} is above ${earlierMilliseconds}-${earlierSequence}`);
      }
    },
  },
  {
    name: 'append: keeps text as text, and bytes that are no text as bytes',
    async run(stage) {
      const stream = stage.stream();
      const asValues: Fields = [...awkwardText, ...notText].flatMap((value, index) => [`name ${index}`, value]);
      const asNames: Fields = [...awkwardText, ...notText].flatMap((value) => [value, 'value']);
      await stage.append(stream, asValues, asNames);
      const stored = await (await stage.transport()).inspector().range(stream, '-', '+', 2);
      assert.deepEqual(
        stored.map(({ fields }) => fields?.map(plain)),
        [asValues.map(plain), asNames.map(plain)],
      );
    },
  },
  {
    name: 'append: gives bytes that are text back as text',
    async run(stage) {
      const stream = stage.stream();
      const words = ['plain', '\uFEFFmark', '😀'];
      await stage.append(
        stream,
        words.flatMap((word) => [word, new TextEncoder().encode(word)]),
      );
      const [entry] = await (await stage.transport()).inspector().range(stream, '-', '+', 1);
      assert.deepEqual(
        entry?.fields,
        words.flatMap((word) => [word, word]),
      );
    },
  },
  {
    name: 'append: keeps names that repeat, in stored order',
    async run(stage) {
      const stream = stage.stream();
      const fields = ['b', '1', 'a', '2', 'b', '3', 'b', '1'];
      await stage.append(stream, fields);
      const [entry] = await (await stage.transport()).inspector().range(stream, '-', '+', 1);
      assert.deepEqual(entry?.fields, fields);
    },
  },
  {
    name: 'append: stores a value of a mebibyte',
    async run(stage) {
      const stream = stage.stream();
      const value = 'x'.repeat(1_048_576);
      await stage.append(stream, ['data', value]);
      const [entry] = await (await stage.transport()).inspector().range(stream, '-', '+', 1);
      assert.ok(entry?.fields?.[1] === value, 'the value comes back as it was');
    },
  },
  {
    name: 'append: stores ten thousand entries of one call',
    async run(stage) {
      const stream = stage.stream();
      const ids = await stage.fill(stream, 10_000);
      assert.equal(new Set(ids).size, 10_000);
      assert.equal((await stage.describe(stream)).length, 10_000);
    },
  },
  {
    name: 'append: answers no entries with no answers',
    async run(stage) {
      assert.deepEqual(await (await stage.transport()).appender(plainAppending).append([], patienceMs), []);
    },
  },
  {
    name: 'append: an entry that is refused stops no other',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(plainAppending);
      const all: Fields[] = [['number', '0'], [], ['number', '1'], ['odd'], ['number', '2']];
      const answers = await appender.append(
        all.map((fields) => ({ stream, id: 'any', fields })),
        patienceMs,
      );
      assert.deepEqual(answers.map(outcomeOf), ['stored', 'invalid', 'stored', 'invalid', 'stored']);
      const stored = await (await stage.transport()).inspector().range(stream, '-', '+', 10);
      assert.deepEqual(
        stored.map(({ id }) => id),
        answers.filter((answer) => typeof answer === 'string'),
      );
    },
  },
  {
    name: 'append: a failure tells nothing of what was to be stored',
    async run(stage) {
      const appender = (await stage.transport()).appender(plainAppending);
      const [answer] = await appender.append(
        [{ stream: stage.stream(), id: 'any', fields: ['secret-name', 'secret-value', 'odd'] }],
        patienceMs,
      );
      const failure = failureIn(answer);
      assert.ok(failure.cause instanceof Error);
      assert.doesNotMatch(inspect(failure, { depth: 10, showHidden: true }), /secret/);
    },
  },
  {
    name: 'append: never rejects, not even after close',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(plainAppending);
      await appender.close();
      const answers = await appender.append(
        [
          { stream, id: 'any', fields: ['a', 'b'] },
          { stream, id: 'any', fields: ['a', 'b'] },
        ],
        patienceMs,
      );
      assert.deepEqual(answers.map(outcomeOf), ['closed', 'closed']);
      assert.equal(await (await stage.transport()).inspector().describe(stream), undefined);
    },
  },
  {
    name: 'append: appenders of several transports share a stream',
    async run(stage) {
      const stream = stage.stream();
      const appenders = await Promise.all([stage.open(), stage.open(), stage.open()]).then((all) =>
        all.map((each) => each.appender(plainAppending)),
      );
      const calls = appenders.flatMap((appender) =>
        Array.from({ length: 20 }, () => appender.append([{ stream, id: 'any', fields: ['a', 'b'] }], patienceMs)),
      );
      const ids = (await Promise.all(calls)).flat().filter((answer) => typeof answer === 'string');
      assert.equal(new Set(ids).size, 60);
      assert.equal((await stage.describe(stream)).length, 60);
    },
  },
  {
    name: 'appender.close: ends the handle once the calls under way are answered',
    async run(stage) {
      const stream = stage.stream();
      const appender = (await stage.transport()).appender(plainAppending);
      const underWay = appender.append([{ stream, id: 'any', fields: ['a', 'b'] }], patienceMs);
      await within(patienceMs, 'closing an appender', appender.close());
      assert.deepEqual((await underWay).map(outcomeOf), ['stored']);
      await appender.close();
    },
  },
];

/** In a form that `deepEqual` compares by content, whatever class the bytes have. */
function plain(value: string | Uint8Array): string | number[] {
  return typeof value === 'string' ? value : [...value];
}

function failureIn(answer: AppendAnswer | undefined): Failure {
  assert.ok(typeof answer === 'object' && 'kind' in answer, 'the entry is refused');
  return answer;
}
