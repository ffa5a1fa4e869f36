import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Fate, fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe('while an event is tried again', () => {
  test('later ones of its stream are held back, and follow in order', async () => {
    const { publisher, appender } = publishing();
    const calls = [publisher.publish('a', 1, { key: 'k' })];
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    await turn();
    calls.push(publisher.publish('b', 1, { key: 'k' }), publisher.publish('c', 1, { key: 'k' }));
    await turn();
    expect(appender.sent).toEqual([['a']]);
    appender.storeAll();
    await until(() => appender.calls.length > 1);
    await Promise.all(calls);
    expect(appender.sent).toEqual([['a'], ['a', 'b', 'c']]);
  });

  test('other streams go on', async () => {
    const { publisher, appender } = publishing();
    fateOf(publisher.publish('a', 1, { key: 'k' }));
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    await turn();
    fateOf(publisher.publish('b', 1, { stream: 'other' }));
    await turn();
    expect(appender.sent).toEqual([['a'], ['b']]);
  });

  test('several refused ones of one call go again in the order of their calls', async () => {
    const { publisher, appender } = publishing();
    const fates = ['a', 'b', 'c', 'd'].map((type) =>
      fateOf(publisher.publish(type, 1, { key: type === 'b' ? 'x' : 'k' })),
    );
    await turn();
    appender.waiting[0]?.answerEach((type) => (type === 'b' ? '1-0' : failure('refused')));
    appender.respond = appender.store;
    await until(() => fates.every(({ receipt }) => receipt !== undefined));
    expect(appender.sent).toEqual([
      ['a', 'b', 'c', 'd'],
      ['a', 'c', 'd'],
    ]);
  });
});

describe('an event that a later one of its key has overtaken', () => {
  test('is rejected as not stored instead of being sent again: in one call', async () => {
    const { publisher, appender } = publishing();
    const [first, second] = ['a', 'b'].map((type) => fateOf(publisher.publish(type, 1, { key: 'k' })));
    await turn();
    appender.waiting[0]?.answerEach((type) => (type === 'a' ? failure('refused') : '1-0'));
    await turn();
    expect([first, second].map((fate) => wordsFor(fate ?? {}))).toEqual(['not-stored EVENTS_TRANSPORT', 'stored']);
    expect(first?.error?.message).toContain('break their order');
    await elapse(10_000);
    expect(appender.calls).toHaveLength(1);
  });

  test('is rejected as not stored instead of being sent again: in the call after', async () => {
    const { publisher, appender } = publishing();
    const first = fateOf(publisher.publish('a', 1, { key: 'k' }));
    await turn();
    const second = fateOf(publisher.publish('b', 1, { key: 'k' }));
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    await elapse(1_000);
    expect(wordsFor(first)).toBe('open');
    expect(appender.calls).toHaveLength(2);
    appender.waiting[0]?.answer(['1-0']);
    await turn();
    expect([wordsFor(first), wordsFor(second)]).toEqual(['not-stored EVENTS_TRANSPORT', 'stored']);
  });

  test('is rejected as not stored instead of being sent again: in a call that was answered before', async () => {
    const { publisher, appender } = publishing();
    const first = fateOf(publisher.publish('a', 1, { key: 'k' }));
    await turn();
    const second = fateOf(publisher.publish('b', 1, { key: 'k' }));
    await turn();
    appender.waiting[1]?.answer(['1-0']);
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    appender.respond = appender.store;
    await elapse(5_000);
    expect([wordsFor(first), wordsFor(second)]).toEqual(['not-stored EVENTS_TRANSPORT', 'stored']);
  });

  test('is sent again all the same if it has no key, or another one', async () => {
    const { publisher, appender } = publishing();
    const fates = [
      fateOf(publisher.publish('a', 1)),
      fateOf(publisher.publish('b', 1, { key: 'x' })),
      fateOf(publisher.publish('c', 1, { key: 'y' })),
    ];
    await turn();
    appender.waiting[0]?.answerEach((type) => (type === 'c' ? '1-0' : failure('refused')));
    appender.respond = appender.store;
    await until(() => fates.every(({ receipt }) => receipt !== undefined));
    expect(appender.sent.at(-1)).toEqual(['a', 'b']);
  });
});

test('whatever the server refuses, loses or takes, the stored events of a key are in the order of their calls', async () => {
  const word = fc.constantFrom('stored', 'stored', 'stored', 'refused', 'offline', 'unknown');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('x', 'y'), stream: fc.constantFrom('s', 't'), pause: fc.boolean() }), {
        minLength: 1,
        maxLength: 24,
      }),
      fc.infiniteStream(word),
      fc.infiniteStream(fc.boolean()),
      fc.boolean(),
      async (events, words, answersLater, retryUnknown) => {
        const { publisher, appender } = publishing(
          { retryUnknown, maxInFlight: 8, timeoutMs: 5_000 },
          { maxRetries: 2 },
        );
        const stored: { readonly lane: string; readonly index: number }[] = [];
        const outcomes = new Map<number, string>();
        appender.respond = (call) => {
          const answers = call.entries.map(({ stream, fields }) => {
            const kind = words.next().value;
            const { key } = JSON.parse(String(fields[5]));
            const isStored = kind === 'stored' || (kind === 'unknown' && answersLater.next().value);
            if (isStored) stored.push({ lane: `${stream} ${key}`, index: Number(fields[7]) });
            return kind === 'stored' ? appender.nextEntryId() : failure(kind);
          });
          if (answersLater.next().value) setTimeout(() => call.answer(answers), 5);
          else call.answer(answers);
        };
        const calls: { readonly fate: Fate; readonly index: number }[] = [];
        for (const [index, { key, stream, pause }] of events.entries()) {
          const fate = fateOf(publisher.publish('a', index, { key, stream }));
          calls.push({ fate, index });
          if (pause) await turn();
        }
        await until(() => calls.every(({ fate }) => wordsFor(fate) !== 'open'));
        for (const { fate, index } of calls) outcomes.set(index, fate.error?.outcome ?? 'stored');
        for (const lane of new Set(stored.map((entry) => entry.lane))) {
          const confirmed = stored
            .filter((entry) => entry.lane === lane && outcomes.get(entry.index) === 'stored')
            .map(({ index }) => index);
          // retryUnknown may leave earlier copies behind, in any place
          const lasts = confirmed.filter((index, position) => confirmed.lastIndexOf(index) === position);
          expect(lasts).toEqual([...lasts].sort((left, right) => left - right));
        }
        const storedIndexes = new Set(stored.map(({ index }) => index));
        for (const [index, outcome] of outcomes) {
          if (outcome === 'stored') expect(storedIndexes.has(index)).toBe(true);
          if (outcome === 'not-stored') expect(storedIndexes.has(index)).toBe(false);
        }
        await publisher.close();
      },
    ),
    { numRuns: 40 },
  );
});
